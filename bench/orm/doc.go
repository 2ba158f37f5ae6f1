// Package orm holds tests of libraries on package raftgroup/driver: on a group
// that is one file of the embedded engine, and on a cluster of three nodes in a
// process of its own, reached as a client. In this process no node can run: the
// SQLite that a group links and the one that GORM's driver brings cannot be
// linked together.
package orm

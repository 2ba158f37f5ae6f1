//go:build !cgo

package conn

// SQLite as rqlite links it is written in C. Without cgo there is no group: build
// with CGO_ENABLED=1 and a C compiler, or do not import package raftgroup.
var _ = package_conn_needs_cgo_build_with_CGO_ENABLED_1_and_a_C_compiler

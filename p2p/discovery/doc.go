// Package discovery keeps the list of a cluster's nodes: who is there, where,
// and what services and groups each one holds.
//
// A node finds its first peer by the configured bootstrap addresses, by what it
// remembers from its last run, by mDNS on the local network, or by a rendezvous
// on the cluster's name in a Kademlia DHT. From then on membership travels by
// peer exchange: every node signs a small record of itself anew now and
// then, and nodes that are connected tell each other the records that the
// other lacks. So each node knows all others while it is connected to a few.
//
// DESIGN.md beside this file says why it is so, and what holds at all times.
package discovery

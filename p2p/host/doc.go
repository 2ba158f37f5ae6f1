// Package host is a node's place on the network: one libp2p host with an
// identity that is kept in the data directory, and the rules for who may
// connect and how much a peer may ask for.
//
// A directory belongs to one process: New locks it. Peers are known by ID, the
// text that follows /p2p/ in an address. Every connection is encrypted and both
// ends are authenticated (Noise or TLS 1.3); with a network key
// (Config.PrivateKeyFile) only nodes that hold the same key can talk at all.
//
// The rooms above speak over streams. Handle serves a protocol within Limits:
// bytes, time, streams at once, new streams per second. A handler that panics
// costs its stream and nothing else. A peer that keeps asking for more than its
// limits, or sends what cannot be decoded (ErrMalformed), is disconnected and
// kept out for Config.BanTime.
//
// This room and the others under p2p are the only ones that import libp2p.
package host

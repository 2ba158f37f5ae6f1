// Package door is how operations come in over streams: from the nodes that hold
// no copy of a group, or do not lead it, and from clients. One side serves the
// groups of a node, the other is an [op.Engine] on a group wherever it is, which
// finds the leader, goes on to another node when one fails, and repeats a change
// only under its first ID.
//
// A request carries how long its caller still waits, how fresh its reads must
// be, and the hash of the models that its names are of; a server that does not
// know them is sent them once. Whose request it is, is who the stream comes from:
// the peer, whose identity is proven. A caller that goes away ends its request.
//
// Nodes lead on at most once: a node that does not lead answers [NotLeader], or
// leads the request on when its sender cannot reach the leader. What was led on
// is never led on again; a [Remote] under a request that came that way refuses.
package door

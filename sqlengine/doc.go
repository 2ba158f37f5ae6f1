// Package sqlengine turns operations into SQL and rows into canonical values.
// It knows no driver: an engine in a folder below gives it a [Dialect] (what
// its SQL looks like, as data), a [Session] (how a statement runs) and the
// columns that its tables really have.
//
// A statement's text depends only on the operation's shape, which is
// everything but values; texts are cached by it. Lists are padded to powers of
// two, so that a few texts serve lists of any length.
//
// Conditions in an operation are true or false, never unknown. In SQL a
// condition may also be NULL, which counts as false wherever a condition
// stands; only negation has to say so (IS NOT TRUE).
package sqlengine

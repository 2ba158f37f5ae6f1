// Package entpeer is ent's side of the benchmark. Its code is generated and
// not kept.
package entpeer

//go:generate go run -mod=mod entgo.io/ent/cmd/ent generate --target . ./schema

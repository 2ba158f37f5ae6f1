// Package entcalls compiles and runs ent's side of the table in
// docs/coming-from-ent.md.
package entcalls

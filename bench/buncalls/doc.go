// Package buncalls compiles and runs bun's side of the table in
// docs/coming-from-bun.md.
package buncalls

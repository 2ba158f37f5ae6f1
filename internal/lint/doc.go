// Package lint holds the rules of this repository as tests: who may import
// whom, what may never be linked, how long a file may be, and that the
// documents tell the truth. It has no code of its own.
//
// go test ./internal/lint -update writes the code blocks of the documents from
// the files they are taken from.
package lint

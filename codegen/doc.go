// Package codegen writes Go and JSON Schema from models: the models themselves
// as Go structs ([Models]), and for each model a package of typed columns.
//
// What it writes is formatted as gofmt does and depends on nothing but the
// models: the same models give the same text, whatever the machine and the
// hour.
package codegen

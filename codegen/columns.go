package codegen

import (
	"bytes"
	"fmt"
	"go/format"
	"path"
	"slices"
	"strings"

	"github.com/weftdb/weft/schema"
)

// columnSet is what the generated package of one model holds.
type columnSet struct {
	model     string
	columns   []column
	relations []loadable // in the order of their declaration
	counts    []loadable
}

// column is one typed column.
type column struct {
	goName, name string
	kind         string // the type in package weft: Text, NullOrdered, …
	typ          goExpr // of its values, or of the elements of a list
}

// loadable is a relation or a count, which With takes by name.
type loadable struct{ goName, name string }

// goExpr is a Go type as source, in which import path and name of a package
// stand for its local name: "map[string]\x00time time\x00.Time".
type goExpr string

// from is the package in a goExpr.
func from(importPath, name string) goExpr { return goExpr("\x00" + importPath + " " + name + "\x00") }

// basis is what a Go type is made of, as far as the kind of a column depends on
// it.
type basis uint8

const (
	onItself basis = iota // its own methods, or a struct
	onText
	onNumbers
	onBools
	onBytes
	onList
)

// kindOf is the type of the column of a field.
func kindOf(f *schema.Field, of basis) string {
	kind := "Ordered"
	switch f.Type.Kind() {
	case schema.KindString:
		switch f.Type {
		case schema.Enum:
			kind = "Value"
		case schema.UUID, schema.Time:
		default:
			kind = "Text"
		}
	case schema.KindInt, schema.KindFloat, schema.KindDecimal:
		if of == onNumbers && !f.Primary && f.Role == schema.RoleNone {
			kind = "Number"
		}
	case schema.KindBool, schema.KindBytes:
		kind = "Value"
	case schema.KindJSON:
		kind = "Doc"
		if f.Type == schema.Array && of == onList {
			kind = "List"
		}
	case schema.KindAny:
		switch of {
		case onText:
			kind = "Text"
		case onNumbers:
			kind = "Number"
		case onBools, onBytes:
			kind = "Value"
		}
	}
	if f.Encrypted {
		kind = "Sealed"
	}
	if f.Nullable {
		return "Null" + kind
	}
	return kind
}

// source writes the package.
func (c *columnSet) source(pkg, source string) ([]byte, error) {
	imports, local := c.imports()
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n%s%s\n\n", Header, sourceMark, source)
	fmt.Fprintf(&b, "// Package %s has the columns and relations of the model %s, for conditions,\n// orders and updates that the compiler checks.\npackage %s\n\n", pkg, c.model, pkg)
	writeImports(&b, imports)
	fmt.Fprintf(&b, "const model = %q\n\n", c.model)
	if len(c.columns) > 0 {
		b.WriteString("// The columns.\nvar (\n")
		for _, col := range c.columns {
			fmt.Fprintf(&b, "%s = weft.ColumnOf[weft.%s[%s]](model, %q)\n", col.goName, col.kind, col.typ.in(local), col.name)
		}
		b.WriteString(")\n\n")
	}
	for _, part := range []struct {
		title string
		list  []loadable
	}{{"The relations, for With, Has and others.", c.relations}, {"The counts, for With.", c.counts}} {
		if len(part.list) == 0 {
			continue
		}
		fmt.Fprintf(&b, "// %s\nconst (\n", part.title)
		for _, r := range part.list {
			fmt.Fprintf(&b, "%s = %q\n", r.goName, r.name)
		}
		b.WriteString(")\n\n")
	}
	src, err := format.Source(b.Bytes())
	if err != nil {
		return nil, fmt.Errorf("format the columns of %s: %w", c.model, err)
	}
	return src, nil
}

// in writes the type with the local names of packages, by import path.
func (e goExpr) in(local map[string]string) string {
	var b strings.Builder
	for i, part := range strings.Split(string(e), "\x00") {
		if i%2 == 1 {
			p, _, _ := strings.Cut(part, " ")
			part = local[p]
		}
		b.WriteString(part)
	}
	return b.String()
}

// imports are those that the package needs, and the local name of each path.
func (c *columnSet) imports() (specs []importSpec, local map[string]string) {
	local = map[string]string{weftPath: "weft"}
	specs = []importSpec{{path: weftPath}}
	used := taken("weft", "model")
	var found []string
	for _, col := range c.columns {
		for i, part := range strings.Split(string(col.typ), "\x00") {
			if i%2 == 1 {
				found = append(found, part)
			}
		}
	}
	slices.Sort(found)
	for _, part := range slices.Compact(found) {
		p, name, _ := strings.Cut(part, " ")
		local[p] = used.take(name)
		spec := importSpec{path: p}
		if local[p] != path.Base(p) {
			spec.name = local[p]
		}
		specs = append(specs, spec)
	}
	return specs, local
}

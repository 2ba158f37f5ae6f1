package codegen

import (
	"bytes"
	"errors"
	"fmt"
	"go/format"
	"slices"
	"strconv"
	"strings"

	"github.com/weftdb/weft/schema"
)

// Models writes the models of a set as the Go source of one file of package
// pkg: a struct with tags for each, and a method Weft where tags do not say it
// all. [schema.FromStruct] and [schema.Build] make an equal set of it, but for
// names of functions (below) and for what only Go has. Join models that nobody
// declared (implicit ones) are left out, because Build makes them again.
//
// A type of values without a Go type of its own becomes the nearest: array
// []any, object map[string]any, json json.RawMessage, enum a named string type
// with constants. What may be NULL is a pointer, or nil where the type has one.
//
// Functions that a model names (defaultFunc, transform, validator) and its hooks
// are code that Models does not have. The source refers to the functions, and a
// comment on the type says which ones the package has to declare beside it; in
// the model they are then named Model.field, as functions of Go models are.
//
// The source has no header and compiles in a package of its own. An error names
// every field that Go cannot express, and what to do about it.
func Models(set *schema.Set, pkg string) ([]byte, error) {
	src, _, err := models(set, pkg, "")
	return src, err
}

// models is Models that also returns the typed columns. own is the import path
// of the package; empty where nobody can import it.
func models(set *schema.Set, pkg, own string) ([]byte, []*columnSet, error) {
	if !usable(pkg) {
		return nil, nil, fmt.Errorf("%q is no name for a Go package", pkg)
	}
	w := &modelWriter{pkg: pkg, own: own, imports: map[string]bool{}, top: names{}}
	list, err := declared(set)
	if err != nil {
		return nil, nil, err
	}
	for _, m := range list {
		w.top[m.Name] = true
	}
	for _, m := range list {
		w.model(m)
	}
	if len(w.faults) > 0 {
		return nil, nil, errors.Join(w.faults...)
	}
	src, err := w.source(pkg)
	return src, w.columns, err
}

// declared are the models of the set that Build does not make of the others.
func declared(set *schema.Set) ([]*schema.Model, error) {
	if set == nil {
		return nil, errors.New("there is no set of models")
	}
	var list []*schema.Model
	var text bytes.Buffer
	for _, m := range set.Models {
		if !m.Implicit {
			list = append(list, m)
			y, err := m.YAML()
			if err != nil {
				return nil, err
			}
			text.WriteString("---\n")
			text.Write(y)
		}
	}
	if len(list) == len(set.Models) {
		return list, nil
	}
	again, err := schema.ParseYAML("", text.Bytes())
	if err != nil {
		return nil, err
	}
	rebuilt, err := schema.Build(again...)
	if err != nil { // they need a join model that says implicit and is not
		return set.Models, nil
	}
	list = list[:0]
	for _, m := range set.Models {
		if m.Implicit {
			want, err := m.YAML()
			if err != nil {
				return nil, err
			}
			if r := rebuilt.Model(m.Name); r != nil {
				if got, err := r.YAML(); err == nil && bytes.Equal(got, want) {
					continue
				}
			}
		}
		list = append(list, m)
	}
	return list, nil
}

// modelWriter writes one file.
type modelWriter struct {
	b       bytes.Buffer
	imports map[string]bool
	top     names // declared in the package
	faults  []error
	columns []*columnSet

	pkg, own string // its name, and its import path if it can be imported
}

func (w *modelWriter) fail(m *schema.Model, field, format string, args ...any) {
	at := m.Name
	if field != "" {
		at += "." + field
	}
	w.faults = append(w.faults, fmt.Errorf("%s: %s", at, fmt.Sprintf(format, args...)))
}

func (w *modelWriter) linef(format string, args ...any) {
	fmt.Fprintf(&w.b, format+"\n", args...)
}

// comment writes text as a comment, line by line.
func (w *modelWriter) comment(text string) {
	for _, l := range strings.Split(strings.TrimSpace(text), "\n") {
		w.linef("// %s", strings.TrimSpace(printable(l)))
	}
}

// printable replaces what cannot stand in a comment.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) || r == '\uFEFF' {
			return ' '
		}
		return r
	}, s)
}

func (w *modelWriter) source(pkg string) ([]byte, error) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "package %s\n\n", pkg)
	var specs []importSpec
	for p := range w.imports {
		specs = append(specs, importSpec{path: p})
	}
	writeImports(&out, specs)
	out.Write(w.b.Bytes())
	src, err := format.Source(out.Bytes())
	if err != nil {
		return nil, fmt.Errorf("format the generated models: %w", err)
	}
	return src, nil
}

// importSpec is an import, with a name where it has another than its path says.
type importSpec struct{ name, path string }

func (i importSpec) String() string {
	if i.name != "" {
		return i.name + " " + strconv.Quote(i.path)
	}
	return strconv.Quote(i.path)
}

// writeImports writes an import declaration in the form of goimports: the
// standard library, the rest, and Weft's own packages, each sorted.
func writeImports(out *bytes.Buffer, specs []importSpec) {
	switch len(specs) {
	case 0:
		return
	case 1:
		fmt.Fprintf(out, "import %s\n\n", specs[0])
		return
	}
	slices.SortFunc(specs, func(a, b importSpec) int { return strings.Compare(a.path, b.path) })
	var groups [3][]importSpec
	for _, s := range specs {
		switch first, _, _ := strings.Cut(s.path, "/"); {
		case s.path == weftPath || strings.HasPrefix(s.path, weftPath+"/"):
			groups[2] = append(groups[2], s)
		case strings.Contains(first, "."):
			groups[1] = append(groups[1], s)
		default:
			groups[0] = append(groups[0], s)
		}
	}
	out.WriteString("import (\n")
	sep := ""
	for _, g := range groups {
		if len(g) > 0 {
			out.WriteString(sep)
			sep = "\n"
		}
		for _, s := range g {
			fmt.Fprintf(out, "\t%s\n", s)
		}
	}
	out.WriteString(")\n\n")
}

// weftPath is the import path of the root package.
const weftPath = "github.com/weftdb/weft"

// model writes the declarations of one model.
func (w *modelWriter) model(m *schema.Model) {
	if !isExported(m.Name) || !usable(m.Name) {
		w.fail(m, "", "%q is no name for a Go type that other packages can use; begin it with a capital letter, and say table: %s to keep the table", m.Name, m.Table)
		return
	}
	s := &structWriter{modelWriter: w, m: m, columns: &columnSet{model: m.Name}}
	w.columns = append(w.columns, s.columns)
	s.write()
	functions := w.functions(m)
	w.linef("// %s is a row of %s.", m.Name, printable(m.Table))
	if m.Comment != "" {
		w.linef("//")
		w.comment(m.Comment)
	}
	w.wanted(m, functions)
	w.linef("type %s struct {", m.Name)
	w.b.Write(s.body.Bytes())
	w.linef("}\n")
	w.b.Write(s.types.Bytes())
	w.options(m, functions)
}

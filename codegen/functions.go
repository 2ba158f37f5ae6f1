package codegen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weftdb/weft/schema"
)

var hookMethods = []string{"BeforeCreate", "AfterCreate", "BeforeUpdate", "AfterUpdate", "BeforeDelete", "AfterDelete", "AfterFind"}

// builtinTransforms are those that every schema may name.
var builtinTransforms = []string{"trim", "lower", "upper"}

// function is one that a field names and that the package has to declare.
type function struct {
	field     *schema.Field
	part      string // of Options
	signature string
	what      string // for people
	name      string // in Go
}

// functions are those that the fields of m name.
func (w *modelWriter) functions(m *schema.Model) []function {
	var out []function
	add := func(f *schema.Field, name, part, signature, what string) {
		fn := function{field: f, part: part, signature: signature, what: what, name: name}
		if !usable(name) || w.top[name] {
			fn.name = lowerWord(m.Name) + exported(f.Name) + strings.TrimSuffix(part, "s")
		}
		for _, other := range out {
			if other.name == fn.name && other.part != fn.part {
				w.fail(m, f.Name, "%s and %s are both called %s, but are functions of different types; give them different names", other.what, what, name)
			}
		}
		out = append(out, fn)
	}
	for _, f := range m.Fields {
		if f.Default != nil && f.Default.Func != "" {
			add(f, f.Default.Func, "Defaults", "() any", "the default")
		}
		if f.Transform != "" && !slices.Contains(builtinTransforms, f.Transform) {
			add(f, f.Transform, "Transforms", "(value any) any", "the transform")
		}
		if f.Validator != "" {
			add(f, f.Validator, "Validators", "(value any) string", "the validator")
		}
	}
	return out
}

// wanted says what the package has to have beside the type.
func (w *modelWriter) wanted(m *schema.Model, list []function) {
	if len(list) > 0 {
		w.linef("//\n// The package declares beside it:\n//")
		for _, fn := range list {
			w.linef("//\tfunc %s%s // %s of %s", fn.name, fn.signature, fn.what, fn.field.Name)
		}
	}
	if m.NeedsHooks {
		w.linef("//\n// The model has hooks: methods such as BeforeCreate(context.Context) error,\n// declared in another file of the package.")
	}
}

// functionOptions writes the parts of Options that hold functions.
func functionOptions(list []function) string {
	var b strings.Builder
	for _, part := range []struct{ name, typ string }{
		{"Defaults", "map[string]func() any"}, {"Transforms", "map[string]func(any) any"}, {"Validators", "map[string]func(any) string"},
	} {
		var lines []string
		for _, fn := range list {
			if fn.part == part.name {
				lines = append(lines, fmt.Sprintf("%q: %s,\n", fn.field.Name, fn.name))
			}
		}
		if len(lines) > 0 {
			slices.Sort(lines)
			fmt.Fprintf(&b, "%s: %s{\n%s},\n", part.name, part.typ, strings.Join(lines, ""))
		}
	}
	return b.String()
}

// lowerWord writes the first word of a name in small letters: PostTag is
// postTag, URLPath urlPath.
func lowerWord(name string) string { return schema.LowerCamel(name) }

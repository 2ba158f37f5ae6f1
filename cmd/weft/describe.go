package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/weftdb/weft/schema"
)

// fieldInfo is what the start page tells of a field.
type fieldInfo struct {
	Name, Type string
	Notes      []string
	Target     string // model that the field points at
}

func describe(m *schema.Model) []fieldInfo {
	var out []fieldInfo
	for _, f := range visible(m) {
		i := fieldInfo{Name: f.Name, Type: typeName(f)}
		note := func(on bool, text string) {
			if on {
				i.Notes = append(i.Notes, text)
			}
		}
		note(f.Primary, "key")
		note(f.Unique && !f.Primary, "unique")
		note(f.Index && !f.Unique && !f.Primary, "index")
		note(f.Required, "required")
		note(f.Nullable, "nullable")
		note(f.Immutable, "immutable")
		note(f.Default != nil, "default "+defaultText(f))
		if r := pointer(m, f); r != nil {
			i.Target = r.Target.Name
		}
		out = append(out, i)
	}
	return out
}

func typeName(f *schema.Field) string {
	switch {
	case f.Type == schema.Decimal:
		p, s := f.Decimals()
		return fmt.Sprintf("decimal(%d,%d)", p, s)
	case len(f.Enum) > 0:
		return "enum(" + strings.Join(f.Enum, ", ") + ")"
	case f.Type == schema.Specific:
		return f.DBType
	case f.Size > 0:
		return string(f.Type) + "(" + strconv.Itoa(f.Size) + ")"
	}
	return string(f.Type)
}

func defaultText(f *schema.Field) string {
	switch d := f.Default; {
	case d == nil:
		return ""
	case d.Now:
		return "now"
	case d.Func != "":
		return "made by a function"
	}
	switch v := f.Default.Value.(type) {
	case json.RawMessage:
		return string(v)
	case string:
		return strconv.Quote(v)
	default:
		return exactText(v)
	}
}

// visible are the fields that the pages show, filter and sort by: not those
// that never leave the process, and not encrypted ones.
func visible(m *schema.Model) []*schema.Field {
	return slices.DeleteFunc(slices.Clone(m.Fields), func(f *schema.Field) bool { return !shown(f) })
}

func shown(f *schema.Field) bool {
	return !f.Hidden && !f.Encrypted && !strings.HasPrefix(f.Name, "_")
}

// pointer is the belongs-to relation whose foreign key is this one field.
func pointer(m *schema.Model, f *schema.Field) *schema.Relation {
	for _, r := range m.Relations {
		if r.Kind == schema.BelongsTo && len(r.From) == 1 && r.From[0] == f {
			return r
		}
	}
	return nil
}

// label is the field that tells people which row it is; nil where only the key
// can.
func label(m *schema.Model) *schema.Field {
	fields := visible(m)
	for _, name := range []string{"name", "title", "label", "username", "slug", "email"} {
		for _, f := range fields {
			if f.Name == name && f.Type.Kind() == schema.KindString {
				return f
			}
		}
	}
	for _, f := range fields {
		if f.Type == schema.String && !f.Primary && pointer(m, f) == nil {
			return f
		}
	}
	return nil
}

// sortable reports whether a list can be put in the order of a field.
func sortable(f *schema.Field) bool {
	k := f.Type.Kind()
	return k != schema.KindJSON && k != schema.KindAny
}

// isNumber reports whether values of the field are set to the right.
func isNumber(f *schema.Field) bool {
	switch f.Type.Kind() {
	case schema.KindInt, schema.KindFloat, schema.KindDecimal:
		return true
	}
	return false
}

// relationWords says what a kind of relation means.
func relationWords(k schema.RelationKind) string {
	switch k {
	case schema.BelongsTo:
		return "belongs to"
	case schema.HasOne:
		return "has one"
	case schema.HasMany:
		return "has many"
	}
	return "many to many"
}

func hasField(fields []*schema.Field, name string) bool {
	return slices.ContainsFunc(fields, func(f *schema.Field) bool { return f.Name == name })
}

// modelPath is the address of a model's list.
func modelPath(m *schema.Model) string { return "/models/" + url.PathEscape(m.Name) }

// listPath is the address of a list that one comparison narrows.
func listPath(m *schema.Model, field, operator, value string) string {
	q := url.Values{"field": {field}, "op": {operator}, "value": {value}}
	return modelPath(m) + "?" + q.Encode()
}

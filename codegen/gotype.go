package codegen

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/weftdb/weft/schema"
)

// goType is the Go type of a field and that of its values without NULL, with the
// tags that its type needs.
func (s *structWriter) goType(f *schema.Field, goN string, t *tags) (typ, plain string) {
	plain, tag := s.plainType(f, goN)
	typ = plain
	if tag == "" && f.Type == schema.String && f.Size == 0 && ruled(f.Validate).Type != schema.String {
		tag = "string" // or its rules would make it a text
	}
	switch {
	case f.Type == schema.Specific:
		t.value("type", "specificType("+f.DBType+")")
	case f.Type == schema.Enum:
		s.enumTag(f, t)
	case f.NanoID:
		t.add("nanoid")
		t.text("type", tag)
	default:
		t.text("type", tag)
	}
	if f.Size == -1 {
		t.add("size=-1")
	} else {
		t.number("size", f.Size)
	}
	t.number("precision", f.Precision)
	t.number("scale", f.Scale)
	t.flag(f.Unsigned && !strings.HasPrefix(typ, "uint"), "unsigned")
	switch raw := typ == "json.RawMessage"; {
	case raw:
		t.flag(!f.Nullable, "notnull")
	case !f.Nullable:
	case strings.HasPrefix(typ, "[]") || strings.HasPrefix(typ, "map["):
		t.add("nullable")
	default:
		typ = "*" + typ
	}
	return typ, plain
}

// column adds the typed column of a field whose values are of Go type typ.
func (s *structWriter) column(f *schema.Field, goN, typ string) {
	of := onItself
	e := goExpr(typ)
	switch typ {
	case "string":
		of = onText
	case "int32", "int64", "uint32", "uint64", "float64":
		of = onNumbers
	case "bool":
		of = onBools
	case "[]byte":
		of = onBytes
	case "[]any":
		of = onList
	case "decimal.Decimal":
		of, e = onNumbers, from("github.com/shopspring/decimal", "decimal")+".Decimal"
	case "time.Time":
		e = from("time", "time") + ".Time"
	case "json.RawMessage":
		e = from("encoding/json", "json") + ".RawMessage"
	default:
		if f.Type == schema.Enum {
			of = onText
			if e = "string"; s.own != "" {
				e = from(s.own, s.pkg) + "." + goExpr(typ)
			}
		}
	}
	kind := kindOf(f, of)
	if isList(kind) {
		e = "any"
	}
	s.columns.columns = append(s.columns.columns, column{goName: goN, name: f.Name, kind: kind, typ: e})
}

// plainType is the Go type of values that are not NULL, and what type= has to
// say where the Go type alone does not.
func (s *structWriter) plainType(f *schema.Field, goN string) (typ, tag string) {
	same := string(f.Type)
	switch f.Type {
	case schema.String:
		if f.NanoID {
			return "string", same
		}
		return "string", ""
	case schema.Text, schema.UUID, schema.Time:
		return "string", same
	case schema.NanoID:
		return "string", ""
	case schema.Enum:
		return s.enumType(f, goN), ""
	case schema.Integer:
		if f.Unsigned {
			return "uint32", same
		}
		return "int32", ""
	case schema.BigInteger:
		if f.Unsigned {
			return "uint64", ""
		}
		return "int64", ""
	case schema.Float:
		return "float64", ""
	case schema.Boolean:
		return "bool", ""
	case schema.Decimal:
		s.imports["github.com/shopspring/decimal"] = true
		return "decimal.Decimal", ""
	case schema.DateTime, schema.Date, schema.Timestamp:
		s.imports["time"] = true
		if f.Type == schema.DateTime {
			same = ""
		}
		return "time.Time", same
	case schema.Binary:
		return "[]byte", ""
	case schema.Array:
		return "[]any", ""
	case schema.Object:
		return "map[string]any", ""
	case schema.JSON, schema.JSONB:
		s.imports["encoding/json"] = true
		if f.Type == schema.JSON {
			same = ""
		}
		return "json.RawMessage", same
	}
	return specificGo(f.DBType), ""
}

// specificGo is the Go type that takes the values of a database's own type, by
// the words in its name that databases go by too.
func specificGo(dbType string) string {
	t := strings.ToLower(dbType)
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(t, w) })
	}
	switch {
	case has("interval", "point"): // not integers
	case has("int", "serial"):
		return "int64"
	case has("char", "clob", "text"):
	case has("blob", "bytea", "binary"):
		return "[]byte"
	case has("real", "floa", "doub"):
		return "float64"
	case has("bool"):
		return "bool"
	}
	return "string"
}

// enumType declares a string type with a constant for each value.
func (s *structWriter) enumType(f *schema.Field, goN string) string {
	typ := s.top.take(s.m.Name + goN)
	fmt.Fprintf(&s.types, "// %s is a value of %s.%s.\ntype %s string\n\n// The values of %s.\nconst (\n", typ, s.m.Name, f.Name, typ, typ)
	for _, v := range f.Enum {
		fmt.Fprintf(&s.types, "%s %s = %q\n", s.top.take(typ+wordsOf(v)), typ, v)
	}
	s.types.WriteString(")\n\n")
	return typ
}

// enumTag writes the values, which must not hold what separates them.
func (s *structWriter) enumTag(f *schema.Field, t *tags) {
	trimmed := !slices.ContainsFunc(f.Enum, func(v string) bool { return strings.TrimSpace(v) != v })
	without := func(chars string) bool {
		return !slices.ContainsFunc(f.Enum, func(v string) bool { return strings.ContainsAny(v, chars) })
	}
	switch {
	case trimmed && without("|"):
		t.value("enum", strings.Join(f.Enum, "|"))
	case trimmed && without(","):
		t.value("type", "enum("+strings.Join(f.Enum, ",")+")")
	default:
		s.fail(s.m, f.Name, "its values cannot be written as a tag enum=a|b: one has a space at an end, or both | and , are in use")
	}
}

// wordsOf makes the end of a Go name of any text: "in progress" is InProgress.
func wordsOf(text string) string {
	var b strings.Builder
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		b.WriteString(capital(w))
	}
	if b.Len() == 0 {
		return "Other"
	}
	return b.String()
}

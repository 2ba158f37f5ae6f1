package codegen

import (
	"bytes"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/weftdb/weft/schema"
)

// structWriter writes the struct of one model.
type structWriter struct {
	*modelWriter
	m       *schema.Model
	goNames map[any]string // by field, relation, count and group
	columns *columnSet
	body    bytes.Buffer
	types   bytes.Buffer // declared behind the struct
}

// base are the fields of weft.Model, as FromStruct reads them.
var base = []schema.Field{
	{Name: "id", Column: "id", Type: schema.UUID, Primary: true},
	{Name: "createdAt", Column: "created_at", Type: schema.DateTime, Role: schema.RoleCreated},
	{Name: "updatedAt", Column: "updated_at", Type: schema.DateTime, Role: schema.RoleUpdated},
	hiddenVersion,
}

// hiddenVersion is the field that a blank one tagged version stands for.
var hiddenVersion = schema.Field{Name: "_version", Column: "_version", Type: schema.BigInteger, Role: schema.RoleVersion, Hidden: true}

// same compares all that two fields declare.
func same(f *schema.Field, want schema.Field) bool {
	a, b := reflect.ValueOf(*f), reflect.ValueOf(want)
	for i := range a.NumField() {
		switch sf := a.Type().Field(i); {
		case !sf.IsExported() || sf.Name == "GoName" || sf.Name == "GoIndex" || sf.Name == "GoBits" || sf.Name == "Pos":
		case sf.Type.Kind() == reflect.Slice && a.Field(i).Len() == 0 && b.Field(i).Len() == 0:
		case !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()):
			return false
		}
	}
	return true
}

// baseAt is where the fields of weft.Model stand in m, -1 when they do not.
func baseAt(m *schema.Model) int {
	for at := 0; at+len(base) <= len(m.Fields); at++ {
		n := 0
		for n < len(base) && same(m.Fields[at+n], base[n]) {
			n++
		}
		if n == len(base) {
			return at
		}
	}
	return -1
}

// write writes the fields of the struct, then relations and counts.
func (s *structWriter) write() {
	used := taken("Weft", "Tracked")
	for _, h := range hookMethods {
		used[h] = true
	}
	at := baseAt(s.m)
	s.imports[weftPath] = true
	if at < 0 {
		s.body.WriteString("weft.Tracked\n\n")
	} else {
		used["Model"], used["ID"], used["CreatedAt"], used["UpdatedAt"] = true, true, true, true
	}
	s.assign(at, used)
	for i := 0; i < len(s.m.Fields); {
		f := s.m.Fields[i]
		n := 1
		switch {
		case i == at:
			s.body.WriteString("weft.Model\n")
			s.column(f, "ID", "string")
			s.column(s.m.Fields[i+1], "CreatedAt", "time.Time")
			s.column(s.m.Fields[i+2], "UpdatedAt", "time.Time")
			n = len(base)
		case same(f, hiddenVersion):
			s.body.WriteString("_ struct{} `weft:\"version\"`\n")
		case f.EmbedPrefix != "":
			for i+n < len(s.m.Fields) && s.m.Fields[i+n].EmbedPrefix == f.EmbedPrefix {
				n++
			}
			s.group(s.m.Fields[i : i+n])
		default:
			s.field(f, s.goNames[f], s.goNames[f], f.Name, f.Column)
		}
		i += n
	}
	sep := "\n"
	for _, r := range s.m.Relations {
		s.body.WriteString(sep)
		sep = ""
		s.relation(r)
	}
	for _, c := range s.m.Counts {
		s.body.WriteString(sep)
		sep = ""
		var t tags
		t.value("count", c.Relation)
		goN := s.goNames[c]
		s.columns.counts = append(s.columns.counts, loadable{goN, c.Name})
		s.line(goN, "int64", structTag("weft", t.String(), "json", s.loadedTag(goN, c.Name, c.Hidden)))
	}
}

// loadedTag is the json tag of a relation or a count.
func (s *structWriter) loadedTag(goN, name string, hidden bool) string {
	tag := jsonTag(goN, name)
	if !hidden {
		return tag
	}
	if tag != "" {
		s.fail(s.m, name, "it is hidden, so no json tag can name it; call it %s", schema.LowerCamel(goN))
	}
	return "-"
}

func (s *structWriter) line(goName, typ, tag string) {
	s.body.WriteString(goName + " " + typ + " " + tag + "\n")
}

// group stands for the embedded struct that begins with a field.
type group struct{ first *schema.Field }

// assign gives what is declared in the struct its Go names.
func (s *structWriter) assign(at int, used names) {
	s.goNames = map[any]string{}
	declare := func(exact bool) {
		name := func(key any, name string) {
			if goN := goName(name); (schema.LowerCamel(goN) == name) == exact {
				s.goNames[key] = used.take(goN)
			}
		}
		for i, f := range s.m.Fields {
			switch {
			case at >= 0 && i >= at && i < at+len(base):
			case f.EmbedPrefix == "":
				name(f, f.Name)
			case i == 0 || s.m.Fields[i-1].EmbedPrefix != f.EmbedPrefix:
				name(group{f}, f.EmbedPrefix)
			}
		}
		for _, r := range s.m.Relations {
			name(r, r.Name)
		}
		for _, c := range s.m.Counts {
			name(c, c.Name)
		}
	}
	declare(true) // they have the first choice: no tag has to say their name
	declare(false)
}

// jsonTag is what the json tag of a field has to say.
func jsonTag(goN, name string) string {
	if schema.LowerCamel(goN) == name {
		return ""
	}
	return name
}

// group writes the fields of an embedded struct.
func (s *structWriter) group(fields []*schema.Field) {
	prefix := fields[0].EmbedPrefix
	goN := s.goNames[group{fields[0]}]
	t := tags{"embed"}
	if schema.LowerCamel(goN) != prefix {
		t.value("prefix", prefix)
		if prefix == "" || strings.Contains(prefix, "_") || strings.ToLower(prefix[:1]) != prefix[:1] {
			s.fail(s.m, fields[0].Name, "the struct it is embedded in is called %q, which no tag prefix= makes; call it %s", prefix, schema.LowerCamel(prefix))
		}
	}
	s.body.WriteString(goN + " struct {\n")
	inner := names{}
	for _, f := range fields {
		rest, isInside := strings.CutPrefix(f.Name, prefix)
		if !isInside || rest == "" || plainCase(rest) != rest {
			s.fail(s.m, f.Name, "it is embedded in %q, but its name does not begin with that; call it %s", prefix, prefix+plainCase(f.Name))
			continue
		}
		name := rest
		if l := schema.LowerCamel(rest); prefix+plainCase(l) == f.Name {
			name = l
		}
		column := f.Column
		if column != schema.Snake(f.Name) {
			if column, isInside = strings.CutPrefix(f.Column, schema.Snake(prefix)+"_"); !isInside || column == "" {
				s.fail(s.m, f.Name, "it is embedded in %q, but its column %s does not begin with %s_; take embed away", prefix, f.Column, schema.Snake(prefix))
			}
		}
		innerN := inner.take(goName(name))
		s.field(f, innerN, goN+innerN, name, column)
	}
	s.body.WriteString("} " + structTag("weft", t.String()) + "\n")
}

// field writes one field. goN, name and column are its names inside the struct
// that it stands in, full its Go name in the model.
func (s *structWriter) field(f *schema.Field, goN, full, name, column string) {
	inJSON := jsonTag(goN, name)
	if f.Hidden {
		if inJSON != "" {
			s.fail(s.m, f.Name, "it is hidden, so no json tag can name it; call it %s and keep the column with column: %s",
				schema.LowerCamel(goN), f.Column)
		}
		inJSON = "-"
	}
	var t tags
	t.flag(f.Primary, "primary")
	t.flag(f.Auto, "auto")
	if column != schema.Snake(f.Name) {
		t.value("column", column)
	}
	typ, plain := s.goType(f, goN, &t)
	s.column(f, full, plain)
	s.options(f, &t)
	s.line(goN, typ, structTag("weft", t.String(), "validate", f.Validate, "json", inJSON))
}

func (s *structWriter) relation(r *schema.Relation) {
	goN := s.goNames[r]
	s.columns.relations = append(s.columns.relations, loadable{goN, r.Name})
	t := tags{r.Kind.String()}
	t.text("through", r.Through)
	fk, lk := r.KeyNames()
	t.text("fk", strings.Join(fk, "|"))
	t.text("lk", strings.Join(lk, "|"))
	t.flag(r.References, "references")
	t.text("on_delete", string(r.OnDelete))
	t.text("on_update", string(r.OnUpdate))
	t.flag(r.Eager, "eager")
	typ := "*" + r.Model
	if r.Many() {
		typ = "[]*" + r.Model
	}
	s.line(goN, typ, structTag("weft", t.String(), "json", s.loadedTag(goN, r.Name, r.Hidden)))
}

// options adds the tags of what a field is for.
func (s *structWriter) options(f *schema.Field, t *tags) {
	t.flag(f.Unique, "unique")
	t.flag(f.Index && !f.IndexGlobal, "index")
	t.flag(f.IndexGlobal, "index:global")
	t.flag(f.Search, "search")
	t.flag(f.Immutable, "immutable")
	t.flag(f.Encrypted, "encrypted")
	t.flag(f.ReadOnly, "readonly")
	t.flag(f.Required && !ruled(f.Validate).Required, "required")
	if role := roleTags[f.Role]; role != "" {
		t.add(role)
	}
	s.defaultOf(f, t)
	if slices.Contains(builtinTransforms, f.Transform) {
		t.value("transform", f.Transform)
	}
	if ref := f.References; ref != nil {
		if strings.Contains(ref.Table, ".") {
			s.fail(s.m, f.Name, "references table %q, whose name has a dot, which the tag references=table.column cannot say", ref.Table)
		}
		t.value("references", ref.Table+"."+ref.Column)
		t.text("on_delete", string(ref.OnDelete))
		t.text("on_update", string(ref.OnUpdate))
	}
	t.text("renamed_from", f.RenamedFrom)
	t.text("comment", f.Comment)
}

var roleTags = map[schema.Role]string{
	schema.RoleVersion: "version", schema.RoleCreated: "created", schema.RoleUpdated: "updated", schema.RoleOwner: "owner",
	schema.RoleDeleted: "deleted",
}

// ruled is a text field as FromStruct reads it with no more than a validate
// tag, which by itself can make it required and longer.
func ruled(validate string) schema.Field {
	m, err := schema.FromRow(reflect.StructOf([]reflect.StructField{
		{Name: "V", Type: reflect.TypeFor[string](), Tag: reflect.StructTag("validate:" + strconv.Quote(validate))},
	}))
	if err != nil {
		return schema.Field{Type: schema.String}
	}
	return *m.Fields[0]
}

func (s *structWriter) defaultOf(f *schema.Field, t *tags) {
	d := f.Default
	switch {
	case d == nil || d.Func != "":
	case d.Now:
		t.add("default=now")
	default:
		text, err := literalTag(f, d.Value)
		if err != nil {
			s.fail(s.m, f.Name, "default %v", err)
			return
		}
		t.value("default", text)
	}
}

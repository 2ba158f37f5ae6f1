package schema

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// FromStruct reads a model from a struct, a pointer to one, or the
// reflect.Type of either, and from its options (see [OptionsOf]). The model is
// a new one each time and has still to go through [Build].
//
// Exported fields are stored; see the documentation of models for tags and
// types. Anonymous structs are flattened, an outer field hiding an inner one of
// the same name as in Go. A field that points to a struct or is a list of them
// is a relation when it is tagged as one, and stored as JSON when not.
//
// A struct without a field tagged primary takes ID as its key, which counts up
// by itself when it is an integer. A string is stored as text when its validate
// tag lets more than 255 characters in, else as string. A type that implements
// driver.Valuer or sql.Scanner is a string unless type= says otherwise. A blank
// field tagged version is a hidden row version; a declared one takes its place.
//
// All faults come back in one *[Faults].
func FromStruct(v any) (*Model, error) {
	r, err := readStruct(v)
	if err != nil {
		return nil, err
	}
	if err := r.faults.err(); err != nil {
		return nil, err
	}
	return r.m, nil
}

func newStructReader(t reflect.Type) *structReader {
	return &structReader{t: t, m: &Model{Name: t.Name(), GoType: t}, best: map[string]int{}, depth: map[any]int{}}
}

// named reports a type that has no name of its own.
func (r *structReader) named() bool {
	switch {
	case r.t.Name() == "":
		r.faults.add(Fault{}, "a model needs a named struct type, not %s", r.t)
	case strings.ContainsRune(r.t.Name(), '['):
		r.faults.add(Fault{}, "the generic type %s cannot be a model; declare a type of its own", r.t)
	}
	return r.faults == nil
}

// FromRow is [FromStruct] for a struct that is no model but the shape of rows
// that a query gives: it needs neither a name nor a key (but has one by the same
// rules), and its options and hooks do not matter. v is as for FromStruct.
func FromRow(v any) (*Model, error) {
	t, err := structType(v)
	if err != nil {
		return nil, &Faults{List: []Fault{{Message: err.Error()}}}
	}
	r := newStructReader(t)
	r.walk(t, nil, embedding{}, 0, map[reflect.Type]bool{})
	r.shadow()
	r.key()
	r.jsonNames()
	if err := r.faults.err(); err != nil {
		return nil, err
	}
	return r.m, nil
}

// OptionsOf returns what the method Weft of a struct says, with value or
// pointer receiver; zero Options when it has none or v is no struct. v is as
// for [FromStruct]; the method is called on a zero value.
func OptionsOf(v any) Options {
	t, err := structType(v)
	if err != nil {
		return Options{}
	}
	if w, ok := reflect.New(t).Interface().(interface{ Weft() Options }); ok {
		return w.Weft()
	}
	return Options{}
}

func structType(v any) (reflect.Type, error) {
	t, ok := v.(reflect.Type)
	if !ok {
		t = reflect.TypeOf(v)
	}
	if t == nil {
		return nil, fmt.Errorf("a nil value is no model; hand in a struct")
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("a value of type %s is no model; hand in a struct", t)
	}
	return t, nil
}

// embedding is what structs around a field add to its names.
type embedding struct {
	name, goName string // "home", "Home"
}

func (e embedding) field(name string) string {
	if e.name == "" {
		return name
	}
	return e.name + upperFirst(name)
}

type structReader struct {
	t      reflect.Type
	m      *Model
	faults faultList
	faulty faulty
	best   map[string]int // Go name: depth of its shallowest declaration
	depth  map[any]int    // of *Field, *Relation, *Count
}

func (r *structReader) fail(field, format string, args ...any) {
	r.faults.add(Fault{Model: r.m.Name, Field: field}, format, args...)
	if field != "" {
		r.faulty.add(field, LowerCamel(field))
	}
}

// lose reports a struct field that cannot be part of the model.
func (r *structReader) lose(sf reflect.StructField, in embedding, format string, args ...any) {
	r.fail(sf.Name, format, args...)
	name, goName, _ := r.names(sf, in)
	r.faulty.add(name, goName)
	r.faulty.gone = true
}

// loseAll notes the fields of an embedded struct that cannot be flattened.
func (r *structReader) loseAll(t reflect.Type, in embedding) {
	for _, sf := range reflect.VisibleFields(t) {
		name, goName, _ := r.names(sf, in)
		r.faulty.add(name, goName)
	}
}

// malformedTag finds weft tags that reflection does not see.
var malformedTag = regexp.MustCompile(`(^|\s|")weft\s*:`)

// walk reads the fields of t, which lies at index.
func (r *structReader) walk(t reflect.Type, index []int, in embedding, depth int, open map[reflect.Type]bool) {
	if open[t] {
		r.fail("", "struct %s embeds itself", t)
		return
	}
	open[t] = true
	defer delete(open, t)
	for i := range t.NumField() {
		sf := t.Field(i)
		at := append(slices.Clone(index), i)
		text, tagged := sf.Tag.Lookup("weft")
		if text == "-" {
			continue
		}
		if !tagged && malformedTag.MatchString(string(sf.Tag)) {
			r.lose(sf, in, "the struct tag %s is malformed; write `weft:\"…\"` without spaces around the colon", sf.Tag)
			continue
		}
		parts, err := splitTag(text)
		if err != nil {
			r.lose(sf, in, "%v", err)
			continue
		}
		has := func(key string) bool {
			return slices.ContainsFunc(parts, func(p tag) bool { return p.key == key })
		}
		switch {
		case sf.Name == "_":
			if tagged {
				r.blank(parts, depth)
			}
		case sf.Anonymous && flattens(sf.Type) && (len(parts) == 0 || (len(parts) == 1 && has("embed"))):
			if sf.Type.Kind() == reflect.Pointer {
				r.lose(sf, in, "an embedded pointer cannot be flattened; embed %s itself", sf.Type.Elem())
				r.loseAll(sf.Type.Elem(), in)
				continue
			}
			r.walk(sf.Type, at, in, depth+1, open)
		case !sf.IsExported():
			if tagged {
				r.lose(sf, in, "the field is not exported, so its weft tag has no effect; export it or take the tag away")
			}
		case has("embed"):
			r.embed(sf, parts, at, in, depth, open)
		case sf.Anonymous && flattens(sf.Type) && sf.Type.Kind() == reflect.Struct:
			r.lose(sf, in, "an anonymous struct is flattened and takes only the tags embed, prefix= and -; tag the fields inside it")
			r.loseAll(sf.Type, in)
		case has("count"):
			r.count(sf, parts, at, in, depth)
		case slices.ContainsFunc(parts, func(p tag) bool { return relationKinds[p.key] != 0 }):
			r.relation(sf, parts, at, in, depth)
		default:
			r.field(sf, parts, at, in, depth)
		}
	}
}

// flattens reports whether an anonymous field of type t gives its fields to
// the struct around it.
func flattens(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct && !isScalarStruct(t)
}

// blank reads a field without a name: the hidden version.
func (r *structReader) blank(parts []tag, depth int) {
	if len(parts) != 1 || parts[0] != (tag{key: "version"}) {
		r.fail("_", "a blank field can only carry the tag version")
		return
	}
	f := &Field{Name: "_version", Column: "_version", Type: BigInteger, Role: RoleVersion, Hidden: true}
	r.depth[f] = depth
	r.m.Fields = append(r.m.Fields, f)
}

// embed flattens a named struct field.
func (r *structReader) embed(sf reflect.StructField, parts []tag, at []int, in embedding, depth int, open map[reflect.Type]bool) {
	got, errs := checkTags(parts, "an embedded struct", embedTags)
	r.report(sf.Name, errs)
	if sf.Type.Kind() != reflect.Struct {
		r.lose(sf, in, "embed is for a struct, not for %s", sf.Type)
		return
	}
	name := LowerCamel(sf.Name)
	if p, given := got["prefix"]; given {
		name = lowerGo(strings.Trim(p, "_"))
		if strings.ContainsRune(name, '_') {
			name = LowerCamel(name)
		}
	}
	next := embedding{name: in.field(name), goName: in.goName + sf.Name}
	if name == "" {
		next.name = in.name
	}
	// Its names are its own, so it hides nothing and nothing hides it.
	r.walk(sf.Type, at, next, depth, open)
}

func (r *structReader) report(field string, errs []error) {
	for _, err := range errs {
		r.fail(field, "%v", err)
	}
}

// jsonName returns the name a json tag gives, and whether it hides the field.
func jsonName(sf reflect.StructField) (name string, hidden bool) {
	s, ok := sf.Tag.Lookup("json")
	if !ok {
		return "", false
	}
	if s == "-" {
		return "", true
	}
	name, _, _ = strings.Cut(s, ",")
	return name, false
}

func (r *structReader) names(sf reflect.StructField, in embedding) (name, goName string, hidden bool) {
	name, hidden = jsonName(sf)
	if name == "" {
		name = LowerCamel(sf.Name)
	}
	return in.field(name), in.goName + sf.Name, hidden
}

func (r *structReader) declare(x any, goName string, depth int) {
	r.depth[x] = depth
	if d, ok := r.best[goName]; !ok || depth < d {
		r.best[goName] = depth
	}
}

// field reads a stored field.
func (r *structReader) field(sf reflect.StructField, parts []tag, at []int, in embedding, depth int) {
	f := &Field{GoIndex: at, EmbedPrefix: in.name}
	f.Name, f.GoName, f.Hidden = r.names(sf, in)
	got, errs := checkTags(parts, onField, fieldTags)
	r.report(f.Name, errs)
	r.declare(f, f.GoName, depth)
	r.m.Fields = append(r.m.Fields, f)
	g := typeOfGo(sf.Type)
	if g.bad != "" {
		r.fail(f.Name, "%s", g.bad)
		f.Type = String
		return
	}
	f.Type, f.Nullable, f.Unsigned = g.typ, g.nullable, g.unsigned
	if g.typ.Kind() == KindInt || g.typ.Kind() == KindFloat {
		f.GoBits = goBits(sf.Type)
	}
	f.Validate = sf.Tag.Get("validate")
	f.Required = requires(f.Validate)
	r.report(f.Name, applyTags(f, got))
	if _, given := got["notnull"]; given && sf.Type != rawType && sf.Type.Kind() != reflect.Interface {
		r.fail(f.Name, "tag notnull is for json.RawMessage and interfaces, not for %s; what is no pointer is not NULL anyway", sf.Type)
	}
	switch col, given := got["column"]; {
	case !given:
		f.Column = Snake(f.Name)
	case in.name != "":
		f.Column = Snake(in.name) + "_" + col
	}
	if g.fits != nil && !slices.Contains(g.fits, f.Type) {
		r.fail(f.Name, "a Go %s cannot be stored as %s; it can be %s", sf.Type, f.Type, typeList(g.fits))
	}
	_, typed := got["type"]
	if f.Type == String && !typed && f.Size == 0 && maxLength(f.Validate) > 255 {
		f.Type = Text // its own rules let more in than a string holds
	}
	if s, ok := got["default"]; ok && (g.fits == nil || slices.Contains(g.fits, f.Type)) {
		d, err := parseLiteral(f, s)
		if err != nil {
			r.fail(f.Name, "tag %v", err)
		}
		f.Default = d
	}
}

func typeList(types []Type) string {
	out := make([]string, len(types))
	for i, t := range types {
		out[i] = string(t)
	}
	return strings.Join(out, ", ")
}

// requires reports whether a validate tag has the rule required, for the value
// itself and not for the elements of a list.
func requires(validate string) bool {
	for _, rule := range strings.Split(validate, ",") {
		switch strings.TrimSpace(rule) {
		case "required":
			return true
		case "dive":
			return false
		}
	}
	return false
}

// maxLength returns the greatest length a validate tag lets through, 0 when it
// does not say.
func maxLength(validate string) int {
	for _, rule := range strings.Split(validate, ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(rule), "=")
		if k == "max" || k == "len" || k == "lte" {
			n, err := strconv.Atoi(v)
			if err == nil {
				return n
			}
		}
	}
	return 0
}

func (r *structReader) count(sf reflect.StructField, parts []tag, at []int, in embedding, depth int) {
	got, errs := checkTags(parts, "a count", countTags)
	c := &Count{GoIndex: at, Relation: got["count"]}
	c.Name, c.GoName, c.Hidden = r.names(sf, in)
	r.report(c.Name, errs)
	t := sf.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if k := t.Kind(); k < reflect.Int || k > reflect.Uint64 {
		r.fail(c.Name, "a count is an integer or a pointer to one, not %s", sf.Type)
	}
	r.declare(c, c.GoName, depth)
	r.m.Counts = append(r.m.Counts, c)
}

func (r *structReader) relation(sf reflect.StructField, parts []tag, at []int, in embedding, depth int) {
	got, errs := checkTags(parts, "a relation", relationTags)
	rel := &Relation{GoIndex: at, Through: got["through"]}
	rel.Name, rel.GoName, rel.Hidden = r.names(sf, in)
	r.report(rel.Name, errs)
	kinds := 0
	for _, k := range sortedKeys(relationKinds) {
		if _, ok := got[k]; ok {
			rel.Kind = relationKinds[k]
			kinds++
		}
	}
	if kinds > 1 {
		r.fail(rel.Name, "the relation has %d kinds; it can have one", kinds)
	}
	_, rel.Eager = got["eager"]
	if s := got["fk"]; s != "" {
		rel.FK = splitList(s)
	}
	if s := got["lk"]; s != "" {
		rel.LK = splitList(s)
	}
	_, rel.References = got["references"]
	action := func(tag string) Action {
		s, ok := got[tag]
		a, known := parseAction(s)
		if ok && !known {
			r.fail(rel.Name, "tag %s=%s: unknown; known: %s", tag, s, actionNames)
		}
		return a
	}
	rel.OnDelete, rel.OnUpdate = action("on_delete"), action("on_update")
	t, want := sf.Type, "*T"
	if rel.Many() {
		want = "[]*T"
		if t.Kind() == reflect.Slice {
			t = t.Elem()
		} else {
			t = nil
		}
	}
	if t == nil || t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct || t.Elem().Name() == "" {
		r.fail(rel.Name, "a %s relation is a %s of the other model, not %s", rel.Kind, want, sf.Type)
	} else {
		rel.Model = t.Elem().Name()
	}
	r.declare(rel, rel.GoName, depth)
	r.m.Relations = append(r.m.Relations, rel)
}

// shadow takes out what an outer declaration hides, as in Go, and the hidden
// version where the struct declares one of its own.
func (r *structReader) shadow() {
	version := slices.ContainsFunc(r.m.Fields, func(f *Field) bool { return f.Role == RoleVersion && f.GoIndex != nil })
	hidden := func(x any, goName string) bool { return goName != "" && r.depth[x] > r.best[goName] }
	r.m.Fields = slices.DeleteFunc(r.m.Fields, func(f *Field) bool {
		return hidden(f, f.GoName) || (version && f.GoIndex == nil)
	})
	r.m.Relations = slices.DeleteFunc(r.m.Relations, func(x *Relation) bool { return hidden(x, x.GoName) })
	r.m.Counts = slices.DeleteFunc(r.m.Counts, func(x *Count) bool { return hidden(x, x.GoName) })
}

// key makes a field ID the key of a struct that tags none. As an integer it
// counts up by itself.
func (r *structReader) key() {
	if slices.ContainsFunc(r.m.Fields, func(f *Field) bool { return f.Primary }) {
		return
	}
	for _, f := range r.m.Fields {
		if f.GoName == "ID" || f.GoName == "Id" {
			f.Primary = true
			f.Auto = f.Type.Kind() == KindInt && f.Default == nil
			return
		}
	}
}

package schema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// tag is one part of a weft tag: key or key=value.
type tag struct {
	key, value string
	hasValue   bool
}

// wants says what a tag takes.
type wants uint8

const (
	noValue wants = iota
	needsValue
	maybeEmpty // the value may be empty (default=, prefix=)
)

// The known tags. Relations and their options are apart, because a field has
// either these or those.
var (
	fieldTags = map[string]wants{
		"primary": noValue, "auto": noValue, "unique": noValue, "index": noValue, "index:global": noValue, "search": noValue,
		"nanoid": noValue, "immutable": noValue, "encrypted": noValue, "readonly": noValue, "version": noValue,
		"created": noValue, "updated": noValue, "deleted": noValue, "owner": noValue, "nullable": noValue,
		"notnull": noValue, "unsigned": noValue, "required": noValue, "column": needsValue, "type": needsValue, "default": maybeEmpty,
		"enum": needsValue, "renamed_from": needsValue, "size": needsValue, "precision": needsValue, "scale": needsValue,
		"comment": needsValue, "transform": needsValue, "references": needsValue, "on_delete": needsValue, "on_update": needsValue,
	}
	embedTags    = map[string]wants{"embed": noValue, "prefix": maybeEmpty}
	countTags    = map[string]wants{"count": needsValue}
	relationTags = map[string]wants{
		"belongs_to": noValue, "has_one": noValue, "has_many": noValue, "many_to_many": noValue,
		"through": needsValue, "fk": needsValue, "lk": needsValue, "on_delete": needsValue, "on_update": needsValue,
		"references": noValue, "eager": noValue,
	}
	knownTags = sortedTags(fieldTags, embedTags, countTags, relationTags)
)

// onField names stored fields in faults of tags.
const onField = "a stored field"

var relationKinds = map[string]RelationKind{
	"belongs_to": BelongsTo, "has_one": HasOne, "has_many": HasMany, "many_to_many": ManyToMany,
}

func sortedTags(sets ...map[string]wants) []string {
	var out []string
	for _, s := range sets {
		out = append(out, sortedKeys(s)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// splitTag cuts a tag at its commas. Commas in single quotes or parentheses
// do not count, a quote in quotes is written twice: default='a, b',
// type=decimal(18,6).
func splitTag(s string) ([]tag, error) {
	var (
		out    []tag
		cur    strings.Builder
		depth  int
		quoted bool
	)
	add := func() {
		part := strings.TrimSpace(cur.String())
		cur.Reset()
		if part == "" {
			return
		}
		k, v, has := strings.Cut(part, "=")
		v = strings.TrimSpace(v)
		if len(v) >= 2 && v[0] == '\'' && v[len(v)-1] == '\'' {
			v = strings.ReplaceAll(v[1:len(v)-1], "''", "'")
		}
		out = append(out, tag{strings.TrimSpace(k), v, has})
	}
	opens := false          // a quote opens only right behind =
	for i := range len(s) { // by bytes: a default of bytes need not be UTF-8
		c := s[i]
		switch {
		case quoted:
			quoted = c != '\''
		case c == '\'' && opens:
			quoted = true
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth <= 0:
			add()
			opens = false
			continue
		}
		cur.WriteByte(c)
		// A quote behind a closing quote is the second half of ''.
		opens = c == '=' || (c == '\'' && !quoted)
	}
	if quoted {
		return nil, fmt.Errorf("the quote in %q is not closed", s)
	}
	if depth != 0 {
		return nil, fmt.Errorf("the parentheses in %q are not balanced", s)
	}
	add()
	return out, nil
}

// checkTags reports parts that are not in allowed, that miss a value or have
// one too many, or that come twice. It returns the parts by key.
func checkTags(parts []tag, what string, allowed ...map[string]wants) (map[string]string, []error) {
	var errs []error
	got := map[string]string{}
	for _, p := range parts {
		var (
			w  wants
			ok bool
		)
		for _, set := range allowed {
			if x, in := set[p.key]; in {
				w, ok = x, true
			}
		}
		switch {
		case !ok && slices.Contains(knownTags, p.key):
			hint := ""
			if _, rel := relationTags[p.key]; rel && what == onField {
				hint = "; a relation has one of belongs_to, has_one, has_many, many_to_many"
			}
			errs = append(errs, fmt.Errorf("tag %q makes no sense on %s%s", p.key, what, hint))
			continue
		case !ok:
			errs = append(errs, fmt.Errorf("tag %q is unknown; %s", p.key, oneOf(p.key, knownTags)))
			continue
		case w == noValue && p.hasValue:
			errs = append(errs, fmt.Errorf("tag %q takes no value, but has %q", p.key, p.value))
		case w == needsValue && p.value == "":
			errs = append(errs, fmt.Errorf("tag %q needs a value: %s=…", p.key, p.key))
			continue
		case w == maybeEmpty && !p.hasValue:
			errs = append(errs, fmt.Errorf("tag %q needs a value: %s=…", p.key, p.key))
			continue
		}
		if _, twice := got[p.key]; twice {
			errs = append(errs, fmt.Errorf("tag %q is given twice", p.key))
		}
		got[p.key] = p.value
	}
	return got, errs
}

// applyTags sets the options of a field from its tags. The type is already
// there, but for type= and what implies one.
func applyTags(f *Field, got map[string]string) []error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	has := func(k string) bool { _, ok := got[k]; return ok }
	number := func(k string, to *int) {
		s, ok := got[k]
		if !ok {
			return
		}
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			fail("tag %s=%s: not a number of 0 or more", k, s)
			return
		}
		*to = n
	}
	if s, ok := got["type"]; ok {
		if err := parseType(f, s); err != nil {
			fail("tag type=%s: %v", s, err)
		}
	}
	if got["size"] == "-1" { // as long as it likes
		f.Size = -1
	} else {
		number("size", &f.Size)
	}
	number("precision", &f.Precision)
	number("scale", &f.Scale)
	if s, ok := got["enum"]; ok {
		f.Enum = splitList(s)
		if !has("type") {
			f.Type = Enum
		}
	}
	if has("nanoid") || f.Type == NanoID {
		f.NanoID = true
		if !has("type") {
			f.Type = NanoID
		}
	}
	if s, ok := got["column"]; ok {
		f.Column = s
	}
	f.RenamedFrom, f.Comment, f.Transform = got["renamed_from"], got["comment"], got["transform"]
	f.Primary, f.Auto, f.Unique = has("primary"), has("auto"), has("unique")
	f.IndexGlobal = has("index:global")
	f.Index = has("index") || f.IndexGlobal
	f.Search, f.Immutable, f.Encrypted, f.ReadOnly = has("search"), has("immutable"), has("encrypted"), has("readonly")
	f.Required = f.Required || has("required")
	f.Nullable = f.Nullable || has("nullable")
	if has("notnull") {
		if has("nullable") {
			fail("the tags nullable and notnull contradict each other")
		}
		f.Nullable = false
	}
	f.Unsigned = f.Unsigned || has("unsigned")
	roles := 0
	for _, r := range roleTags {
		if has(r.name) {
			f.Role = r.role
			roles++
		}
	}
	if roles > 1 {
		fail("the field has %d of the tags version, created, updated, deleted, owner; it can have one", roles)
	}
	if s, ok := got["references"]; ok {
		table, column, found := strings.Cut(s, ".")
		if !found || table == "" || column == "" {
			fail("tag references=%s: write references=table.column", s)
		} else {
			f.References = &Reference{Table: table, Column: column}
		}
	}
	for _, k := range []string{"on_delete", "on_update"} {
		s, ok := got[k]
		if !ok {
			continue
		}
		a, known := parseAction(s)
		switch {
		case !known:
			fail("tag %s=%s: unknown; known: %s", k, s, actionNames)
		case f.References == nil && !has("references"):
			fail("tag %s needs references=table.column", k)
		case f.References != nil && k == "on_delete":
			f.References.OnDelete = a
		case f.References != nil:
			f.References.OnUpdate = a
		}
	}
	return errs
}

var roleTags = []struct {
	name string
	role Role
}{
	{"version", RoleVersion}, {"created", RoleCreated}, {"updated", RoleUpdated}, {"deleted", RoleDeleted}, {"owner", RoleOwner},
}

func splitList(s string) []string {
	out := strings.Split(s, "|")
	for i := range out {
		out[i] = strings.TrimSpace(out[i])
	}
	return out
}

// parseAction reads an action as tags and YAML write it: "set null", set_null,
// SET NULL, no action.
func parseAction(s string) (Action, bool) {
	a := Action(strings.ToLower(strings.ReplaceAll(strings.TrimSpace(s), "_", " ")))
	if a == "no action" || a == "none" {
		return NoAction, true
	}
	return a, validAction(a) && a != NoAction
}

// typeAliases are further names of types.
var typeAliases = map[string]Type{
	"number": Float, "int": Integer, "bigint": BigInteger, "bool": Boolean, "dateTime": DateTime,
}

// parseType reads a type with its size: string(80), decimal(18,6),
// enum(a,b), specificType(citext), increments.
func parseType(f *Field, s string) error {
	name, arg, hasArg := strings.Cut(strings.TrimSpace(s), "(")
	name = strings.TrimSpace(name)
	if hasArg {
		if !strings.HasSuffix(arg, ")") {
			return fmt.Errorf("the parenthesis of %q is not closed", s)
		}
		arg = strings.TrimSpace(strings.TrimSuffix(arg, ")"))
	}
	switch t, alias := typeAliases[name]; {
	case name == "increments":
		f.Type, f.Primary, f.Auto = Integer, true, true
	case name == "bigIncrements":
		f.Type, f.Primary, f.Auto = BigInteger, true, true
	case alias:
		f.Type = t
	case slices.Contains(typeNames, name):
		f.Type = Type(name)
	default:
		return fmt.Errorf("type %q is unknown; %s", name, oneOf(name, typeNames))
	}
	if !hasArg {
		return nil
	}
	bad := fmt.Errorf("%q is not understood; forms are string(80), nanoid(12), decimal(18,6), enum(a,b), specificType(citext)", s)
	switch f.Type {
	case String, NanoID, Binary:
		n, err := strconv.Atoi(arg)
		if err != nil || n < 1 {
			return bad
		}
		f.Size = n
	case Decimal:
		p, sc, two := strings.Cut(arg, ",")
		n, err := strconv.Atoi(strings.TrimSpace(p))
		if err != nil || n < 1 {
			return bad
		}
		f.Precision, f.Scale = n, 0
		if two {
			if f.Scale, err = strconv.Atoi(strings.TrimSpace(sc)); err != nil || f.Scale < 0 {
				return bad
			}
		}
	case Enum:
		for _, v := range strings.Split(arg, ",") {
			f.Enum = append(f.Enum, strings.TrimSpace(v))
		}
	case Specific:
		if arg == "" {
			return bad
		}
		f.DBType = arg
	default:
		return bad
	}
	return nil
}

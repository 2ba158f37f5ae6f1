package op

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/weftdb/weft/schema"
)

// maxDepth is how deep conditions and relations may be nested.
const maxDepth = 200

func tooDeep() error {
	return Errorf(CodeValidation, "the condition is nested deeper than %d", maxDepth)
}

// scope is where the names of a condition are looked up: the fields of a
// model or, when cols is set, the columns of an aggregate's result.
type scope struct {
	m     *schema.Model
	cols  []*schema.Field
	equal bool // encrypted fields may be compared by =
}

func (sc *scope) model() string { return sc.m.Name }

func (sc *scope) field(name string) *schema.Field {
	if sc.cols == nil {
		return sc.m.Field(name)
	}
	for _, f := range sc.cols {
		if f.Name == name {
			return f
		}
	}
	if f := sc.m.Field(name); f != nil && f.Name != name {
		return sc.field(f.Name) // the Go name of a column
	}
	return nil
}

// place resolves a field with an optional path. A name with dots that is no
// field is a field and a path.
func (sc *scope) place(name string, path []string) (*schema.Field, string, []string, error) {
	f := sc.field(name)
	if f == nil && len(path) == 0 {
		if head, rest, dotted := strings.Cut(name, "."); dotted {
			if f = sc.field(head); f != nil {
				path = strings.Split(rest, ".")
			} else if sc.m.Relation(head) != nil {
				name = head
			}
		}
	}
	if f == nil {
		return nil, "", nil, sc.unknown(name)
	}
	if len(path) > 0 {
		if f.Encrypted {
			return nil, "", nil, sealed(sc.m, f, "nothing inside can be reached by a path; read and set the whole value")
		}
		if f.Type.Kind() != schema.KindJSON {
			return nil, "", nil, Invalid(sc.model(), f.Name, "path", "is %s and has no %q inside; only JSON fields have", f.Type, strings.Join(path, "."))
		}
		if len(path) > maxJSONDepth {
			return nil, "", nil, Invalid(sc.model(), f.Name, "path", "a path has at most %d steps", maxJSONDepth)
		}
		for _, seg := range path {
			if seg == "" || badText(seg) != "" {
				return nil, "", nil, Invalid(sc.model(), f.Name, "path", "has a path with an empty step or one that is no text")
			}
		}
	}
	return f, f.Name, path, nil
}

// NoColumn says why a name that is a count field cannot stand where a stored
// field is wanted; "" for any other name.
func NoColumn(m *schema.Model, name string) string {
	c := m.Count(name)
	if c == nil {
		return ""
	}
	return fmt.Sprintf("is a count, which With loads and nothing stores; HasCount(%q, …) compares the number", c.Relation)
}

func (sc *scope) unknown(name string) error {
	if why := NoColumn(sc.m, name); why != "" && sc.cols == nil {
		return Invalid(sc.model(), sc.m.Count(name).Name, "field", "%s", why)
	}
	if r := sc.m.Relation(name); r != nil && sc.cols == nil {
		return Invalid(sc.model(), name, "field", "is a relation, not a field; Has(%q, …) is a condition on the rows it leads to", r.Name)
	}
	fields := sc.cols
	if fields == nil {
		fields = sc.m.Fields
	}
	names := make([]string, 0, len(fields))
	for _, f := range fields {
		names = append(names, f.Name)
	}
	what := "is not a field"
	if sc.cols != nil {
		what = "is not a column of the result"
	}
	if name == "" {
		what = "the empty name " + what
	}
	return Invalid(sc.model(), name, "field", "%s%s", what, choices(name, names))
}

// choices lists what would be right, the likeliest first.
func choices(name string, names []string) string {
	best, dist := "", max(2, len(name)/3)+1
	for _, n := range names {
		if d := distance(strings.ToLower(name), strings.ToLower(n)); d < dist {
			best, dist = n, d
		}
	}
	list := "; there are " + strings.Join(names, ", ")
	if best != "" {
		return fmt.Sprintf("; did you mean %s?%s", best, strings.Replace(list, "; there", " There", 1))
	}
	return list
}

// distance is the number of edits between two short names.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := prev
			if a[i] != b[j] {
				cost = 1 + min(prev, row[j], row[j+1])
			}
			prev, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// names resolves a list of field names.
func (sc *scope) names(list *[]string) error {
	copied := false
	for i, name := range *list {
		f := sc.field(name)
		if f == nil {
			return sc.unknown(name)
		}
		if f.Name == name {
			continue
		}
		if !copied {
			*list, copied = slices.Clone(*list), true
		}
		(*list)[i] = f.Name
	}
	return nil
}

// normalize makes a condition canonical that belongs to the caller, and reports
// whether it changed. What it shares with others is never written to.
func (sc *scope) normalize(c *Cond) (bool, error) {
	if c.Kind == True {
		return false, nil
	}
	n, err := sc.cond(c, 0)
	if err != nil || n == nil {
		return false, err
	}
	*c = *n
	return true, nil
}

// cond returns the canonical form of a condition, nil when c is canonical.
func (sc *scope) cond(c *Cond, depth int) (*Cond, error) {
	switch c.Kind {
	case True, False:
		return nil, nil
	case Compare:
		return sc.compare(c)
	case And, Or, Not:
		if c.Kind == Not && len(c.Conds) != 1 {
			return nil, Errorf(CodeValidation, "not takes one condition, not %d", len(c.Conds))
		}
		conds, err := sc.conds(c.Conds, depth)
		if err != nil || conds == nil {
			return nil, err
		}
		n := *c
		n.Conds = conds
		return &n, nil
	case Has, HasCount:
		return sc.has(c, depth)
	case Match:
		return sc.match(c)
	}
	return nil, Errorf(CodeValidation, "%d is no kind of condition", c.Kind)
}

// conds returns the canonical form of a list, nil when it is canonical.
func (sc *scope) conds(list []Cond, depth int) ([]Cond, error) {
	if depth >= maxDepth {
		return nil, tooDeep()
	}
	var out []Cond
	for i := range list {
		n, err := sc.cond(&list[i], depth+1)
		if err != nil {
			return nil, err
		}
		if n == nil {
			continue
		}
		if out == nil {
			out = slices.Clone(list)
		}
		out[i] = *n
	}
	return out, nil
}

func (sc *scope) has(c *Cond, depth int) (*Cond, error) {
	if sc.cols != nil {
		return nil, Errorf(CodeValidation, "groups of %s have no relations", sc.model())
	}
	r, err := sc.relation(c.Relation)
	if err != nil {
		return nil, err
	}
	if c.Kind == HasCount {
		switch c.Op {
		case Eq, Ne, Lt, Le, Gt, Ge:
		default:
			return nil, Invalid(sc.model(), r.Name, "operator", "a number of rows is compared by = != < <= > >=, not by %s", c.Op)
		}
	}
	to := scope{m: r.Target}
	conds, err := to.conds(c.Conds, depth)
	if err != nil {
		return nil, err
	}
	var join []Cond
	if len(c.Join) > 0 {
		if r.Kind != schema.ManyToMany {
			return nil, noJoin(r)
		}
		via := scope{m: r.Via}
		if join, err = via.conds(c.Join, depth); err != nil {
			return nil, err
		}
	}
	if conds == nil && join == nil && c.Relation == r.Name && c.Target == r.Target {
		return nil, nil
	}
	n := *c
	n.Relation, n.Target = r.Name, r.Target
	if conds != nil {
		n.Conds = conds
	}
	if join != nil {
		n.Join = join
	}
	return &n, nil
}

func noJoin(r *schema.Relation) error {
	return Invalid(r.Owner.Name, r.Name, "relation", "is %s and has no join model to put conditions on", r.Kind)
}

func (sc *scope) match(c *Cond) (*Cond, error) {
	words, ok := c.Value.(string)
	if !ok || sc.cols != nil {
		return nil, Errorf(CodeValidation, "full-text search in %s needs a text", sc.model())
	}
	if why := badText(words); why != "" {
		return nil, Errorf(CodeValidation, "%s", why)
	}
	if len(words) >= 2*MaxSearchWords { // a shorter text has fewer words
		if _, err := ParseSearch(words); err != nil {
			return nil, err
		}
	}
	fields := c.Fields
	if err := sc.names(&fields); err != nil {
		return nil, err
	}
	some := slices.ContainsFunc(sc.m.Fields, func(f *schema.Field) bool { return f.Search })
	for _, name := range fields {
		f := sc.field(name)
		if f.Encrypted {
			return nil, sealed(sc.m, f, "there are no words to search")
		}
		if !f.Search && some {
			var names []string
			for _, f := range SearchFields(sc.m, nil) {
				names = append(names, f.Name)
			}
			return nil, Invalid(sc.model(), name, "search", `is not a search field (tag weft:"search")%s`, choices(name, names))
		}
	}
	if !some {
		return nil, Errorf(CodeValidation, `%s has no search fields: tag a text field with weft:"search"`, sc.model())
	}
	if len(fields) == 0 || &fields[0] == &c.Fields[0] {
		return nil, nil
	}
	n := *c
	n.Fields = fields
	return &n, nil
}

func (sc *scope) compare(c *Cond) (*Cond, error) {
	f, name, path, err := sc.place(c.Field, c.Path)
	if err != nil {
		return nil, err
	}
	kind := f.Type.Kind()
	if f.Encrypted && !asksNull(c) && !(sc.equal && c.Op == Eq) {
		return nil, sealed(sc.m, f, "it cannot be compared; is null and not null can be asked")
	}
	if !fits(f.Type, kind, len(path) > 0, c) {
		return nil, sc.misfit(f, kind, path, c.Op)
	}
	value, list, same := c.Value, c.List, true
	switch c.Op {
	case IsNull, NotNull:
	case In, NotIn, Between:
		if list == nil && value != nil {
			value, list, same = nil, spread(value), false
		}
		if c.Op == Between && len(list) != 2 {
			return nil, Invalid(sc.model(), name, "operator", "between takes two values, not %d", len(list))
		}
		var sameList bool
		list, sameList, err = condValues(f, kind, c.Op, list)
		same = same && sameList
	default:
		value, same, err = condValue(f, kind, c.Op, value)
	}
	if err != nil {
		return nil, sc.at(err, -1)
	}
	if same && name == c.Field && len(path) == len(c.Path) {
		return nil, nil
	}
	n := *c
	n.Field, n.Path, n.Value, n.List = name, path, value, list
	return &n, nil
}

// asksNull reports whether a comparison asks for nothing but NULL.
func asksNull(c *Cond) bool {
	switch c.Op {
	case IsNull, NotNull:
		return true
	case Eq, Ne:
		return isNil(c.Value)
	}
	return false
}

// sealed is the error for what cannot be done with an encrypted field.
func sealed(m *schema.Model, f *schema.Field, why string) error {
	return Invalid(m.Name, f.Name, "encrypted", "is encrypted: %s", why)
}

// spread takes the elements of a slice given as the value of a list operator.
func spread(value any) []any {
	rv := reflect.ValueOf(value)
	if rv.Kind() != reflect.Slice {
		return []any{value}
	}
	list := make([]any, rv.Len())
	for i := range list {
		list[i] = rv.Index(i).Interface()
	}
	return list
}

// condValues is condValue for a list.
func condValues(f *schema.Field, kind schema.ValueKind, o Operator, list []any) ([]any, bool, error) {
	unchanged := true
	for i, v := range list {
		out, same, err := condValue(f, kind, o, v)
		if err != nil {
			return nil, false, err
		}
		if same {
			continue
		}
		if unchanged {
			list, unchanged = slices.Clone(list), false
		}
		list[i] = out
	}
	return list, unchanged, nil
}

// condValue returns the canonical form of a value that a field is compared with.
func condValue(f *schema.Field, kind schema.ValueKind, o Operator, v any) (any, bool, error) {
	switch {
	case kind == schema.KindJSON:
		return canonScalar(f.Name, v)
	case o == Like || o == StartsWith || o == EndsWith:
		if s, ok := v.(string); ok && badText(s) == "" {
			return v, true, nil
		}
		text := schema.Field{Name: f.Name, Type: schema.Text, Nullable: true}
		return canonFor(&text, schema.KindString, v, false)
	}
	return canonFor(f, kind, v, false)
}

// fits reports whether an operator can be used on a type.
func fits(t schema.Type, kind schema.ValueKind, path bool, c *Cond) bool {
	switch c.Op {
	case IsNull, NotNull:
		return true
	case Eq, Ne:
		return kind != schema.KindJSON || path || isNil(c.Value)
	case Lt, Le, Gt, Ge, In, NotIn, Between:
		return kind != schema.KindJSON || path
	case Like, StartsWith, EndsWith:
		return kind == schema.KindString || kind == schema.KindAny || (kind == schema.KindJSON && path)
	case Contains:
		return kind == schema.KindJSON && (path || t != schema.Object)
	}
	return false
}

func isNil(v any) bool {
	if v == nil {
		return true
	}
	c, err := Canon(v)
	return err == nil && c == nil
}

func (sc *scope) misfit(f *schema.Field, kind schema.ValueKind, path []string, o Operator) error {
	if o < Eq || o > NotNull {
		return Invalid(sc.model(), f.Name, "operator", "%d is no operator", o)
	}
	var ok []string
	for x := Eq; x <= NotNull; x++ {
		if fits(f.Type, kind, len(path) > 0, &Cond{Op: x}) {
			ok = append(ok, x.String())
		}
	}
	note := ""
	if kind == schema.KindJSON && len(path) == 0 {
		note = " (= and != with nil only); a path into it has more, like " + f.Name + ".key"
	}
	return Invalid(sc.model(), f.Name, "operator", "is %s and cannot be compared by %q; it has %s%s", f.Type, o, strings.Join(ok, ", "), note)
}

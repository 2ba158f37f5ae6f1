package op

import (
	"strings"

	"github.com/weftdb/weft/schema"
)

// Lookup returns the rows that a relation leads to from the row whose fields
// r.From have the values of key, none of them NULL. Rows have all fields of
// r.Target in their order; a row found through two rows of r.Via comes once.
// Of a many_to_many only rows of r.Via count for which join holds.
type Lookup func(r *schema.Relation, key []any, join Cond) ([][]any, error)

// MatchRow reports whether a condition holds for a row that has all fields of
// the model in their order. The condition has gone through Normalize. look may
// be nil where the condition has no relations.
func MatchRow(m *schema.Model, row []any, c Cond, look Lookup) (bool, error) {
	sc := scope{m: m}
	return sc.holds(row, &c, look)
}

// NormalizeColumns is Normalize for a condition on rows of m's groups with the
// given columns, such as [ResultColumns] returns.
func NormalizeColumns(m *schema.Model, cols []*schema.Field, c *Cond) error {
	sc := scope{m: m, cols: cols}
	_, err := sc.normalize(c)
	return err
}

// MatchColumns is MatchRow for a row with the given columns, as
// [ResultColumns] returns them. The condition has gone through
// [NormalizeColumns] or, as Having, through Normalize.
func MatchColumns(cols []*schema.Field, row []any, c Cond) (bool, error) {
	sc := scope{m: &schema.Model{Name: "the result"}, cols: cols}
	return sc.holds(row, &c, nil)
}

// value returns the value of a field, or at a path inside of it, and the
// field's kind.
func (sc *scope) value(row []any, name string, path []string) (any, error) {
	f, pos := sc.field(name), 0
	if f == nil {
		return nil, sc.unknown(name)
	}
	if sc.cols == nil {
		pos = f.Pos
	} else {
		for sc.cols[pos] != f {
			pos++
		}
	}
	if pos >= len(row) {
		return nil, Errorf(CodeInternal, "a row of %s has %d values, too few for %s", sc.model(), len(row), name)
	}
	v := row[pos]
	if len(path) == 0 {
		return v, nil
	}
	if j, ok := v.(JSON); ok {
		return JSONPath(j, path), nil
	}
	return nil, nil
}

// Place returns the value of a field of a full row, or at a path inside a JSON
// field, as sorting and conditions see it.
func Place(m *schema.Model, row []any, field string, path []string) (any, error) {
	sc := scope{m: m}
	return sc.value(row, field, path)
}

func (sc *scope) holds(row []any, c *Cond, look Lookup) (bool, error) {
	switch c.Kind {
	case True:
		return true, nil
	case False:
		return false, nil
	case Compare:
		v, err := sc.value(row, c.Field, c.Path)
		return err == nil && compareHolds(v, c), err
	case And, Or:
		for i := range c.Conds {
			ok, err := sc.holds(row, &c.Conds[i], look)
			if err != nil || ok != (c.Kind == And) {
				return ok, err
			}
		}
		return c.Kind == And, nil
	case Not:
		if len(c.Conds) != 1 {
			return false, Errorf(CodeInternal, "not takes one condition")
		}
		ok, err := sc.holds(row, &c.Conds[0], look)
		return err == nil && !ok, err
	case Has, HasCount:
		return sc.hasHolds(row, c, look)
	case Match:
		return sc.searchHolds(row, c)
	}
	return false, Errorf(CodeInternal, "%d is no kind of condition", c.Kind)
}

func (sc *scope) searchHolds(row []any, c *Cond) (bool, error) {
	text, ok := c.Value.(string)
	if !ok || sc.cols != nil {
		return false, Errorf(CodeInternal, "a search in %s needs a text", sc.model())
	}
	s, err := ParseSearch(text)
	if err != nil {
		return false, err
	}
	if len(row) < len(sc.m.Fields) {
		return false, Errorf(CodeInternal, "a row of %s has %d values, too few for a search", sc.model(), len(row))
	}
	return s.Fits(searched(sc.m, row, c.Fields)), nil
}

func (sc *scope) hasHolds(row []any, c *Cond, look Lookup) (bool, error) {
	r := sc.m.Relation(c.Relation)
	if r == nil || look == nil {
		return false, Errorf(CodeInternal, "relation %q of %s cannot be looked up here", c.Relation, sc.model())
	}
	key := make([]any, len(r.From))
	var related [][]any
	for i, f := range r.From {
		key[i] = row[f.Pos]
	}
	if !hasNil(key) {
		var err error
		if related, err = look(r, key, AllOf(c.Join...)); err != nil {
			return false, err
		}
	}
	to := scope{m: r.Target}
	all := Cond{Kind: And, Conds: c.Conds}
	var n int64
	for _, child := range related {
		ok, err := to.holds(child, &all, look)
		if err != nil {
			return false, err
		}
		if ok {
			n++
		}
	}
	if c.Kind == Has {
		return n > 0, nil
	}
	return compareHolds(n, &Cond{Op: c.Op, Value: c.N}), nil
}

func hasNil(vals []any) bool {
	for _, v := range vals {
		if v == nil {
			return true
		}
	}
	return false
}

// compareHolds is the meaning of every operator, two-valued.
func compareHolds(v any, c *Cond) bool {
	switch c.Op {
	case Eq:
		return CompareValues(v, c.Value) == 0
	case Ne:
		return CompareValues(v, c.Value) != 0
	case Lt, Le, Gt, Ge:
		return ordered(v, c.Op, c.Value)
	case Between:
		return len(c.List) == 2 && ordered(v, Ge, c.List[0]) && ordered(v, Le, c.List[1])
	case In, NotIn:
		for _, x := range c.List {
			if CompareValues(v, x) == 0 {
				return c.Op == In
			}
		}
		return c.Op == NotIn
	case IsNull:
		return v == nil
	case NotNull:
		return v != nil
	case Contains:
		j, ok := v.(JSON)
		return ok && JSONContains(j, c.Value)
	}
	text, ok := v.(string)
	part, alsoOK := c.Value.(string)
	if !ok || !alsoOK {
		return false
	}
	switch c.Op {
	case Like:
		return strings.Contains(Fold(text), Fold(part))
	case StartsWith:
		return strings.HasPrefix(text, part)
	case EndsWith:
		return strings.HasSuffix(text, part)
	}
	return false
}

// ordered compares values of the same type; NULL and others never match.
func ordered(v any, o Operator, with any) bool {
	if v == nil || with == nil || rank(v) != rank(with) {
		return false
	}
	n := CompareValues(v, with)
	switch o {
	case Lt:
		return n < 0
	case Le:
		return n <= 0
	case Gt:
		return n > 0
	}
	return n >= 0
}

package optest

import (
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// cell is one combination that the differential test has to meet: an operator
// on a type, its operand NULL or not, and a row whose value is NULL or not.
type cell struct {
	typ     string // a type, or "json path" and the like
	op      op.Operator
	operand bool // the operand is, or holds, NULL
	row     bool // the row's value is NULL
}

func (c cell) String() string {
	word := func(null bool) string {
		if null {
			return "NULL"
		}
		return "a value"
	}
	return fmt.Sprintf("%s %s with %s on a row with %s", c.typ, c.op, word(c.operand), word(c.row))
}

// coverage counts what was met.
type coverage struct {
	types []string // in order of the model's fields
	ops   map[string][]op.Operator
	cells map[cell]int
	kinds map[op.Kind]map[string]int // outcome of operations
	ways  map[way]int                // operations via relations that gave rows
	far   map[reach]int              // columns that are no fields, by how their values came out

	searches map[searchCell]int // nil where there is no full-text search
}

// reach is a kind of column that is no field of the model, and what its value
// was.
type reach struct {
	kind op.Kind
	what string // "a relation", "two relations", or a part of a time
	null bool
}

func (r reach) String() string {
	value := "a value"
	if r.null {
		value = "NULL"
	}
	return kindName(r.kind) + " by " + r.what + " with " + value
}

// allReaches lists every one there is.
func allReaches() []reach {
	var out []reach
	for _, k := range []op.Kind{op.Find, op.Aggregate} {
		whats := []string{"a relation", "two relations"}
		for _, p := range timeParts {
			whats = append(whats, string(p))
		}
		for _, what := range whats {
			out = append(out, reach{k, what, false}, reach{k, what, true})
		}
	}
	return out
}

// reached records the columns of an operation that are no fields and the values
// they had in its rows.
func (c *coverage) reached(o *op.Op, rows [][]any) {
	names := o.Fields
	if o.Kind == op.Aggregate {
		names = o.GroupBy
	} else if o.Kind != op.Find {
		return
	}
	for i, name := range names {
		col, err := op.ColumnOf(o.Model, name)
		if err != nil || col.Plain() {
			continue
		}
		what := string(col.Part)
		switch {
		case strings.Contains(col.Path, "."):
			what = "two relations"
		case col.Path != "":
			what = "a relation"
		}
		for _, row := range rows {
			c.far[reach{o.Kind, what, row[i] == nil}]++
		}
	}
}

// neverReached lists the kinds of columns that were never met.
func (c *coverage) neverReached() []reach {
	var out []reach
	for _, r := range allReaches() {
		if c.far[r] == 0 {
			out = append(out, r)
		}
	}
	return out
}

// way is a kind of operation that goes by a kind of relation.
type way struct {
	kind op.Kind
	by   schema.RelationKind
}

func (w way) String() string { return kindName(w.kind) + " via " + w.by.String() }

// allWays lists every way there is.
func allWays() []way {
	var out []way
	for _, k := range []op.Kind{op.Find, op.Aggregate} {
		for by := schema.BelongsTo; by <= schema.ManyToMany; by++ {
			out = append(out, way{k, by})
		}
	}
	return out
}

// gone records an operation via a relation and how many rows it gave.
func (c *coverage) gone(o *op.Op, rows int) {
	if o.Via != nil && rows > 0 {
		c.ways[way{o.Kind, o.Via.Model.Relation(o.Via.Relation).Kind}]++
	}
}

// neverGone lists the ways on which no rows were met.
func (c *coverage) neverGone() []way {
	var out []way
	for _, w := range allWays() {
		if c.ways[w] == 0 {
			out = append(out, w)
		}
	}
	return out
}

func newCoverage(set *schema.Set, searches bool) *coverage {
	c := &coverage{ops: map[string][]op.Operator{}, cells: map[cell]int{}, kinds: map[op.Kind]map[string]int{}, ways: map[way]int{}, far: map[reach]int{}}
	if searches {
		c.searches = map[searchCell]int{}
	}
	add := func(label string, ops []op.Operator) {
		if _, ok := c.ops[label]; !ok {
			c.types = append(c.types, label)
			c.ops[label] = ops
		}
	}
	m := set.Model("Wide")
	for _, f := range m.Fields {
		add(label(f, nil), operatorsOf(f))
	}
	for _, f := range m.Fields {
		if f.Type.Kind() == jsonKind {
			add(label(f, []string{"x"}), pathOperators)
		}
	}
	return c
}

// pathOperators hold at a place in a JSON field.
var pathOperators = concat(equality, ordering, textual, []op.Operator{op.Contains})

func label(f *schema.Field, path []string) string {
	if len(path) > 0 {
		return string(f.Type) + " path"
	}
	return string(f.Type)
}

// note records the comparisons of a condition that was run over rows.
func (c *coverage) note(m *schema.Model, cond op.Cond, rows [][]any) {
	switch cond.Kind {
	case op.And, op.Or, op.Not:
		for _, x := range cond.Conds {
			c.note(m, x, rows)
		}
	case op.Match:
		c.noteSearch(m, cond, rows)
	case op.Compare:
		x := cell{typ: label(m.Field(cond.Field), cond.Path), op: cond.Op}
		switch cond.Op {
		case op.IsNull, op.NotNull:
		case op.In, op.NotIn, op.Between:
			x.operand = slices.Contains(cond.List, nil)
		default:
			x.operand = cond.Value == nil
		}
		for _, row := range rows {
			v, err := op.Place(m, row, cond.Field, cond.Path)
			if err != nil {
				continue
			}
			x.row = v == nil
			c.cells[x]++
		}
	}
}

// kind records how an operation ended.
func (c *coverage) kind(k op.Kind, err error) {
	if c.kinds[k] == nil {
		c.kinds[k] = map[string]int{}
	}
	name := failure(err)
	if err == nil {
		name = "ok"
	}
	c.kinds[k][name]++
}

// applicable lists every cell there is.
func (c *coverage) applicable() []cell {
	var out []cell
	for _, t := range c.types {
		for _, o := range c.ops[t] {
			for _, operand := range []bool{false, true} {
				if operand && !takesNull(o) {
					continue
				}
				// On a JSON field itself = and != compare with NULL only.
				if !operand && (o == op.Eq || o == op.Ne) && !slices.Contains(c.ops[t], op.In) {
					continue
				}
				out = append(out, cell{t, o, operand, false}, cell{t, o, operand, true})
			}
		}
	}
	return out
}

// empty lists the cells that were never met.
func (c *coverage) empty() []cell {
	var out []cell
	for _, x := range c.applicable() {
		if c.cells[x] == 0 {
			out = append(out, x)
		}
	}
	return out
}

func (c *coverage) kindsNeverOK() []string {
	var out []string
	for _, k := range []op.Kind{op.Find, op.Count, op.Aggregate, op.Insert, op.Update, op.Delete, op.Upsert, op.Increment, op.Batch} {
		if c.kinds[k]["ok"] == 0 {
			out = append(out, kindName(k))
		}
	}
	return out
}

// print writes the tables.
func (c *coverage) print(w io.Writer) {
	fmt.Fprintln(w, "How often each operator met each type. The four numbers of a cell: operand and row's value not NULL · row NULL · operand NULL · both NULL; - cannot be.")
	order := concat(equality, ordering, textual, []op.Operator{op.Contains})
	can := map[cell]bool{}
	for _, x := range c.applicable() {
		can[x] = true
	}
	lines := [][]string{{"type"}}
	for _, o := range order {
		lines[0] = append(lines[0], o.String())
	}
	for _, t := range c.types {
		line := []string{t}
		for _, o := range order {
			var parts []string
			for _, operand := range []bool{false, true} {
				for _, row := range []bool{false, true} {
					x := cell{t, o, operand, row}
					if can[x] {
						parts = append(parts, short(c.cells[x]))
					} else {
						parts = append(parts, "-")
					}
				}
			}
			s := strings.Join(parts, "·")
			if s == "-·-·-·-" {
				s = "-"
			}
			line = append(line, s)
		}
		lines = append(lines, line)
	}
	widths := make([]int, len(lines[0]))
	for _, l := range lines {
		for i, s := range l {
			widths[i] = max(widths[i], len([]rune(s)))
		}
	}
	for _, l := range lines {
		for i, s := range l {
			fmt.Fprint(w, s, strings.Repeat(" ", widths[i]-len([]rune(s))+1))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprint(w, "Operations via relations that gave rows: ")
	for i, x := range allWays() {
		if i > 0 {
			fmt.Fprint(w, ", ")
		}
		fmt.Fprint(w, x, " ", c.ways[x])
	}
	fmt.Fprintln(w)
	fmt.Fprint(w, "Values of columns that are no fields: ")
	for i, x := range allReaches() {
		if i > 0 {
			fmt.Fprint(w, ", ")
		}
		fmt.Fprint(w, x, " ", c.far[x])
	}
	fmt.Fprintln(w)
	if c.searches != nil {
		fmt.Fprintln(w, "How often searches met rows:")
		for _, x := range searchCells {
			fmt.Fprintf(w, "  %-40s %s\n", x, short(c.searches[x]))
		}
	}
	fmt.Fprintln(w, "How operations ended:")
	for k := op.Find; k <= op.Batch; k++ {
		var parts []string
		for name, n := range c.kinds[k] {
			parts = append(parts, fmt.Sprintf("%s %d", name, n))
		}
		sort.Strings(parts)
		fmt.Fprintf(w, "  %-10s %s\n", kindName(k), strings.Join(parts, ", "))
	}
}

// short writes a count in at most four characters.
func short(n int) string {
	if n >= 10000 {
		return fmt.Sprintf("%dk", n/1000)
	}
	return fmt.Sprint(n)
}

package optest

import (
	"slices"

	"pgregory.net/rapid"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// gen makes random programs. Every choice is drawn from rapid and then spread
// evenly: rapid by itself prefers small numbers, which suits sizes but would
// leave most operators and types out.
type gen struct {
	rt   *rapid.T
	bits *rapid.Generator[uint64]
	set  *schema.Set
	turn uint64
	made int // to make names that nobody has
	// sweep goes through all fields and operators in turn.
	sweep    int
	gone     *gone // for Gone
	searches bool  // full-text search is asked for
}

func newGen(rt *rapid.T, set *schema.Set, program int, searches bool) *gen {
	return &gen{rt: rt, bits: rapid.Uint64(), set: set, turn: uint64(program) << 32, sweep: program * 7919, searches: searches}
}

// n gives a number from 0 to n-1, all equally likely.
func (g *gen) n(n int) int {
	if n <= 1 {
		return 0
	}
	g.turn++
	x := g.bits.Draw(g.rt, "bits") + g.turn*0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return int((x ^ x>>31) % uint64(n))
}

// one in n times it is true.
func (g *gen) one(n int) bool { return g.n(n) == 0 }

func pick[T any](g *gen, of []T) T { return of[g.n(len(of))] }

// some picks a few of a list, in random order, at least one.
func some[T any](g *gen, of []T, most int) []T {
	of = slices.Clone(of)
	k := 1 + g.n(min(most, len(of)))
	for i := range k {
		j := i + g.n(len(of)-i)
		of[i], of[j] = of[j], of[i]
	}
	return of[:k]
}

// models are the models of random operations, the wide one half of the time.
// Ticket is not among them: which keys a database hands out is its own affair.
var weights = []weight{
	{"Wide", 20},
	{"Account", 5},
	{"Post", 3},
	{"Author", 2},
	{"Tag", 1},
	{"PostTag", 2},
	{"Guild", 2},
	{"Membership", 3},
	{"Profile", 1},
	{"Employee", 2},
	{"Parent", 2},
	{"ChildCascade", 1},
	{"ChildNull", 1},
	{"ChildRestrict", 1},
	{"Plain", 2},
	{"Seat", 2},
	{"Note", 1},
	{"Item", 4},
	{"Shelf", 2},
	{"Kind", 2},
	{"ItemKind", 2},
	{"ItemLike", 1},
	{"Card", 1},
	// Where there are models with encrypted fields.
	{"Keeper", 1},
	{"Vault", 12},
	{"Locker", 2},
}

type weight struct {
	name string
	n    int
}

// weights are those of the models that there are.
func (g *gen) weights() []weight {
	if g.gone != nil {
		return goneWeights
	}
	return slices.DeleteFunc(slices.Clone(weights), func(w weight) bool { return g.set.Model(w.name) == nil })
}

func (g *gen) model() *schema.Model {
	sum := 0
	for _, w := range g.weights() {
		sum += w.n
	}
	k := g.n(sum)
	for _, w := range g.weights() {
		if k -= w.n; k < 0 {
			return g.set.Model(w.name)
		}
	}
	return g.set.Model("Wide")
}

// program makes a program of so many steps, which starts with some rows.
func (g *gen) program(length int) []step {
	var out []step
	for _, w := range g.weights() {
		for range min(8, 1+w.n) {
			o := g.insert(g.set.Model(w.name), 3)
			o.Check, o.Guards = op.Cond{}, nil
			out = append(out, step{o: o})
		}
	}
	depth := 0
	for len(out) < length {
		switch k := g.n(100); {
		case k < 4 && depth == 0:
			out = append(out, step{kind: pick(g, []stepKind{beginStep, beginStep, beginStep, readOnlyStep})})
			depth++
		case k < 7 && depth > 0 && depth < 4:
			out = append(out, step{kind: beginStep})
			depth++
		case k < 15 && depth > 0:
			out = append(out, step{kind: pick(g, []stepKind{commitStep, commitStep, rollbackStep})})
			depth--
		default:
			out = append(out, step{o: g.operation()})
		}
	}
	return out
}

// directed makes a program that meets given cells and goes given ways.
func (g *gen) directed(cells []cell, ways []way, searches []searchCell) []step {
	m := g.set.Model("Wide")
	var out []step
	for range 6 {
		out = append(out, step{o: g.insert(m, 3)})
	}
	for _, w := range ways {
		for _, owner := range g.set.Models {
			for _, r := range owner.Relations {
				if r.Kind == w.by {
					out = append(out, g.along(w.kind, r)...)
				}
			}
		}
	}
	out = append(out, g.directedSearches(m, searches)...)
	for _, c := range cells {
		for _, f := range m.Fields {
			if !f.Nullable {
				continue
			}
			for _, path := range [][]string{nil, {"a"}, {"0"}} {
				if (len(path) > 0 && f.Type.Kind() != jsonKind) || label(f, path) != c.typ {
					continue
				}
				out = append(out, step{o: op.Op{Kind: op.Find, Model: m, Filter: g.compare(f, path, c.op, c.operand)}})
			}
		}
	}
	return out
}

// reaching makes rows for columns that are no fields, and asks for them.
func (g *gen) reaching(far []reach) []step {
	if len(far) == 0 {
		return nil
	}
	m := g.set.Model("Employee")
	add := op.Op{Kind: op.Insert, Model: m}
	for _, r := range [][2]any{{"far 1", nil}, {"far 2", "far 1"}, {"far 3", "far 2"}} {
		row := make([]any, len(m.Fields))
		for i := range row {
			row[i] = op.Unset{}
		}
		row[m.Field("id").Pos], row[m.Field("name").Pos], row[m.Field("managerId").Pos] = r[0], r[0], r[1]
		add.Rows = append(add.Rows, row)
	}
	out := []step{{o: add}}
	for _, x := range far {
		o := op.Op{Kind: x.kind, Model: m}
		column := "manager.name"
		switch x.what {
		case "a relation":
		case "two relations":
			column = "manager.manager.name"
		default:
			o.Model = g.set.Model("Wide")
			column = "atN." + x.what
		}
		if o.Fields = []string{column}; x.kind == op.Aggregate {
			o.Fields, o.GroupBy = nil, []string{column}
		}
		out = append(out, step{o: o})
	}
	return out
}

// along makes rows on both sides of a relation and goes by it.
func (g *gen) along(k op.Kind, r *schema.Relation) []step {
	var out []step
	for _, m := range []*schema.Model{r.Owner, r.Target, r.Via} {
		for range 8 {
			if m != nil {
				o := g.insert(m, 3)
				o.Check, o.Guards = op.Cond{}, nil
				out = append(out, step{o: o})
			}
		}
	}
	for range 8 {
		o := op.Op{Kind: k, Model: r.Target, Via: g.viaOf(r), WithDeleted: r.Target.DeletedF != nil}
		if k == op.Aggregate {
			o.Aggs = []op.Agg{agg(op.AggCount, "", "n")}
		}
		out = append(out, step{o: o})
	}
	return out
}

// operation makes one operation of any kind.
func (g *gen) operation() op.Op {
	if g.one(20) {
		o := op.Op{Kind: op.Batch}
		for range 2 + g.n(3) {
			o.Batch = append(o.Batch, g.single())
		}
		if g.one(5) {
			o.Guards = g.guards()
		}
		return o
	}
	return g.single()
}

// single makes an operation that is not a batch. On a model with soft delete it
// says itself which rows it means, so that it makes no difference whether
// validation stands above the engine.
func (g *gen) single() op.Op {
	o := g.kind()
	g.joins(&o)
	if g.gone != nil {
		return o
	}
	if o.Model.DeletedF != nil && o.Kind != op.Insert && o.Kind != op.Upsert {
		o.WithDeleted, o.Purge = true, o.Kind == op.Delete
		if g.one(2) {
			o.Using = op.AllOf(op.Live(o.Model), o.Using)
		}
	}
	return o
}

// joins says which rows the columns of an operation are of that are those of
// others.
func (g *gen) joins(o *op.Op) {
	n := *o
	if op.Normalize(&n) != nil || len(n.Joins) == 0 {
		return
	}
	for _, j := range n.Joins {
		steps := op.Steps(o.Model, j.Path)
		m := steps[len(steps)-1].Target
		if g.one(3) {
			j.Filter = g.cond(m, 1)
		}
		if m.DeletedF != nil && g.gone == nil {
			j.Filter = op.AllOf(op.Live(m), j.Filter)
		}
		o.Joins = append(o.Joins, j)
	}
}

func (g *gen) kind() op.Op {
	m := g.model()
	switch k := g.n(100); {
	case k < 38:
		return g.find(m)
	case k < 46:
		return op.Op{Kind: op.Count, Model: m, Filter: g.cond(m, 2), Using: g.maybe(m, 8)}
	case k < 53:
		return g.aggregate(m)
	case k < 68:
		return g.insert(m, 3)
	case k < 82:
		return g.update(m)
	case k < 88:
		o := op.Op{Kind: op.Delete, Model: m, Filter: g.few(m), Using: g.maybe(m, 8)}
		if o.Filter.Kind != op.Compare && !g.one(4) {
			o.Filter = op.AllOf(cmp(m.Primary[0].Name, op.Eq, g.value(m, m.Primary[0])), o.Filter)
		}
		if g.gone == nil { // else they are given as marked
			g.returning(&o)
		}
		return g.guarded(o)
	case k < 95:
		return g.upsert(m)
	}
	return g.increment()
}

// few is a condition that mostly picks a row or two.
func (g *gen) few(m *schema.Model) op.Cond {
	if g.one(3) {
		return g.cond(m, 2)
	}
	var cs []op.Cond
	for _, f := range m.Primary {
		cs = append(cs, cmp(f.Name, op.Eq, g.value(m, f)))
	}
	return op.AllOf(cs...)
}

// maybe is a condition one in n times.
func (g *gen) maybe(m *schema.Model, n int) op.Cond {
	if g.one(n) {
		return g.cond(m, 1)
	}
	return op.Cond{}
}

func (g *gen) fields(m *schema.Model) []string {
	var names []string
	for _, f := range m.Fields {
		names = append(names, f.Name)
	}
	return some(g, names, 6)
}

func (g *gen) returning(o *op.Op) {
	if g.one(3) {
		o.Returning = true
		if g.one(2) {
			o.Fields = g.fields(o.Model)
		}
	}
}

func (g *gen) guarded(o op.Op) op.Op {
	if g.one(8) {
		o.Guards = g.guards()
	}
	return o
}

func (g *gen) guards() []op.Guard {
	m := g.model()
	x := op.Guard{Model: m, Filter: g.few(m), Kind: op.GuardMust}
	if g.gone == nil {
		x.Filter = op.AllOf(op.Live(m), x.Filter)
	}
	if g.one(3) {
		x.Kind, x.Rows = op.GuardSnapshot, int64(g.n(3))
		if x.Rows > 0 && m.VersionF != nil {
			x.Version = int64(1 + g.n(2))
		}
		return []op.Guard{x}
	}
	x.Must = g.cond(m, 1)
	if m.VersionF != nil && g.one(2) {
		x.Must = cmp(m.VersionF.Name, op.Eq, 1+g.n(2))
	}
	if m.Encrypts() && g.one(2) { // values are compared here and nowhere else
		x.Must = g.secretMust(m)
	}
	return []op.Guard{x}
}

// secretMust compares encrypted fields by =, as a save without a version does.
func (g *gen) secretMust(m *schema.Model) op.Cond {
	var conds []op.Cond
	for _, f := range some(g, m.Fields, 3) {
		c := cmp(f.Name, op.Eq, nil)
		if f.Type.Kind() != jsonKind && !g.one(4) {
			c.Value = g.value(m, f)
		}
		if g.one(4) {
			c = or(c, cmp(f.Name, op.Eq, nil))
		}
		conds = append(conds, c)
	}
	return op.AllOf(conds...)
}

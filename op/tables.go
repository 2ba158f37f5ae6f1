package op

import (
	"slices"

	"github.com/weftdb/weft/schema"
)

// Tables returns the names of all tables that an operation can read or change,
// sorted, each once: that of its model, of relations in its conditions and in
// With with the join tables between, of guards and batch members, and for a
// delete or a change of a key the tables that foreign keys carry it to. For a
// migration they are the tables of its models. What raw SQL touches is unknown
// and not in it.
func Tables(o *Op) []string {
	t := tables{}
	t.op(o)
	slices.Sort(t)
	return slices.Compact(t)
}

type tables []string

func (t *tables) add(m *schema.Model) {
	if m != nil {
		*t = append(*t, m.Table)
	}
}

func (t *tables) op(o *Op) {
	m := o.Model
	t.add(m)
	if m != nil {
		t.cond(m, &o.Filter)
		t.cond(m, &o.Using)
		t.cond(m, &o.Check)
		t.with(m, o.With)
		for i := range o.Joins {
			if steps := Steps(m, o.Joins[i].Path); len(steps) > 0 {
				last := steps[len(steps)-1]
				t.relation(last)
				t.cond(last.Target, &o.Joins[i].Filter)
			}
		}
		if o.Kind == Delete || (o.Kind == Update && setsKey(o.Set)) || (o.Kind == Upsert && o.Conflict != nil) {
			t.carried(m)
		}
	}
	if v := o.Via; v != nil && v.Model != nil {
		if r := v.Model.Relation(v.Relation); r != nil {
			t.relation(r)
			if r.Via != nil {
				t.cond(r.Via, &v.Join)
			}
		}
	}
	for i := range o.Guards {
		g := &o.Guards[i]
		t.add(g.Model)
		if g.Model != nil {
			t.cond(g.Model, &g.Filter)
			t.cond(g.Model, &g.Must)
		}
	}
	for i := range o.Batch {
		t.op(&o.Batch[i])
	}
	if o.Migration != nil && o.Migration.Models != nil {
		for _, m := range o.Migration.Models.Models {
			t.add(m)
		}
	}
}

// setsKey is careful: any field may be what a foreign key points at.
func setsKey(set []Assign) bool {
	return slices.ContainsFunc(set, func(a Assign) bool { return len(a.Path) == 0 })
}

func (t *tables) relation(r *schema.Relation) {
	t.add(r.Target)
	t.add(r.Via)
}

func (t *tables) cond(m *schema.Model, c *Cond) {
	inner := m
	if c.Kind == Has || c.Kind == HasCount {
		r := m.Relation(c.Relation)
		if r == nil {
			return
		}
		t.relation(r)
		inner = r.Target
		for i := range c.Join {
			t.cond(r.Via, &c.Join[i])
		}
	}
	for i := range c.Conds {
		t.cond(inner, &c.Conds[i])
	}
}

func (t *tables) with(m *schema.Model, list []With) {
	for i := range list {
		w := &list[i]
		r := m.Relation(w.Relation)
		if c := m.Count(w.Relation); c != nil {
			r = c.Of
		}
		if r == nil {
			continue
		}
		t.relation(r)
		t.cond(r.Target, &w.Filter)
		t.with(r.Target, w.With)
	}
}

// carried adds the tables that foreign keys carry a change of m to.
func (t *tables) carried(m *schema.Model) {
	if m.Set() == nil {
		return
	}
	keys := ForeignKeys(m.Set().Models)
	todo, seen := []*schema.Model{m}, map[*schema.Model]bool{m: true}
	for len(todo) > 0 {
		parent := todo[0]
		todo = todo[1:]
		for _, k := range keys {
			if k.Target != parent || seen[k.Model] || (!changes(k.OnDelete) && !changes(k.OnUpdate)) {
				continue
			}
			seen[k.Model] = true
			t.add(k.Model)
			todo = append(todo, k.Model)
		}
	}
}

func changes(a schema.Action) bool {
	return a == schema.Cascade || a == schema.SetNull || a == schema.SetDefault
}

// ForeignKey is a constraint of the database: the Fields of a row of Model, if
// none is NULL, are the TargetFields of a row of Target.
type ForeignKey struct {
	Model              *schema.Model
	Fields             []*schema.Field
	Target             *schema.Model
	TargetFields       []*schema.Field
	OnDelete, OnUpdate schema.Action
}

// ForeignKeys returns the foreign keys that the database holds for a set of
// models. There is one exactly for
//
//   - every Field.References whose table and column are those of a model of
//     the set,
//   - every belongs_to that is enforced (see [schema.Relation.Enforced]): From
//     points at To,
//   - every has_one and has_many that is: the target's To points at From.
//
// Declared twice, it is one; actions are those of the first that gives any.
// Other relations leave it to the application what happens.
func ForeignKeys(models []*schema.Model) []ForeignKey {
	var out []ForeignKey
	add := func(k ForeignKey) {
		for i := range out {
			o := &out[i]
			if o.Model == k.Model && o.Target == k.Target && slices.Equal(o.Fields, k.Fields) && slices.Equal(o.TargetFields, k.TargetFields) {
				if o.OnDelete == schema.NoAction {
					o.OnDelete = k.OnDelete
				}
				if o.OnUpdate == schema.NoAction {
					o.OnUpdate = k.OnUpdate
				}
				return
			}
		}
		out = append(out, k)
	}
	for _, m := range models {
		for _, f := range m.Fields {
			if f.References == nil {
				continue
			}
			if target, to := column(models, f.References.Table, f.References.Column); to != nil {
				add(ForeignKey{m, []*schema.Field{f}, target, []*schema.Field{to}, f.References.OnDelete, f.References.OnUpdate})
			}
		}
	}
	for _, m := range models {
		for _, r := range m.Relations {
			switch {
			case !r.Enforced() || r.Target == nil || !slices.Contains(models, r.Target):
			case r.Kind == schema.BelongsTo:
				add(ForeignKey{m, r.From, r.Target, r.To, r.OnDelete, r.OnUpdate})
			case r.Kind == schema.HasOne || r.Kind == schema.HasMany:
				add(ForeignKey{r.Target, r.To, m, r.From, r.OnDelete, r.OnUpdate})
			}
		}
	}
	return out
}

func column(models []*schema.Model, table, name string) (*schema.Model, *schema.Field) {
	for _, m := range models {
		if m.Table != table {
			continue
		}
		for _, f := range m.Fields {
			if f.Column == name || f.Name == name {
				return m, f
			}
		}
	}
	return nil, nil
}

package encrypt

import (
	"slices"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// prepared is an operation on its way down.
type prepared struct {
	asked op.Op      // as it came
	o     op.Op      // for the engine
	view  *view      // of its rows; nil when they are clear
	own   []op.Guard // what is compared with clear values, here
	later *later     // what o has placeholders for; nil when it is complete
	exact bool       // o is about a row of exactly one key, which was not found if it reports no row
}

// prepare makes the operation for the engine, with ciphertexts where the keys
// of their rows are known.
func (e *engine) prepare(o op.Op) (*prepared, error) { return e.lowered(o, false) }

// prepareLater does the same with placeholders only.
func (e *engine) prepareLater(o op.Op) (*prepared, error) { return e.lowered(o, true) }

func (e *engine) lowered(o op.Op, late bool) (*prepared, error) {
	p := &prepared{asked: o, o: o}
	var err error
	if p.own, err = e.guards(&p.o); err != nil {
		return nil, err
	}
	m := e.model(o.Model)
	if m == nil {
		return p, nil
	}
	p.o.Model = m.stored
	p.o.Filter, p.o.Using, p.o.Check = e.cond(o.Filter), e.cond(o.Using), e.cond(o.Check)
	p.o.Having = e.cond(o.Having)
	if len(o.Joins) > 0 {
		p.o.Joins = slices.Clone(o.Joins)
		for i := range p.o.Joins {
			p.o.Joins[i].Filter = e.cond(p.o.Joins[i].Filter)
		}
	}
	if o.Via != nil {
		via := *o.Via
		via.Model, via.Join = e.stored(via.Model), e.cond(via.Join)
		p.o.Via = &via
	}
	if len(m.cells) == 0 {
		return p, nil
	}
	if o.Kind == op.Find || o.Returning {
		if p.view = m.view(o.Fields); p.view != nil {
			p.o.Fields = p.view.fields
		}
	}
	w := &writing{engine: e, m: m, p: p, late: late}
	switch o.Kind {
	case op.Insert:
		err = w.insert()
	case op.Upsert:
		err = w.upsert()
	case op.Update, op.Increment:
		err = w.update()
	}
	return p, err
}

// cond is the condition on the stored form of the models. What is compared by
// it is not encrypted, so only the models behind relations change.
func (l *layer) cond(c op.Cond) op.Cond {
	if !hasRelated(&c) {
		return c
	}
	c.Target = l.stored(c.Target)
	c.Conds, c.Join = l.conds(c.Conds), l.conds(c.Join)
	return c
}

func (l *layer) conds(list []op.Cond) []op.Cond {
	if list == nil {
		return nil
	}
	out := make([]op.Cond, len(list))
	for i, c := range list {
		out[i] = l.cond(c)
	}
	return out
}

// hasRelated reports whether a condition names other models.
func hasRelated(c *op.Cond) bool {
	in := func(list []op.Cond) bool {
		return slices.ContainsFunc(list, func(x op.Cond) bool { return hasRelated(&x) })
	}
	return c.Target != nil || in(c.Conds) || in(c.Join)
}

// guards makes the operation's guards those of the stored models and takes out
// of them what compares encrypted fields.
func (l *layer) guards(o *op.Op) (own []op.Guard, err error) {
	copied := false
	for i := range o.Guards {
		g := o.Guards[i]
		m := l.model(g.Model)
		if m == nil {
			continue
		}
		if !copied {
			o.Guards, copied = slices.Clone(o.Guards), true
		}
		if mine, rest := m.apart(g.Must); mine.Kind != op.True {
			x := g
			x.Must = mine
			own = append(own, x)
			g.Must = rest
		}
		g.Model, g.Filter, g.Must = m.stored, l.cond(g.Filter), l.cond(g.Must)
		o.Guards[i] = g
	}
	return own, nil
}

// apart divides a condition into what compares encrypted fields with values,
// and the rest; both together are the condition.
func (m *model) apart(c op.Cond) (mine, rest op.Cond) {
	if !m.compares(&c) {
		return op.Cond{}, c
	}
	if c.Kind != op.And {
		return c, op.Cond{}
	}
	var ours, others []op.Cond
	for _, x := range c.Conds {
		a, b := m.apart(x)
		ours, others = append(ours, a), append(others, b)
	}
	return op.AllOf(ours...), op.AllOf(others...)
}

// compares reports whether a condition compares an encrypted field with a value.
func (m *model) compares(c *op.Cond) bool {
	switch c.Kind {
	case op.Compare:
		f := m.clear.Field(c.Field)
		return f != nil && f.Encrypted && c.Value != nil
	case op.Has, op.HasCount: // their fields are those of other models
		return false
	}
	return slices.ContainsFunc(c.Conds, func(x op.Cond) bool { return m.compares(&x) })
}

// related reports whether a condition looks at other rows.
func related(c *op.Cond) bool {
	return c.Kind == op.Has || c.Kind == op.HasCount || slices.ContainsFunc(c.Conds, func(x op.Cond) bool { return related(&x) })
}

// exactly is the condition that a key has exactly these values, also where the
// database takes others for the same, and whether there is one.
func (m *model) exactly(key []any) (op.Cond, bool) {
	var conds []op.Cond
	for i, f := range m.clear.Primary {
		switch f.Type.Kind() {
		case schema.KindInt:
		case schema.KindString:
			conds = append(conds, op.Cmp(f.Name, op.StartsWith, key[i]), op.Cmp(f.Name, op.EndsWith, key[i]))
		default:
			return op.Cond{}, false
		}
	}
	return op.AllOf(conds...), true
}

// onlyKey is the key of the one row that an operation can be about; false when
// it may be about others.
func (m *model) onlyKey(o *op.Op) ([]any, bool) {
	key := make([]any, len(m.clear.Primary))
	for i, f := range m.clear.Primary {
		if key[i] = required(&o.Filter, f.Name); key[i] == nil {
			if key[i] = required(&o.Using, f.Name); key[i] == nil {
				return nil, false
			}
		}
	}
	return key, true
}

// required is the value that a condition needs a field to have, nil for none.
func required(c *op.Cond, field string) any {
	switch {
	case c.Kind == op.Compare && c.Op == op.Eq && c.Field == field && len(c.Path) == 0:
		return c.Value
	case c.Kind == op.And:
		for i := range c.Conds {
			if v := required(&c.Conds[i], field); v != nil {
				return v
			}
		}
	}
	return nil
}

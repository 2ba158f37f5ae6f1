package validate

import (
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// restrict keeps an operation of a user's handle to the rows of that user: the
// rows themselves, those that relation conditions look at, and those that
// guards look at (a conflict would show the row). Nothing that the caller has
// is changed. The models of relation conditions are there already
// (op.Normalize).
func restrict(o *op.Op, user string) {
	o.Filter = within(o.Filter, user)
	o.Using = within(o.Using, user)
	o.Check = within(o.Check, user)
	if mine, ok := ownedBy(o.Model, user); ok {
		switch o.Kind {
		case op.Insert:
			// The owner is filled and checked in the row.
		case op.Upsert:
			o.Check = op.AllOf(mine, o.Check)
		default:
			o.Using = op.AllOf(mine, o.Using)
		}
	}
	if len(o.Guards) > 0 {
		guards := make([]op.Guard, len(o.Guards))
		for i, g := range o.Guards {
			m := g.Model
			if m == nil {
				m = o.Model
			}
			g.Filter, g.Must = within(g.Filter, user), within(g.Must, user)
			if mine, ok := ownedBy(m, user); ok {
				g.Filter = op.AllOf(mine, g.Filter)
			}
			guards[i] = g
		}
		o.Guards = guards
	}
}

// ownedBy is the condition that a row of the model belongs to the user; false
// for models that belong to nobody.
func ownedBy(m *schema.Model, user string) (op.Cond, bool) {
	if m == nil || m.Scope != schema.UserScope || m.OwnerF == nil {
		return op.Cond{}, false
	}
	return op.Cmp(m.OwnerF.Name, op.Eq, user), true
}

// within restricts the related rows that a condition looks at, at any depth.
func within(c op.Cond, user string) op.Cond {
	if !hasRelated(c) {
		return c
	}
	conds := make([]op.Cond, len(c.Conds), len(c.Conds)+1)
	for i, x := range c.Conds {
		conds[i] = within(x, user)
	}
	if c.Kind == op.Has || c.Kind == op.HasCount {
		if mine, ok := ownedBy(c.Target, user); ok {
			conds = append(conds, mine)
		}
	}
	c.Conds = conds
	return c
}

func hasRelated(c op.Cond) bool {
	if c.Kind == op.Has || c.Kind == op.HasCount {
		return true
	}
	for _, x := range c.Conds {
		if hasRelated(x) {
			return true
		}
	}
	return false
}

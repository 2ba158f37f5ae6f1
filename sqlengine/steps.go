package sqlengine

import (
	"context"
	"slices"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// places reports whether places in documents are set.
func places(set []op.Assign) bool {
	return slices.ContainsFunc(set, func(a op.Assign) bool { return len(a.Path) > 0 })
}

// stepwise reports whether an operation needs several statements because the
// dialect lacks one for it.
func (c *Core) stepwise(o *op.Op) bool {
	switch o.Kind {
	case op.Update, op.Increment:
		return c.dialect.JSONSet == "" && places(o.Set)
	case op.Upsert:
		k := o.Conflict
		return k != nil && (c.dialect.JSONSet == "" && places(k.Set) ||
			!c.dialect.AnyKey && len(k.Fields) == 0 && len(k.Update)+len(k.Set) > 0)
	}
	return false
}

// documents is the find of the rows whose documents an update changes.
func (c *Core) documents(o *op.Op, must *op.Cond) op.Op {
	find := op.Op{Kind: op.Find, Model: o.Model, Using: o.Using, Filter: op.AllOf(o.Filter, *must)}
	if c.dialect.Locks {
		find.Lock = op.ForUpdate
	}
	return find
}

// setPlaces is an update that sets places in documents: it reads them, changes
// them as op.SetJSONPath does and writes them.
func (c *Core) setPlaces(ctx context.Context, s Session, o *op.Op, must *op.Cond) (op.Result, error) {
	find := c.documents(o, must)
	rows, err := c.all(ctx, s, &find, form{})
	if err != nil {
		return op.Result{}, err
	}
	var list [][]any
	for _, row := range rows {
		one := *o
		one.Using, one.Filter, one.Fields = op.Cond{}, keyOf(o, [][]any{row}), nil
		if one.Set, err = withPlaces(o.Model, o.Set, row); err != nil {
			return op.Result{}, err
		}
		got, err := c.all(ctx, s, &one, form{must: &everything, give: giveFields})
		if err != nil {
			return op.Result{}, err
		}
		list = append(list, got...)
	}
	if err := c.check(ctx, s, o, list); err != nil {
		return op.Result{}, err
	}
	res := op.Result{N: int64(len(list))}
	if o.Returning {
		list, err = o.Project(list)
		res.Rows = given(list, o.Sink)
	}
	return res, err
}

// withPlaces gives the assignments with whole documents, made of those of a
// row, instead of places in them.
func withPlaces(m *schema.Model, set []op.Assign, row []any) ([]op.Assign, error) {
	var out []op.Assign
	at := map[string]int{}
	for _, a := range set {
		if len(a.Path) == 0 {
			out = append(out, a)
			continue
		}
		i, ok := at[a.Field]
		if !ok {
			f := m.Field(a.Field)
			if f == nil || f.Type.Kind() != schema.KindJSON {
				return nil, op.Invalid(m.Name, a.Field, "path", "is no JSON field: paths lead into array, object and json fields")
			}
			i = len(out)
			at[a.Field] = i
			doc, _ := row[f.Pos].(op.JSON)
			out = append(out, op.Assign{Field: a.Field, Value: doc})
		}
		text, err := jsonText(a.Value)
		if err != nil {
			return nil, err
		}
		doc, _ := out[i].Value.(op.JSON)
		if doc, err = op.SetJSONPath(doc, a.Path, op.JSON(text)); err != nil {
			return nil, err
		}
		out[i].Value = doc
	}
	return out, nil
}

// met makes an upsert of one row out of one that the dialect has no statement
// for: one that names the values by which the row meets another, and sets
// whole documents.
func (c *Core) met(ctx context.Context, s Session, o *op.Op, row []any) (*op.Op, error) {
	m := o.Model
	one, conflict := *o, *o.Conflict
	one.Conflict = &conflict
	var found []any
	for i, by := range op.Uniques(m) {
		if len(conflict.Fields) > 0 && !named(by, conflict.Fields) {
			continue
		}
		other, err := c.holder(ctx, s, m, by, row, i > 0)
		if err != nil {
			return o, err
		}
		if other == nil {
			continue
		}
		found = other
		if len(conflict.Fields) == 0 {
			conflict.Fields = namesOf(by)
		}
		break
	}
	if len(conflict.Fields) == 0 {
		conflict.Fields = namesOf(m.Primary)
	}
	if !places(conflict.Set) {
		return &one, nil
	}
	if found == nil { // nothing is met, so nothing will be set
		conflict.Set = slices.DeleteFunc(slices.Clone(conflict.Set), func(a op.Assign) bool { return len(a.Path) > 0 })
		return &one, nil
	}
	var err error
	conflict.Set, err = withPlaces(m, conflict.Set, found)
	return &one, err
}

// holder finds the row that has the values of row in the fields, locked where
// rows can be.
func (c *Core) holder(ctx context.Context, s Session, m *schema.Model, by []*schema.Field, row []any, live bool) ([]any, error) {
	find := op.Op{Kind: op.Find, Model: m, Limit: 1}
	if c.dialect.Locks {
		find.Lock = op.ForUpdate
	}
	if live {
		find.Filter = op.Live(m)
	}
	for _, f := range by {
		v := row[f.Pos]
		if _, unset := v.(op.Unset); unset || v == nil {
			return nil, nil
		}
		find.Filter = op.AllOf(find.Filter, op.Cmp(f.Name, op.Eq, v))
	}
	list, err := c.all(ctx, s, &find, form{})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}

func namesOf(fields []*schema.Field) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return names
}

// named reports whether names are those of the fields, in any order.
func named(fields []*schema.Field, names []string) bool {
	return len(fields) == len(names) && !slices.ContainsFunc(fields, func(f *schema.Field) bool { return !slices.Contains(names, f.Name) })
}

// Alone reports whether an operation is one statement that finds what it
// concerns by itself: a read, the insert of one row, an upsert of one, or a
// change of one row by its key with no look at others. It gives the same
// answer whether or not its transaction is serializable.
func (c *Core) Alone(o *op.Op) bool {
	if o.Check.Kind != op.True || c.stepwise(o) {
		return false
	}
	switch o.Kind {
	case op.Find, op.Count, op.Aggregate:
		return len(o.Guards) == 0
	case op.Insert:
		return len(o.Guards) == 0 && len(o.Rows) == 1
	case op.Upsert:
		return len(o.Guards) == 0 && len(o.Rows) == 1 && o.Model.DeletedF == nil && len(o.Conflict.Fields) > 0
	case op.Update, op.Increment, op.Delete:
		must := c.direct(o)
		return byKey(o.Model, &o.Filter) && (len(o.Guards) == 0 || must != nil && !looksFar(must)) && !looksFar(&o.Filter) && !looksFar(&o.Using)
	}
	return false
}

// looksFar reports whether a condition reads other rows.
func looksFar(c *op.Cond) bool {
	if c.Kind == op.Has || c.Kind == op.HasCount {
		return true
	}
	for i := range c.Conds {
		if looksFar(&c.Conds[i]) {
			return true
		}
	}
	return false
}

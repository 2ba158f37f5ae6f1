package op

import (
	"slices"
	"strings"

	"github.com/weftdb/weft/schema"
)

// rows checks the rows of an insert or upsert.
func (sc *scope) rows(o *Op) error {
	fields := sc.m.Fields
	copied := false
	for i, row := range o.Rows {
		index := i
		if len(o.Rows) == 1 {
			index = -1
		}
		if len(row) != len(fields) {
			e := Errorf(CodeValidation, "a row of %s has %d values and not %d", sc.m.Name, len(fields), len(row))
			e.Index = index
			return e
		}
		own := false
		for j, f := range fields {
			v := row[j]
			if plain(f, v) {
				continue
			}
			c, same, err := canonFor(f, f.Type.Kind(), v, true)
			if err != nil {
				return sc.at(err, index)
			}
			if same {
				continue
			}
			if !own {
				row, own = slices.Clone(row), true
			}
			row[j] = c
		}
		if own {
			if !copied {
				o.Rows, copied = slices.Clone(o.Rows), true
			}
			o.Rows[i] = row
		}
	}
	return nil
}

// set checks assignments.
func (sc *scope) set(list *[]Assign, onlyInc bool) error {
	copied := false
	for i := range *list {
		a := (*list)[i]
		f, name, path, err := sc.place(a.Field, a.Path)
		if err != nil {
			return err
		}
		if f == sc.m.VersionF {
			return Invalid(sc.model(), name, "version", "is kept by the engine and cannot be set")
		}
		for _, b := range (*list)[:i] {
			if b.Field == name && (len(path) == 0 || len(b.Path) == 0 || slices.Equal(path, b.Path)) {
				return Invalid(sc.model(), name, "twice", "is set twice")
			}
		}
		if a.Inc && f.Encrypted {
			return sealed(sc.m, f, "nothing can be added to it; read it and set its new value")
		}
		c, same, err := assigned(f, path, a, onlyInc)
		if err != nil {
			return sc.at(err, -1)
		}
		if same && name == a.Field && len(path) == len(a.Path) {
			continue
		}
		if !copied {
			*list, copied = slices.Clone(*list), true
		}
		a.Field, a.Path, a.Value = name, path, c
		(*list)[i] = a
	}
	return nil
}

func assigned(f *schema.Field, path []string, a Assign, onlyInc bool) (any, bool, error) {
	switch {
	case a.Inc:
		return increment(f, path, a.Value)
	case onlyInc:
		return nil, false, Invalid("", f.Name, "increment", "an increment cannot replace a value")
	case len(path) == 0:
		return canonFor(f, f.Type.Kind(), a.Value, true)
	}
	if j, ok := a.Value.(JSON); ok {
		c, err := CanonJSON(string(j))
		if err != nil {
			return nil, false, Invalid("", f.Name, "json", "%s", err.Error())
		}
		c = jsonOf(f, c)
		return c, c == j, nil
	}
	v, err := canonToJSON(a.Value)
	if err != nil {
		return nil, false, Invalid("", f.Name, "json", "%s", err.Error())
	}
	if v == nil {
		v = JSON("null")
	}
	return jsonOf(f, v.(JSON)), false, nil
}

func increment(f *schema.Field, path []string, v any) (any, bool, error) {
	k := f.Type.Kind()
	if len(path) > 0 || (k != schema.KindInt && k != schema.KindFloat && k != schema.KindDecimal) {
		return nil, false, Invalid("", f.Name, "increment", "is %s and cannot be incremented; numbers can", f.Type)
	}
	if v == nil {
		return nil, false, Invalid("", f.Name, "increment", "an increment must not be null")
	}
	// What is added may lie outside of the field's range, but for its decimals.
	if k != schema.KindDecimal {
		return canonFor(f, k, v, false)
	}
	wide := *f
	wide.Precision, wide.Scale = f.Decimals()
	wide.Precision += maxJSONExponent
	return canonFor(&wide, k, v, true)
}

// conflict checks what an upsert does with a row that exists.
func (sc *scope) conflict(o *Op) error {
	if o.Conflict == nil {
		return Errorf(CodeValidation, "an upsert of %s must say what happens on a conflict", sc.m.Name)
	}
	c := *o.Conflict
	if err := sc.names(&c.Fields); err != nil {
		return err
	}
	if err := sc.names(&c.Update); err != nil {
		return err
	}
	if len(c.Fields) == 0 {
		if len(c.Update) > 0 || len(c.Set) > 0 {
			return Errorf(CodeValidation, "an upsert of %s that changes the row must name the unique fields it goes by", sc.m.Name)
		}
	} else if !Unique(sc.m, c.Fields) {
		return Invalid(sc.model(), strings.Join(c.Fields, ","), "unique", "must be the key or have a unique index for an upsert to go by it")
	}
	for i, name := range c.Update {
		if sc.field(name) == sc.m.VersionF {
			return Invalid(sc.model(), name, "version", "is kept by the engine and cannot be set")
		}
		if slices.Contains(c.Update[:i], name) {
			return Invalid(sc.model(), name, "twice", "is set twice")
		}
	}
	if err := sc.set(&c.Set, false); err != nil {
		return err
	}
	for _, a := range c.Set {
		if slices.Contains(c.Update, a.Field) {
			return Invalid(sc.model(), a.Field, "twice", "is set twice")
		}
	}
	o.Conflict = &c
	return nil
}

// Unique reports whether the fields, in any order, are the key of the model or
// have a unique index over all rows, or over all that are not marked deleted.
func Unique(m *schema.Model, fields []string) bool {
	for _, u := range Uniques(m) {
		if len(u) == len(fields) && !slices.ContainsFunc(u, func(f *schema.Field) bool { return !slices.Contains(fields, f.Name) }) {
			return true
		}
	}
	return false
}

// Uniques returns the sets of fields that no two rows of the model have the
// same values in, NULL excepted: first the key, then single fields, then
// indexes. Indexes with a condition (Where) are not among them. On a model with
// soft delete all but the key hold among the rows that are not marked deleted
// ([Live]).
func Uniques(m *schema.Model) [][]*schema.Field {
	out := [][]*schema.Field{m.Primary}
	for _, f := range m.Fields {
		if f.Unique && !(len(m.Primary) == 1 && f.Primary) {
			out = append(out, []*schema.Field{f})
		}
	}
	for _, x := range m.Indexes {
		if !x.Unique || x.Where != "" {
			continue
		}
		var fs []*schema.Field
		for _, n := range x.Fields {
			if f := m.Field(n); f != nil {
				fs = append(fs, f)
			}
		}
		if len(fs) == len(x.Fields) && len(fs) > 0 {
			out = append(out, fs)
		}
	}
	return out
}

func (sc *scope) aggregate(o *Op) error {
	m := sc.m
	switch {
	case len(o.GroupBy) == 0 && len(o.Aggs) == 0:
		return Errorf(CodeValidation, "an aggregate of %s needs fields to group by or aggregates", m.Name)
	case o.Limit < 0 || o.Offset < 0:
		return Errorf(CodeValidation, "limit and offset of %s must not be negative", m.Name)
	}
	err := sc.columns(&o.GroupBy, func(c Column) error {
		if c.Field.Type.Kind() == schema.KindJSON {
			return Invalid(m.Name, c.Name(), "group", "is JSON and cannot be grouped by")
		}
		return c.unsealed(m, "rows cannot be grouped by it")
	})
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, name := range o.GroupBy {
		if seen[name] {
			return Invalid(m.Name, name, "group", "is grouped by twice")
		}
		seen[name] = true
	}
	copied := false
	for i, a := range o.Aggs {
		name, err := sc.agg(a)
		if err != nil {
			return err
		}
		if a.As == "" || seen[a.As] {
			return Errorf(CodeValidation, "the aggregates of %s need names that differ; %q is empty or taken", m.Name, a.As)
		}
		seen[a.As] = true
		if name != a.Field {
			if !copied {
				o.Aggs, copied = slices.Clone(o.Aggs), true
			}
			o.Aggs[i].Field = name
		}
	}
	result := scope{m: m, cols: ResultColumns(o)}
	if _, err := result.normalize(&o.Having); err != nil {
		return err
	}
	if err := result.sort(&o.Sort, &o.Having); err != nil {
		return err
	}
	if o.Via != nil {
		if err := sc.via(o); err != nil {
			return err
		}
	}
	return sc.joins(o)
}

func (sc *scope) agg(a Agg) (string, error) {
	if a.Func < AggCount || a.Func > AggMax {
		return "", Errorf(CodeValidation, "%d is no aggregate function", a.Func)
	}
	if a.Field == "" {
		if a.Func == AggCount {
			return "", nil
		}
		return "", Errorf(CodeValidation, "aggregate %q of %s needs a field", a.As, sc.m.Name)
	}
	c, err := ColumnOf(sc.m, a.Field)
	if err != nil {
		return "", err
	}
	if err := c.unsealed(sc.m, "it has no aggregates"); err != nil {
		return "", err
	}
	f := c.As()
	k := f.Type.Kind()
	switch {
	case a.Func == AggSum && k != schema.KindInt && k != schema.KindFloat && k != schema.KindDecimal:
		return "", Invalid(sc.model(), f.Name, "sum", "is %s; only numbers have a sum", f.Type)
	case a.Func != AggCount && k == schema.KindJSON:
		return "", Invalid(sc.model(), f.Name, "aggregate", "is JSON and can be counted only")
	case a.Func >= AggMin && k == schema.KindBytes:
		return "", Invalid(sc.model(), f.Name, "aggregate", "is binary and has no smallest or largest value")
	}
	return f.Name, nil
}

// ResultColumns returns the columns of an aggregate's result as fields: the
// GroupBy fields, then one for each of Aggs, named As. The keys of Via, which
// Having and Sort cannot use, are not among them. The operation has gone through
// Normalize.
func ResultColumns(o *Op) []*schema.Field {
	cols := make([]*schema.Field, 0, len(o.GroupBy)+len(o.Aggs))
	for _, name := range o.GroupBy {
		if c, err := ColumnOf(o.Model, name); err == nil {
			cols = append(cols, c.As())
		}
	}
	for _, a := range o.Aggs {
		c := &schema.Field{Name: a.As, Type: schema.BigInteger, Nullable: true}
		if col, err := ColumnOf(o.Model, a.Field); err == nil && a.Field != "" && a.Func >= AggSum {
			f := col.As()
			c.Type, c.Precision, c.Scale, c.Size, c.Enum = f.Type, f.Precision, f.Scale, f.Size, f.Enum
			if a.Func == AggSum && f.Type == schema.Integer {
				c.Type = schema.BigInteger
			}
		}
		cols = append(cols, c)
	}
	return cols
}

package op

import (
	"errors"
	"slices"
	"strings"

	"github.com/weftdb/weft/schema"
)

// Normalize checks an operation against its models before anything runs and
// makes it canonical: fields by their JSON names, dotted names split into
// field and path, values in the canonical form of their field (see
// [CanonField]), Cond.Target filled. An operation that went through it once
// comes back unchanged, and without an allocation.
//
// Only *o itself is changed: slices that o shares with a query it was made
// from are copied before they are written to.
//
// The error is a *[ValidationError] where a field or value is at fault, with
// Index set in an insert of many, else an *[Error] with VALIDATION_ERROR. In a
// batch it is wrapped in an *Error whose Index is the member's position.
//
// Beyond names and types these rules hold:
//   - Cursors have one value for each sort key and exclude each other; a sort
//     key with a path or with Rank has no cursor. JSON fields sort by path only.
//   - Distinct needs its sort keys among Fields.
//   - Match looks at search fields. Sort by Rank needs a Match in the filter.
//   - Via is for Find, where it has its own limit and excludes cursors and
//     Distinct, and for Aggregate, where nothing has a limit.
//   - With of a count field has a filter only.
//   - Join, of Via and of Has and HasCount, is for many_to_many.
//   - WithDeleted needs a model with soft delete, and so does Purge, which is
//     for Delete; else the code is CAPABILITY_NOT_SUPPORTED.
//   - Aggregate: Having and Sort use the columns of the result; names of
//     aggregates are given and differ.
//   - Set never names a field twice (but for different paths) or the version;
//     at a path the value becomes JSON. Quiet is for Update.
//   - An encrypted field has no place in a condition (but for is null, not null
//     and = and != with nil; the Must of a guard may compare it by =), sort,
//     group, aggregate or increment, and no path. Distinct rows with one need
//     the key.
//   - Rows have one value for each field, Unset{} where none is given.
//   - Upsert names the fields of a unique index or of the key when it changes
//     the row that exists.
func Normalize(o *Op) error {
	switch o.Kind {
	case Find, Count, Aggregate, Insert, Update, Delete, Upsert, Increment, Watch:
	case Batch:
		return normalizeBatch(o)
	case SQL:
		return normalizeSQL(o)
	case Migrate:
		if o.Migration == nil || o.Migration.Models == nil {
			return Errorf(CodeValidation, "a migration needs its models")
		}
		return nil
	case Backup:
		return nil
	default:
		return Errorf(CodeValidation, "%d is no kind of operation", o.Kind)
	}
	m := o.Model
	if m == nil {
		return Errorf(CodeValidation, "an operation needs a model")
	}
	if len(m.Primary) == 0 {
		return Errorf(CodeValidation, "model %s was not built with the others", m.Name)
	}
	if o.Quiet && o.Kind != Update {
		return Errorf(CodeValidation, "only an update can be quiet, not a %s", o.Kind)
	}
	if o.WithDeleted || o.Purge {
		if err := softDelete(o); err != nil {
			return err
		}
	}
	sc := scope{m: m}
	if _, err := sc.normalize(&o.Filter); err != nil {
		return err
	}
	if _, err := sc.normalize(&o.Using); err != nil {
		return err
	}
	if _, err := sc.normalize(&o.Check); err != nil {
		return err
	}
	if len(o.Guards) > 0 {
		if err := normalizeGuards(o); err != nil {
			return err
		}
	}
	if len(o.Fields) == 0 {
		o.Fields = nil
	} else if err := sc.fields(o); err != nil {
		return err
	}
	switch o.Kind {
	case Find, Count, Watch:
		return sc.find(o)
	case Aggregate:
		return sc.aggregate(o)
	case Insert:
		return sc.rows(o)
	case Upsert:
		if err := sc.conflict(o); err != nil {
			return err
		}
		return sc.rows(o)
	case Update, Increment:
		if len(o.Set) == 0 {
			return Errorf(CodeValidation, "nothing to set on %s", m.Name)
		}
		return sc.set(&o.Set, o.Kind == Increment)
	}
	return nil
}

func normalizeBatch(o *Op) error {
	if err := normalizeGuards(o); err != nil {
		return err
	}
	copied := false
	for i := range o.Batch {
		var err error
		member := o.Batch[i]
		switch member.Kind {
		case Find, Count, Aggregate, Insert, Update, Delete, Upsert, Increment, SQL:
			err = Normalize(&member)
		default:
			err = Errorf(CodeValidation, "%s cannot be part of a batch", member.Kind)
		}
		if err != nil {
			return InBatch(i, err)
		}
		if !copied {
			o.Batch, copied = slices.Clone(o.Batch), true
		}
		o.Batch[i] = member
	}
	return nil
}

// InBatch wraps the error of member i of a batch: the code stays, Index says
// which member it was.
func InBatch(i int, err error) error {
	return &Error{Code: CodeOf(err), Op: "batch", Index: i, Err: err}
}

func normalizeSQL(o *Op) error {
	if o.SQL == "" {
		return Errorf(CodeValidation, "the SQL is empty")
	}
	for i, v := range o.Args {
		c, err := Canon(v)
		if err != nil {
			return Errorf(CodeValidation, "argument %d: %w", i+1, err)
		}
		if !sameValue(v, c) {
			o.Args = slices.Clone(o.Args)
			o.Args[i] = c
		}
	}
	return nil
}

// sameValue reports whether Canon gave back what it got.
func sameValue(v, c any) bool {
	switch v.(type) {
	case nil, string, int64, bool:
		return true
	}
	return rank(v) == rank(c) && rank(v) != rankOther && KeyString([]any{v}) == KeyString([]any{c})
}

func normalizeGuards(o *Op) error {
	for i := range o.Guards {
		g := o.Guards[i]
		if g.Model == nil || len(g.Model.Primary) == 0 {
			return Errorf(CodeValidation, "guard %d needs a model that was built", i)
		}
		if g.Kind != GuardMust && g.Kind != GuardSnapshot {
			return Errorf(CodeValidation, "%d is no kind of guard", g.Kind)
		}
		sc := scope{m: g.Model}
		a, err := sc.normalize(&g.Filter)
		if err != nil {
			return err
		}
		must := scope{m: g.Model, equal: true}
		b, err := must.normalize(&g.Must)
		if err != nil {
			return err
		}
		if a || b {
			o.Guards = slices.Clone(o.Guards)
			o.Guards[i] = g
		}
	}
	return nil
}

func (sc *scope) find(o *Op) error {
	if o.Limit < 0 || o.Offset < 0 {
		return Errorf(CodeValidation, "limit and offset of %s must not be negative", sc.m.Name)
	}
	if o.Lock > ForShare {
		return Errorf(CodeValidation, "%d is no kind of lock", o.Lock)
	}
	if len(o.Sort) > 0 {
		if err := sc.sort(&o.Sort, &o.Filter); err != nil {
			return err
		}
	}
	if len(o.After) > 0 || len(o.Before) > 0 {
		if len(o.After) > 0 && len(o.Before) > 0 {
			return Errorf(CodeValidation, "after and before cannot be given together")
		}
		if err := sc.cursor(o.Sort, &o.After); err != nil {
			return err
		}
		if err := sc.cursor(o.Sort, &o.Before); err != nil {
			return err
		}
	}
	if err := sc.distinct(o); err != nil {
		return err
	}
	if o.Distinct && o.Fields != nil {
		for _, s := range o.Sort {
			if s.Rank {
				return Errorf(CodeValidation, "distinct rows of %s can be sorted by the fields asked for only, not by rank", sc.m.Name)
			}
			if len(s.Path) > 0 || !slices.Contains(o.Fields, s.Field) {
				return Errorf(CodeValidation, "distinct rows of %s can be sorted by the fields asked for only, not by %s", sc.m.Name, s.Field)
			}
		}
	}
	if len(o.With) > 0 {
		if err := sc.with(&o.With, 0); err != nil {
			return err
		}
	}
	if o.Via != nil {
		if err := sc.via(o); err != nil {
			return err
		}
	}
	return sc.joins(o)
}

// fields makes Fields canonical: fields of the model or, for rows that go into
// no struct of it, columns.
func (sc *scope) fields(o *Op) error {
	if o.Kind != Find || o.Sink != nil {
		if o.Kind == Find && slices.ContainsFunc(o.Fields, func(n string) bool { c, err := ColumnOf(sc.m, n); return err == nil && !c.Plain() }) {
			return Errorf(CodeValidation, "%s has columns that no %s has a place for; weft.Into and weft.Pluck read them", strings.Join(o.Fields, ", "), sc.m.Name)
		}
		return sc.names(&o.Fields)
	}
	return sc.columns(&o.Fields, func(c Column) error {
		if c.Path == "" {
			return nil
		}
		return c.unsealed(sc.m, "it is read with the row that it is of only")
	})
}

// distinct refuses to look for equal values of encrypted fields.
func (sc *scope) distinct(o *Op) error {
	if !o.Distinct || o.Fields == nil || !sc.m.Encrypts() {
		return nil
	}
	for _, f := range sc.m.Primary {
		if slices.Contains(o.Fields, f.Name) {
			continue
		}
		for _, name := range o.Fields {
			if f := sc.field(name); f != nil && f.Encrypted {
				return sealed(sc.m, f, "its values cannot be looked for equal ones; leave it or Distinct out")
			}
		}
	}
	return nil
}

func (sc *scope) sort(list *[]Sort, filter *Cond) error {
	copied := false
	for i := range *list {
		s := (*list)[i]
		if s.Rank {
			if err := sc.rank(&s, filter); err != nil {
				return err
			}
			continue
		}
		f, name, path, err := sc.sortKey(s)
		if err != nil {
			return err
		}
		if f.Encrypted {
			return sealed(sc.m, f, "rows cannot be sorted by it")
		}
		if f.Type.Kind() == schema.KindJSON && len(path) == 0 {
			return Invalid(sc.model(), name, "sort", "is JSON and sorts by a path into it only, like %s.key", name)
		}
		if name != s.Field || len(path) != len(s.Path) {
			if !copied {
				*list, copied = slices.Clone(*list), true
			}
			(*list)[i].Field, (*list)[i].Path = name, path
		}
	}
	return nil
}

// sortKey is a place or, of a model, a column.
func (sc *scope) sortKey(s Sort) (*schema.Field, string, []string, error) {
	head, _, dotted := strings.Cut(s.Field, ".")
	own := sc.m.Field(head)
	if sc.cols != nil || !dotted && len(s.Path) == 0 || sc.m.Field(s.Field) != nil && len(s.Path) == 0 ||
		own != nil && own.Type.Kind() != schema.KindTime {
		return sc.place(s.Field, s.Path)
	}
	c, err := ColumnOf(sc.m, strings.Join(append([]string{s.Field}, s.Path...), "."))
	if err != nil {
		return nil, "", nil, err
	}
	return c.As(), c.Name(), nil, nil
}

func (sc *scope) rank(s *Sort, filter *Cond) error {
	switch {
	case s.Field != "" || len(s.Path) > 0:
		return Invalid(sc.model(), s.Field, "sort", "sorts by its value or by rank, not by both")
	case sc.cols != nil:
		return Errorf(CodeValidation, "groups of %s have no rank", sc.model())
	case len(Ranked(filter)) == 0:
		return Errorf(CodeValidation, "%s is sorted by rank and nothing is searched for: the filter needs a Match, and not inside Not or Has", sc.model())
	}
	return nil
}

func (sc *scope) cursor(sort []Sort, vals *[]any) error {
	if len(*vals) == 0 {
		return nil
	}
	if len(sort) != len(*vals) {
		return Errorf(CodeValidation, "the cursor has %d values and the order of %s %d keys", len(*vals), sc.m.Name, len(sort))
	}
	copied := false
	for i, s := range sort {
		switch {
		case s.Rank:
			return Errorf(CodeValidation, "a cursor cannot stand in an order by rank: page through %s by limit and offset", sc.model())
		case len(s.Path) > 0:
			return Invalid(sc.model(), s.Field, "cursor", "a cursor cannot go by a path into JSON")
		}
		f := sc.field(s.Field)
		if f == nil {
			return Invalid(sc.model(), s.Field, "cursor", "a cursor goes by fields of the model itself")
		}
		c, same, err := canonFor(f, f.Type.Kind(), (*vals)[i], false)
		if err != nil {
			return sc.at(err, -1)
		}
		if !same {
			if !copied {
				*vals, copied = slices.Clone(*vals), true
			}
			(*vals)[i] = c
		}
	}
	return nil
}

func (sc *scope) relation(name string) (*schema.Relation, error) {
	if r := sc.m.Relation(name); r != nil {
		return r, nil
	}
	if c := sc.m.Count(name); c != nil {
		return nil, Invalid(sc.model(), c.Name, "relation", "is not a relation: it counts %s, which is one", c.Relation)
	}
	names := make([]string, len(sc.m.Relations))
	for i, r := range sc.m.Relations {
		names[i] = r.Name
	}
	if len(names) == 0 {
		return nil, Invalid(sc.model(), name, "relation", "is not a relation; %s has none", sc.model())
	}
	return nil, Invalid(sc.model(), name, "relation", "is not a relation%s", choices(name, names))
}

// loads is what a With asks for: its name, and the relation that leads there.
func (sc *scope) loads(w *With) (string, *schema.Relation, error) {
	c := sc.m.Count(w.Relation)
	if c == nil {
		r, err := sc.relation(w.Relation)
		if err != nil {
			return "", nil, err
		}
		return r.Name, r, nil
	}
	if err := CountOnly(sc.m, c, w); err != nil {
		return "", nil, err
	}
	return c.Name, c.Of, nil
}

// CountOnly is the error of a With that asks of a count field for more than the
// number of rows; nil when it does not.
func CountOnly(m *schema.Model, c *schema.Count, w *With) error {
	if len(w.Sort) > 0 || w.Limit != 0 || w.Offset != 0 || len(w.Fields) > 0 || len(w.With) > 0 {
		return Invalid(m.Name, c.Name, "with", "is a number: a condition can say which rows count, but it has no order, limit, fields or relations")
	}
	return nil
}

func (sc *scope) with(list *[]With, depth int) error {
	if depth > maxDepth {
		return tooDeep()
	}
	copied := false
	for i := range *list {
		w := (*list)[i]
		name, r, err := sc.loads(&w)
		if err != nil {
			return err
		}
		w.Relation = name
		if w.WithDeleted && r.Target.DeletedF == nil {
			return noSoftDelete(r.Target)
		}
		to := scope{m: r.Target}
		if w.Limit < 0 || w.Offset < 0 {
			return Errorf(CodeValidation, "limit and offset of %s must not be negative", r.Name)
		}
		if _, err = to.normalize(&w.Filter); err != nil {
			return err
		}
		if err = to.sort(&w.Sort, &w.Filter); err != nil {
			return err
		}
		for _, s := range w.Sort {
			if c, err := ColumnOf(to.m, s.Field); err == nil && c.Path != "" {
				return Errorf(CodeValidation, "the rows of %s are sorted by fields of %s itself, not by %s", r.Name, to.m.Name, s.Field)
			}
		}
		if len(w.Fields) > 0 {
			if err = to.names(&w.Fields); err != nil {
				return err
			}
		}
		if err = to.with(&w.With, depth+1); err != nil {
			return err
		}
		if !copied {
			*list, copied = slices.Clone(*list), true
		}
		(*list)[i] = w
	}
	return nil
}

func (sc *scope) via(o *Op) error {
	v := *o.Via
	if o.Kind != Find && o.Kind != Aggregate {
		return Errorf(CodeValidation, "via is for find and aggregate only")
	}
	if v.Model == nil || len(v.Model.Primary) == 0 {
		return Errorf(CodeValidation, "via needs a model that was built")
	}
	owner := scope{m: v.Model}
	r, err := owner.relation(v.Relation)
	if err != nil {
		return err
	}
	switch {
	case r.Target != sc.m && r.Target.Name != sc.m.Name:
		return Errorf(CodeValidation, "relation %s of %s leads to %s, not to %s", r.Name, v.Model.Name, r.Target.Name, sc.m.Name)
	case v.Limit < 0 || v.Offset < 0:
		return Errorf(CodeValidation, "limit and offset of %s must not be negative", r.Name)
	case o.Kind == Aggregate && (v.Limit != 0 || v.Offset != 0 || o.Limit != 0 || o.Offset != 0):
		return Errorf(CodeValidation, "an aggregate via a relation has no limit and no offset")
	case o.Limit != 0 || o.Offset != 0 || len(o.After) > 0 || len(o.Before) > 0 || o.Distinct:
		return Errorf(CodeValidation, "a find via a relation is limited per parent: limit, offset, cursors and distinct of the whole are not for it")
	}
	changed := v.Relation != r.Name
	v.Relation = r.Name
	if v.Join.Kind != True {
		if r.Kind != schema.ManyToMany {
			return noJoin(r)
		}
		join := scope{m: r.Via}
		other, err := join.normalize(&v.Join)
		if err != nil {
			return err
		}
		changed = changed || other
	}
	copied := false
	for i, key := range v.Keys {
		if len(key) != len(r.From) {
			return Errorf(CodeValidation, "a key of relation %s has %d values, not %d", r.Name, len(r.From), len(key))
		}
		own := false
		for j, f := range r.From {
			if key[j] == nil {
				return Invalid(v.Model.Name, f.Name, "null", "must not be null in a key of relation %s", r.Name)
			}
			c, same, err := canonFor(f, f.Type.Kind(), key[j], false)
			if err != nil {
				return owner.at(err, -1)
			}
			if same {
				continue
			}
			if !own {
				key, own = slices.Clone(key), true
			}
			key[j] = c
		}
		if own {
			if !copied {
				v.Keys, copied = slices.Clone(v.Keys), true
			}
			v.Keys[i] = key
		}
	}
	if changed || copied {
		o.Via = &v
	}
	return nil
}

// at fills in where an error of a value happened.
func (sc *scope) at(err error, index int) error {
	var v *ValidationError
	if errors.As(err, &v) {
		v.Model, v.Index = sc.model(), index
	}
	return err
}

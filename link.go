package weft

import (
	"context"
	"reflect"
	"unsafe"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// Link links the instance with rows of a many-to-many relation, which are given
// by their keys (see [Key]). Links that exist stay as they are. All links are
// made or none.
//
// The relation of the instance, and counts of it, are then no longer loaded. Where the join model
// has foreign keys, a key without a row is a *ConflictError with reason
// reference.
func (r *Repository[T]) Link(ctx context.Context, p *T, relation string, ids ...string) error {
	return r.links(ctx, p, relation, ids, len(ids) == 0, func(ctx context.Context, l *links) error {
		return l.add(ctx)
	})
}

// Unlink takes links of a many-to-many relation away. Links that do not exist
// are no error; without keys nothing happens. See [Repository.Link].
func (r *Repository[T]) Unlink(ctx context.Context, p *T, relation string, ids ...string) error {
	return r.links(ctx, p, relation, ids, len(ids) == 0, func(ctx context.Context, l *links) error {
		return l.remove(ctx, l.listed())
	})
}

// Relink makes the links of a many-to-many relation exactly these, without keys
// none. Links that exist already stay as they are. See [Repository.Link].
func (r *Repository[T]) Relink(ctx context.Context, p *T, relation string, ids ...string) error {
	return r.links(ctx, p, relation, ids, false, func(ctx context.Context, l *links) error {
		if err := l.remove(ctx, op.Cond{Kind: op.Not, Conds: []op.Cond{l.listed()}}); err != nil {
			return err
		}
		return l.add(ctx)
	})
}

// links are those of one row through one relation.
type links struct {
	tx   *DB
	r    *schema.Relation
	from []any   // the row's values of r.From
	to   [][]any // the values of r.To, each set once
}

// links runs fn in a transaction and forgets what is loaded of the relation.
func (r *Repository[T]) links(ctx context.Context, p *T, relation string, ids []string, nothing bool, fn func(context.Context, *links) error) error {
	if err := r.check(p); err != nil {
		return err
	}
	b, ptr := r.b, unsafe.Pointer(p)
	rel, err := manyToMany(b.model, relation)
	if err != nil {
		return err
	}
	from, err := b.linkedBy(ptr, rel)
	if err != nil || nothing {
		return err
	}
	return r.db.transact(ctx, nil, func(ctx context.Context, tx *DB) error {
		l := &links{tx: tx, r: rel, from: from}
		if err := l.targets(ids); err != nil {
			return err
		}
		if err := fn(ctx, l); err != nil {
			return err
		}
		keep := tx.keep(ctx, b, []unsafe.Pointer{ptr})
		putBack := b.keepRelations(ptr)
		b.forget(ptr, rel)
		tx.onUndo(putBack)
		keep(nil)
		return nil
	})
}

func manyToMany(m *schema.Model, relation string) (*schema.Relation, error) {
	rel := m.Relation(relation)
	if rel == nil { // for an error that names those that exist
		return nil, op.Normalize(&op.Op{Kind: op.Find, Model: m, Filter: op.Cond{Kind: op.Has, Relation: relation}})
	}
	if rel.Kind != schema.ManyToMany {
		return nil, op.Invalid(m.Name, rel.Name, "relation",
			"is not many-to-many: its key is a field, of %s or of %s, and is written there", m.Name, rel.Target.Name)
	}
	return rel, nil
}

// linkedBy are the values by which links point at the instance.
func (b *binding) linkedBy(p unsafe.Pointer, rel *schema.Relation) ([]any, error) {
	from := make([]any, len(rel.From))
	st := b.stateOf(p)
	for i, f := range rel.From {
		if st != nil && st.partial != nil && !st.partial[f.Pos] {
			return nil, invalid("link %s: the instance was loaded without %s, by which %s is found; select it too", b.model.Name, f.Name, rel.Name)
		}
		v, err := b.value(f, p)
		if err != nil {
			return nil, named(b.model, err)
		}
		if v == nil || (len(rel.From) == 1 && b.fields[f.Pos].isZero(p)) {
			return nil, op.Invalid(b.model.Name, f.Name, "required", "is empty, and %s are found by it; create the instance before it is linked", rel.Name)
		}
		from[i] = v
	}
	return from, nil
}

// targets reads the keys of the rows to link with.
func (l *links) targets(ids []string) error {
	m, seen := l.r.Target, map[string]bool{}
	for _, id := range ids {
		c, err := op.KeyCond(m, id)
		if err != nil {
			return err
		}
		key := []any{c.Value}
		if len(m.Primary) > 1 {
			key = key[:0]
			for _, part := range c.Conds {
				key = append(key, part.Value)
			}
		}
		if k := op.KeyString(key); !seen[k] { // a join model points at the target's key
			seen[k] = true
			l.to = append(l.to, key)
		}
	}
	return nil
}

// own is the condition for the links of the row.
func (l *links) own() op.Cond { return equals(l.r.ViaFrom, l.from) }

// listed is the condition for links with the rows that were given.
func (l *links) listed() op.Cond {
	if len(l.r.ViaTo) == 1 {
		list := make([]any, len(l.to))
		for i, vals := range l.to {
			list[i] = vals[0]
		}
		return op.Cond{Kind: op.Compare, Field: l.r.ViaTo[0].Name, Op: op.In, List: list}
	}
	c := op.Cond{Kind: op.Or}
	for _, vals := range l.to {
		c.Conds = append(c.Conds, equals(l.r.ViaTo, vals))
	}
	return c
}

func equals(fields []*schema.Field, vals []any) op.Cond {
	conds := make([]op.Cond, len(fields))
	for i, f := range fields {
		conds[i] = op.Cmp(f.Name, op.Eq, vals[i])
	}
	return op.AllOf(conds...)
}

func (l *links) remove(ctx context.Context, which op.Cond) error {
	_, err := l.tx.do(ctx, &op.Op{Kind: op.Delete, Model: l.r.Via, Filter: op.AllOf(l.own(), which)})
	return err
}

// add inserts the links that do not exist. They are looked for first where the
// database cannot tell, and where hooks shall see new rows only.
func (l *links) add(ctx context.Context) error {
	if len(l.to) == 0 {
		return nil
	}
	if err := l.restoreLinks(ctx); err != nil {
		return err
	}
	via := l.r.Via
	o := &op.Op{Kind: op.Insert, Model: via}
	unique := append(names(l.r.ViaFrom), names(l.r.ViaTo)...)
	there := map[string]bool{}
	if op.Unique(via, unique) && l.tx.core.hooks.of(via) == nil {
		o.Kind, o.Conflict = op.Upsert, &op.Conflict{Fields: unique}
	} else {
		res, err := l.tx.do(ctx, &op.Op{Kind: op.Find, Model: via, Filter: op.AllOf(l.own(), l.listed()), Fields: names(l.r.ViaTo)})
		if err != nil {
			return err
		}
		if res.Rows, err = gathered(res.Rows); err != nil {
			return err
		}
		for res.Rows.Next() {
			there[op.KeyString(res.Rows.Row())] = true
		}
	}
	for _, vals := range l.to {
		if there[op.KeyString(vals)] {
			continue
		}
		row := make([]any, len(via.Fields))
		for i := range row {
			row[i] = op.Unset{}
		}
		for i, f := range l.r.ViaFrom {
			row[f.Pos] = l.from[i]
		}
		for i, f := range l.r.ViaTo {
			row[f.Pos] = vals[i]
		}
		o.Rows = append(o.Rows, row)
	}
	if len(o.Rows) == 0 {
		return nil
	}
	_, err := l.tx.do(ctx, o)
	return err
}

// forget makes a relation of the instance, and the counts of it, not loaded.
func (b *binding) forget(p unsafe.Pointer, rel *schema.Relation) {
	bits := relBit(b.model, rel)
	if rb := b.rels[rel]; rb != nil {
		reflect.NewAt(rb.typ, unsafe.Add(p, rb.off)).Elem().SetZero()
	}
	for i, c := range b.model.Counts {
		if fb := &b.counts[i]; c.Of == rel && fb.kind != bindHidden {
			reflect.NewAt(fb.typ, fb.at(p)).Elem().SetZero()
			_, bit := b.countOf(c)
			bits |= bit
		}
	}
	if st := b.stateOf(p); st != nil {
		n := *st
		n.rels &^= bits
		b.trackedAt(p).state = &n
	}
}

// keepRelations remembers what the relation and count fields of the instance
// hold; the function that it returns puts it back.
func (b *binding) keepRelations(p unsafe.Pointer) func() {
	held := reflect.New(b.typ).UnsafePointer()
	b.copyStruct(held, p)
	put := func(typ reflect.Type, off uintptr) {
		reflect.NewAt(typ, unsafe.Add(p, off)).Elem().Set(reflect.NewAt(typ, unsafe.Add(held, off)).Elem())
	}
	return func() {
		for _, rb := range b.rels {
			put(rb.typ, rb.off)
		}
		for i := range b.counts {
			if fb := &b.counts[i]; fb.kind != bindHidden {
				put(fb.typ, fb.off)
			}
		}
	}
}

package encrypt

import (
	"slices"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// writing puts ciphertexts, or placeholders for them, into a write.
type writing struct {
	*engine
	m    *model
	p    *prepared
	late bool // placeholders only
}

// value is what stands for a clear value in the write.
func (w *writing) value(c *cell, key []any, v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	if key != nil && !w.late {
		return c.seal(w.layer, key, v)
	}
	if w.p.later == nil {
		var err error
		if w.p.later, err = newLater(w.layer); err != nil {
			return nil, err
		}
	}
	return w.p.later.placeholder(c, v), nil
}

// insert seals the rows of an insert. The caller's rows stay as they are.
func (w *writing) insert() error {
	rows := make([][]any, len(w.p.asked.Rows))
	for i, row := range w.p.asked.Rows {
		var err error
		if rows[i], err = w.row(row); err != nil {
			return at(err, i, len(rows))
		}
	}
	w.p.o.Rows = rows
	return nil
}

func (w *writing) row(given []any) ([]any, error) {
	if len(given) != len(w.m.clear.Fields) {
		return given, nil // refused below
	}
	row := slices.Clone(given)
	key, _ := w.m.key(given)
	for _, c := range w.m.cells {
		v, err := w.m.filled(c.f, row[c.f.Pos])
		if err != nil {
			return nil, err
		}
		if row[c.f.Pos], err = w.value(c, key, v); err != nil {
			return nil, err
		}
	}
	return row, nil
}

// filled is the value of an insert as the engine would fill it: a default in
// the database would be a clear one.
func (m *model) filled(f *schema.Field, v any) (any, error) {
	if _, unset := v.(op.Unset); !unset {
		return v, nil
	}
	switch d := f.Default; {
	case d != nil && d.Now:
		return op.CanonField(f, time.Now().UTC())
	case d != nil && d.Value != nil:
		return op.CanonField(f, d.Value)
	case !f.Nullable:
		return nil, op.Invalid(m.clear.Name, f.Name, "null", "must not be null")
	}
	return nil, nil
}

// at notes which of several rows an error is about.
func at(err error, i, of int) error {
	if of == 1 {
		return err
	}
	switch x := err.(type) {
	case *op.ValidationError:
		x.Index = i
	case *op.Error:
		x.Index = i
	}
	return err
}

// upsert seals the rows of an upsert. A row that is there already has its own
// key, so what may be written to it waits for that.
func (w *writing) upsert() error {
	c := w.p.asked.Conflict
	if c == nil {
		return w.insert() // refused below
	}
	if err := w.keyStays(c.Update, c.Set); err != nil {
		return err
	}
	if slices.ContainsFunc(c.Update, func(n string) bool { return w.m.cell(n) != nil }) {
		w.late = true
	}
	own := *c
	var err error
	if own.Set, err = w.set(c.Set, nil); err != nil {
		return err
	}
	w.p.o.Conflict = &own
	return w.insert()
}

// update seals what an update sets.
func (w *writing) update() error {
	set := w.p.asked.Set
	if err := w.keyStays(nil, set); err != nil {
		return err
	}
	if !slices.ContainsFunc(set, func(a op.Assign) bool { return w.m.cell(a.Field) != nil && a.Value != nil }) {
		return nil
	}
	key, one := w.m.onlyKey(&w.p.asked)
	if one && !w.late {
		exact, ok := w.m.exactly(key)
		if !ok {
			key = nil
		} else if exact.Kind != op.True {
			w.p.o.Using = op.AllOf(w.p.o.Using, exact)
			w.p.exact = true
		}
	}
	var err error
	w.p.o.Set, err = w.set(set, key)
	return err
}

func (w *writing) set(set []op.Assign, key []any) ([]op.Assign, error) {
	if len(set) == 0 {
		return set, nil
	}
	out := slices.Clone(set)
	for i, a := range out {
		c := w.m.cell(a.Field)
		if c == nil {
			continue
		}
		if a.Inc || len(a.Path) > 0 {
			return nil, op.Invalid(w.m.clear.Name, c.f.Name, "encrypted", "is encrypted: it can be set only as a whole")
		}
		var err error
		if out[i].Value, err = w.value(c, key, a.Value); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// keyStays refuses to change the key that ciphertexts are bound to.
func (w *writing) keyStays(names []string, set []op.Assign) error {
	for _, a := range set {
		names = append(slices.Clip(names), a.Field)
	}
	for _, n := range names {
		if f := w.m.clear.Field(n); f != nil && f.Primary {
			return op.Errorf(op.CodeUnsupported, "%s.%s cannot be changed: the encrypted fields of %s are bound to the key of their row; delete the row and create it anew",
				w.m.clear.Name, f.Name, w.m.clear.Name)
		}
	}
	return nil
}

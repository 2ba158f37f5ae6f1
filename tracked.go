package weft

import (
	"reflect"
	"time"
	"unsafe"

	"github.com/weftdb/weft/schema"
)

// Model is embedded by models that want the usual: a UUIDv7 key, the times of
// creation and last update (UTC, microseconds), a hidden row version against
// lost updates, and dirty tracking.
type Model struct {
	Tracked

	ID        string    `weft:"primary,type=uuid" json:"id"`
	CreatedAt time.Time `weft:"created" json:"createdAt"`
	UpdatedAt time.Time `weft:"updated" json:"updatedAt"`

	_ struct{} `weft:"version"`
}

// Tracked remembers what an instance was loaded with, so that Save writes only
// what changed and finds out when somebody else was faster. It has no columns.
// Copying an instance is safe: what is remembered is never changed, only
// replaced. [Model] contains it; a model over an existing table may embed it
// alone.
type Tracked struct {
	state *state
}

func (t *Tracked) tracked() *Tracked { return t }

type tracker interface{ tracked() *Tracked }

// state is what Weft knows of an instance. It is immutable once it can be
// reached from an instance that has been handed out.
type state struct {
	b       *binding
	loaded  bool   // the row exists in the database; false after New
	version int64  // of the row, 0 where the model has none
	partial []bool // by field position: loaded; nil is all
	rels    uint64 // loaded: relations by position in Model.Relations, behind them counts

	was  unsafe.Pointer // copy of the struct as loaded
	refs []any          // canonical values of fields that was cannot keep, by binding.refs
}

// cells hold a row and what is remembered of it in one allocation:
// struct{Row T; State state; Was T}, and the last two alone.
func cellTypes(t reflect.Type) (cell, snap reflect.Type) {
	st := reflect.TypeFor[state]()
	cell = reflect.StructOf([]reflect.StructField{
		{Name: "Row", Type: t}, {Name: "State", Type: st}, {Name: "Was", Type: t},
	})
	snap = reflect.StructOf([]reflect.StructField{
		{Name: "State", Type: st}, {Name: "Was", Type: t},
	})
	return cell, snap
}

// newRow allocates a zero row; for a tracked model also the state that the row
// then points at.
func (b *binding) newRow() (unsafe.Pointer, *state) {
	if !b.hasTracked {
		return reflect.New(b.typ).UnsafePointer(), nil
	}
	p := reflect.New(b.cell).UnsafePointer()
	st := (*state)(unsafe.Add(p, b.cellState))
	st.b = b
	st.was = unsafe.Add(p, b.cellWas)
	return p, st
}

// newState allocates a state for a row that exists already.
func (b *binding) newState() *state {
	s := reflect.New(b.snap).UnsafePointer()
	st := (*state)(s)
	st.b = b
	st.was = unsafe.Add(s, b.snapWas)
	return st
}

// trackedAt is the Tracked part of a row of a tracked model.
func (b *binding) trackedAt(p unsafe.Pointer) *Tracked {
	return (*Tracked)(unsafe.Add(p, b.trackedOff))
}

// stateOf is what is known of the row; nil for untracked models and for
// instances that the application made itself.
func (b *binding) stateOf(p unsafe.Pointer) *state {
	if !b.hasTracked {
		return nil
	}
	return b.trackedAt(p).state
}

// remember makes st hold the row's values as loaded and hangs it on the row.
// refs that are given already (by field position in b.refs) are kept.
func (b *binding) remember(p unsafe.Pointer, st *state) error {
	st.loaded = true
	b.copyStruct(st.was, p)
	b.trackedAt(st.was).state = nil // or every save would keep the one before alive
	if len(b.refs) > 0 {
		if st.refs == nil {
			st.refs = make([]any, len(b.refs))
		}
		for i, f := range b.refs {
			if st.refs[i] != nil {
				continue
			}
			v, err := f.get(p)
			if err != nil {
				return err
			}
			st.refs[i] = v
		}
	}
	b.trackedAt(p).state = st
	return nil
}

func (b *binding) copyStruct(dst, src unsafe.Pointer) {
	reflect.NewAt(b.typ, dst).Elem().Set(reflect.NewAt(b.typ, src).Elem())
}

// changed lists the fields whose values differ from what was loaded.
func (b *binding) changed(p unsafe.Pointer) ([]*fieldBind, error) {
	st := b.stateOf(p)
	var out []*fieldBind
	for i := range b.fields {
		f := &b.fields[i]
		if f.kind == bindHidden {
			continue
		}
		diff, err := f.differs(p, st)
		if err != nil {
			return nil, err
		}
		if diff {
			out = append(out, f)
		}
	}
	return out, nil
}

// bindingOf is the binding of an instance that Weft has seen, and its address.
func bindingOf(model any) (*binding, unsafe.Pointer, *state) {
	t, ok := model.(tracker)
	if !ok {
		return nil, nil, nil
	}
	v := reflect.ValueOf(model)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return nil, nil, nil
	}
	st := t.tracked().state
	if st == nil || st.b.typ != v.Type().Elem() {
		return nil, nil, nil
	}
	return st.b, v.UnsafePointer(), st
}

// Changed returns the JSON names of the fields of a loaded instance that differ
// from what was loaded. It is nil for instances that were never loaded or saved
// and for models without Tracked.
func Changed(model any) []string {
	b, p, st := bindingOf(model)
	if b == nil || !st.loaded {
		return nil
	}
	fields, err := b.changed(p)
	if err != nil {
		return nil
	}
	var names []string
	for _, f := range fields {
		names = append(names, f.f.Name)
	}
	return names
}

// Was returns the value that a field (JSON or Go name) of a loaded instance was
// loaded with, in the field's own Go type; nil for unknown fields and for
// instances that were never loaded.
func Was(model any, field string) any {
	b, _, st := bindingOf(model)
	if b == nil || !st.loaded {
		return nil
	}
	f := b.model.Field(field)
	if f == nil {
		return nil
	}
	fb := &b.fields[f.Pos]
	if fb.kind == bindHidden {
		return st.version
	}
	if fb.ref < 0 {
		return reflect.NewAt(fb.typ, fb.at(st.was)).Elem().Interface()
	}
	tmp := reflect.New(b.typ)
	if err := fb.set(tmp.UnsafePointer(), st.refs[fb.ref]); err != nil {
		return nil
	}
	return reflect.NewAt(fb.typ, fb.at(tmp.UnsafePointer())).Elem().Interface()
}

// Version is the number of a row's changes: 1 after Create, one more with each
// update. 0 means unknown.
type Version int64

// VersionOf returns the version that an instance was loaded with; 0 for models
// without a version and for instances that were never loaded.
func VersionOf(model any) Version {
	if _, _, st := bindingOf(model); st != nil {
		return Version(st.version)
	}
	return 0
}

// Loaded reports whether a relation or a count field (JSON or Go name) of the
// instance has been loaded; a relation that led to nothing counts as loaded. For
// models without Tracked it reports whether the field holds anything.
func Loaded(model any, relation string) bool {
	if b, p, st := bindingOf(model); b != nil {
		if c := b.model.Count(relation); c != nil {
			return b.isCounted(p, c)
		}
		r := b.model.Relation(relation)
		return r != nil && st.rels&relBit(b.model, r) != 0
	}
	v := reflect.Indirect(reflect.ValueOf(model))
	if v.Kind() != reflect.Struct {
		return false
	}
	f, ok := v.Type().FieldByName(relation)
	if !ok {
		f, ok = v.Type().FieldByNameFunc(func(n string) bool { return schema.LowerCamel(n) == relation })
	}
	switch {
	case !ok:
	case f.Type.Kind() == reflect.Pointer || f.Type.Kind() == reflect.Slice || isCountField(f):
		x, err := v.FieldByIndexErr(f.Index)
		return err == nil && !x.IsZero()
	}
	return false
}

func relBit(m *schema.Model, r *schema.Relation) uint64 {
	for i, x := range m.Relations {
		if x == r {
			return 1 << uint(i%64)
		}
	}
	return 0
}

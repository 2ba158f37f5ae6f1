package weft

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"unsafe"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// JSON writes an instance of a registered model, or a slice of them, as JSON:
// fields by their lower-camel names, hidden ones (json:"-") left out, counts and
// relations that are not hidden only where they are loaded. A row that is reached again on the way from the
// root to itself is written as its key alone. Decimals are strings, so that no
// digit is lost; times have microseconds.
//
// Of an instance that no repository has seen, and of a model without Tracked, it
// writes the fields only; [DB.JSON] writes their counts and relations too.
func JSON(model any) ([]byte, error) {
	list := elements(reflect.ValueOf(model))
	for _, v := range list {
		if v.IsValid() && v.CanInterface() {
			if b, _, _ := bindingOf(v.Interface()); b != nil {
				return b.core.json(model)
			}
		}
	}
	for _, v := range list {
		if v = bare(v); v.IsValid() {
			return loose(v.Type(), model)
		}
	}
	return (&core{}).json(model) // nil, or a list of nothing
}

// elements are the values of a list, or the one value that v is.
func elements(v reflect.Value) []reflect.Value {
	if k := v.Kind(); k != reflect.Slice && k != reflect.Array {
		if k == reflect.Interface {
			v = v.Elem()
		}
		return []reflect.Value{v}
	}
	list := make([]reflect.Value, v.Len())
	for i := range list {
		if list[i] = v.Index(i); list[i].Kind() == reflect.Interface {
			list[i] = list[i].Elem()
		}
	}
	return list
}

// bare is what v points at; not valid for nil.
func bare(v reflect.Value) reflect.Value {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	return v
}

// loose writes instances whose database is not known.
func loose(t reflect.Type, model any) ([]byte, error) {
	if t.Kind() != reflect.Struct {
		return nil, invalid("JSON: a %T is no model", model)
	}
	m, err := schema.FromStruct(t)
	if err != nil {
		return nil, err
	}
	m.Relations, m.Counts = nil, nil
	k := &core{bindings: map[*schema.Model]*binding{}, byType: map[reflect.Type]*binding{}}
	if k.models, err = schema.Build(m); err != nil {
		return nil, err
	}
	b, err := newBinding(k, m)
	if err != nil {
		return nil, err
	}
	k.bindings[m], k.byType[t] = b, b
	return k.json(model)
}

// JSON writes an instance of a model of this database, or a slice of them. See
// the function [JSON].
func (db *DB) JSON(model any) ([]byte, error) {
	if err := db.unusable(); err != nil {
		return nil, err
	}
	return db.core.json(model)
}

func (k *core) json(model any) ([]byte, error) {
	w := &jsonWriter{core: k}
	v := reflect.ValueOf(model)
	many := v.Kind() == reflect.Slice || v.Kind() == reflect.Array
	if many {
		w.WriteByte('[')
	}
	for i, x := range elements(v) {
		if i > 0 {
			w.WriteByte(',')
		}
		if err := w.value(x); err != nil {
			return nil, err
		}
	}
	if many {
		w.WriteByte(']')
	}
	return w.Bytes(), nil
}

type jsonWriter struct {
	bytes.Buffer
	core *core
	path []unsafe.Pointer // rows from the root to here
}

func (w *jsonWriter) value(v reflect.Value) error {
	for v.Kind() == reflect.Pointer && v.Type().Elem().Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.IsValid() && v.Kind() != reflect.Pointer {
		p := reflect.New(v.Type())
		p.Elem().Set(v)
		v = p
	}
	if !v.IsValid() || v.IsNil() {
		w.WriteString("null")
		return nil
	}
	b := w.core.byType[v.Type().Elem()]
	if b == nil {
		return invalid("JSON: %s is not a registered model", v.Type().Elem())
	}
	return w.row(b, v.UnsafePointer())
}

func (w *jsonWriter) row(b *binding, p unsafe.Pointer) error {
	again := false
	for _, q := range w.path {
		again = again || q == p
	}
	w.path = append(w.path, p)
	defer func() { w.path = w.path[:len(w.path)-1] }()

	w.WriteByte('{')
	first := true
	name := func(n string) {
		if !first {
			w.WriteByte(',')
		}
		first = false
		data, _ := json.Marshal(n) // a string: never fails
		w.Write(data)
		w.WriteByte(':')
	}
	var partial []bool
	if st := b.stateOf(p); st != nil {
		partial = st.partial
	}
	for i := range b.fields {
		fb := &b.fields[i]
		if fb.kind == bindHidden || fb.f.Hidden || (again && !fb.f.Primary) || (partial != nil && !partial[i]) {
			continue
		}
		v, err := fb.get(p)
		if err != nil {
			return named(b.model, err)
		}
		name(fb.f.Name)
		if err := w.field(fb.f, v); err != nil {
			return named(b.model, err)
		}
	}
	if !again {
		for i, c := range b.model.Counts {
			if c.Hidden || !b.isCounted(p, c) {
				continue
			}
			v, err := b.counts[i].get(p)
			if err != nil {
				return named(b.model, err)
			}
			name(c.Name)
			if err := w.field(b.counts[i].f, v); err != nil {
				return named(b.model, err)
			}
		}
		for _, r := range b.model.Relations {
			rb := b.rels[r]
			if r.Hidden || rb == nil || !b.isLoaded(p, r, rb) {
				continue
			}
			name(r.Name)
			if err := w.relation(b, p, r, rb); err != nil {
				return err
			}
		}
	}
	w.WriteByte('}')
	return nil
}

func (b *binding) isLoaded(p unsafe.Pointer, r *schema.Relation, rb *relBind) bool {
	if b.hasTracked {
		st := b.stateOf(p)
		return st != nil && st.rels&relBit(b.model, r) != 0
	}
	return !reflect.NewAt(rb.typ, unsafe.Add(p, rb.off)).Elem().IsNil()
}

func (w *jsonWriter) relation(b *binding, p unsafe.Pointer, r *schema.Relation, rb *relBind) error {
	a := unsafe.Add(p, rb.off)
	target := w.core.bindings[r.Target]
	if !r.Many() {
		q := *(*unsafe.Pointer)(a)
		if q == nil {
			w.WriteString("null")
			return nil
		}
		return w.row(target, q)
	}
	w.WriteByte('[')
	for i, q := range *(*[]unsafe.Pointer)(a) {
		if i > 0 {
			w.WriteByte(',')
		}
		if q == nil {
			w.WriteString("null")
			continue
		}
		if err := w.row(target, q); err != nil {
			return err
		}
	}
	w.WriteByte(']')
	return nil
}

func (w *jsonWriter) field(f *schema.Field, v any) error {
	switch x := v.(type) {
	case op.JSON:
		w.WriteString(string(x))
		return nil
	case decimal.Decimal:
		v = x.String()
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return op.Invalid("", f.Name, "type", "is %v, which JSON cannot hold", x)
		}
	}
	data, err := json.Marshal(v)
	if err != nil {
		return op.Invalid("", f.Name, "type", "cannot be written as JSON: %v", err)
	}
	w.Write(data)
	return nil
}

package schema

import "reflect"

// BuildFrom reads models from structs, as [FromStruct] does, and builds the set,
// as [Build] does. A value may also be a *[Model]. All faults of all models come
// back in one *[Faults]. A part of a struct that cannot be read hides no fault
// of another part or model, and causes none: of the part itself, and of what
// refers to it, nothing more is said.
func BuildFrom(values ...any) (*Set, error) {
	b := newBuilder()
	var models []*Model
	for _, v := range values {
		if m, ok := v.(*Model); ok {
			models = append(models, m)
			continue
		}
		r, err := readStruct(v)
		if err != nil {
			b.faults = append(b.faults, err.(*Faults).List...)
			continue
		}
		b.faults = append(b.faults, r.faults...)
		if r.faults != nil {
			b.faulty[r.m] = &r.faulty
		}
		models = append(models, r.m)
	}
	return b.build(models)
}

// readStruct reads what can be read of a struct. The faults of its parts are in
// the reader; the error is why there is no model at all.
func readStruct(v any) (*structReader, error) {
	t, err := structType(v)
	if err != nil {
		return nil, &Faults{List: []Fault{{Message: err.Error()}}}
	}
	r := newStructReader(t)
	if !r.named() {
		return nil, r.faults.err()
	}
	r.walk(t, nil, embedding{}, 0, map[reflect.Type]bool{})
	r.shadow()
	r.key()
	r.options(t)
	r.hooks(t)
	r.jsonNames()
	return r, nil
}

// faulty is what of a struct could not be read. The zero value, and nil, is
// nothing.
type faulty struct {
	names   map[string]bool // parts with a fault, by JSON name and by Go name
	gone    bool            // some of them are not in the model
	options bool            // what the method Weft says is not known
}

func (f *faulty) add(names ...string) {
	if f.names == nil {
		f.names = map[string]bool{}
	}
	for _, n := range names {
		f.names[n] = true
	}
}

// has reports whether the part with this name has a fault.
func (f *faulty) has(name string) bool { return f != nil && f.names[name] }

// short reports whether the model has fewer parts than the struct meant.
func (f *faulty) short() bool { return f != nil && f.gone }

// bad reports whether the field, of any model, has a fault of its own.
func (b *builder) bad(f *Field) bool {
	for m, x := range b.faulty {
		if m.fields[f.Name] == f && x.has(f.Name) {
			return true
		}
	}
	return false
}

// optionsUnknown reports whether a model's options could not be read: its table
// may have another name.
func (b *builder) optionsUnknown() bool {
	for _, x := range b.faulty {
		if x.options {
			return true
		}
	}
	return false
}

package weft

import (
	"context"
	"reflect"
	"unsafe"

	"github.com/weftdb/weft/op"
)

// keep remembers instances before a write. The function that it returns is
// called after the write; when the write failed, or its transaction does, what
// Weft and hooks changed on the instances is taken back.
func (db *DB) keep(ctx context.Context, b *binding, ps []unsafe.Pointer) func(error) {
	in := db.joined(ctx)
	hooked := db.core.hooks.of(b.model) != nil
	if in.tx == nil && !hooked {
		return func(error) {} // nothing is written to them before it is certain
	}
	before := make([]snapshot, len(ps))
	for i, p := range ps {
		before[i] = b.snapshot(p, hooked)
	}
	return func(err error) {
		after := make([]snapshot, len(ps))
		for i, p := range ps {
			after[i] = b.snapshot(p, hooked)
		}
		undo := func() {
			for i, p := range ps {
				b.restore(p, before[i], after[i])
			}
		}
		if err != nil {
			undo()
			return
		}
		in.onUndo(undo)
	}
}

// snapshot is an instance as it was at some time.
type snapshot struct {
	row  unsafe.Pointer // a copy of the struct
	refs []any          // by binding.refs; nil where nobody changes values in place
}

// snapshot copies the instance at p. Hooks may write into a map or slice that
// the copy shares, so where there are some its content is copied too.
func (b *binding) snapshot(p unsafe.Pointer, hooked bool) snapshot {
	s := snapshot{row: reflect.New(b.typ).UnsafePointer()}
	b.copyStruct(s.row, p)
	if !hooked || len(b.refs) == 0 {
		return s
	}
	s.refs = make([]any, len(b.refs))
	for i, fb := range b.refs {
		v, err := fb.get(p)
		if err != nil {
			v = op.Unset{} // a value that cannot be written cannot be put back
		}
		s.refs[i] = v
	}
	return s
}

// restore puts back the fields at p that a write changed from before to after.
func (b *binding) restore(p unsafe.Pointer, before, after snapshot) {
	for i := range b.fields {
		fb := &b.fields[i]
		if fb.kind == bindHidden {
			continue
		}
		if fb.ref >= 0 && before.refs != nil {
			was, is := before.refs[fb.ref], after.refs[fb.ref]
			if _, none := was.(op.Unset); !none {
				if !sameValue(was, is) {
					_ = fb.set(p, was) // it was read from such a field
				}
				continue
			}
		}
		x := reflect.NewAt(fb.typ, fb.at(before.row)).Elem()
		if !reflect.DeepEqual(x.Interface(), reflect.NewAt(fb.typ, fb.at(after.row)).Elem().Interface()) {
			reflect.NewAt(fb.typ, fb.at(p)).Elem().Set(x)
		}
	}
	if b.hasTracked {
		b.trackedAt(p).state = b.trackedAt(before.row).state
	}
}

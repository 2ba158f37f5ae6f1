package weft

import (
	"fmt"
	"reflect"
	"strings"
	"unsafe"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// bindCounts ties the model's counts to their Go fields.
func (b *binding) bindCounts() {
	b.counts = make([]fieldBind, len(b.model.Counts))
	for i, c := range b.model.Counts {
		fb := &b.counts[i]
		// No column: what the binding needs to know of one.
		fb.f, fb.ref = &schema.Field{Name: c.Name, Type: schema.BigInteger, Nullable: true}, -1
		if c.GoIndex == nil {
			fb.kind = bindHidden
			continue
		}
		off, typ := locate(b.typ, c.GoIndex)
		fb.off = off
		fb.bind(typ)
	}
}

// countOf is the binding of a count, and its bit in state.rels.
func (b *binding) countOf(c *schema.Count) (*fieldBind, uint64) {
	for i, x := range b.model.Counts {
		if x == c {
			return &b.counts[i], 1 << uint((len(b.model.Relations)+i)%64)
		}
	}
	return nil, 0
}

// Counted fills a count field.
func (s *sink) Counted(row int, c *schema.Count, n int64) error {
	fb, bit := s.b.countOf(c)
	if fb == nil || fb.kind == bindHidden {
		return op.Errorf(op.CodeValidation, "the count %s of %s cannot be loaded: its struct has no such field", c.Name, s.b.model.Name)
	}
	p := s.rows[row-s.base]
	if err := fb.set(p, n); err != nil {
		return fmt.Errorf("count %s: %w", s.b.model.Name, err)
	}
	s.loaded(p, bit)
	return nil
}

// loaded notes on a row what of its relations and counts has been loaded.
func (s *sink) loaded(p unsafe.Pointer, bit uint64) {
	st := s.b.stateOf(p)
	switch {
	case st == nil:
	case s.own:
		st.rels |= bit
	default: // an instance that was handed out: its state is replaced, not changed
		n := *st
		n.rels |= bit
		s.b.trackedAt(p).state = &n
	}
}

// isCounted reports whether a count of the row has been loaded; without Tracked,
// whether it is not 0.
func (b *binding) isCounted(p unsafe.Pointer, c *schema.Count) bool {
	fb, bit := b.countOf(c)
	switch {
	case fb == nil || fb.kind == bindHidden:
		return false
	case b.hasTracked:
		st := b.stateOf(p)
		return st != nil && st.rels&bit != 0
	}
	return !fb.isZero(p)
}

// isCountField reports whether a struct field is tagged as a count.
func isCountField(f reflect.StructField) bool {
	for part := range strings.SplitSeq(f.Tag.Get("weft"), ",") {
		if strings.HasPrefix(strings.TrimSpace(part), "count=") {
			return true
		}
	}
	return false
}

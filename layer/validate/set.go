package validate

import (
	"bytes"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// assigned runs refusals, transforms and rules over the values that an update
// sets and adds the time of the update. The list given is not changed. saved
// is true for an update that writes instances, where a time of update in the
// list is only the one that was loaded.
func (s *pass) assigned(set []op.Assign, saved bool) (out []op.Assign, err error) {
	defer s.caught(&err)
	out = make([]op.Assign, 0, len(set)+1)
	stamped := false
	for _, a := range set {
		f := s.p.m.Field(a.Field)
		if f == nil {
			return nil, op.Invalid(s.p.m.Name, a.Field, "field", "is no field of %s", s.p.m.Name)
		}
		if f == s.p.m.UpdatedF {
			if saved {
				continue
			}
			stamped = true
		}
		if rule, msg := s.fixed(f); rule != "" {
			s.fail(-1, f, rule, "", msg)
			continue
		}
		if !a.Inc && len(a.Path) == 0 {
			v := a.Value
			fp := &s.p.fields[f.Pos]
			if v != nil {
				c, err := op.CanonField(fp.in, v)
				if err != nil {
					s.failErr(-1, f, err)
					continue
				}
				v = c
			}
			a.Value = s.settle(-1, fp, v)
		}
		out = append(out, a)
	}
	if f := s.p.m.UpdatedF; f != nil && !stamped && len(set) > 0 {
		v, err := s.generatedNow(&s.p.fields[f.Pos])
		if err != nil {
			return nil, err
		}
		out = append(out, op.Assign{Field: f.Name, Value: v})
	}
	return out, nil
}

// fixed says why a field may not be set once its row exists; "" when it may.
func (s *pass) fixed(f *schema.Field) (rule, msg string) {
	switch {
	case f.Primary:
		return "immutable", "is the key and cannot be changed"
	case f == s.p.owner:
		return "immutable", "is the owner and cannot be changed"
	case f == s.p.m.DeletedF && !s.marks:
		return "readonly", "is set by Delete and taken away by Restore"
	case f == s.p.m.VersionF:
		return "readonly", "is the row's version, which is counted by itself"
	case f.Immutable:
		return "immutable", "is immutable"
	case f.ReadOnly, f.Auto:
		return "readonly", "is read-only"
	}
	return "", ""
}

// changes gives the fields whose values differ between two rows of full width.
func changes(p *plan, before, after []any) []op.Assign {
	var out []op.Assign
	for i := range p.fields {
		if !same(before[i], after[i]) {
			out = append(out, op.Assign{Field: p.fields[i].f.Name, Value: after[i]})
		}
	}
	return out
}

// merged is set with the changes of a hook: what the hook wrote replaces all
// that was to happen to the field.
func merged(p *plan, set, changed []op.Assign) []op.Assign {
	if len(changed) == 0 {
		return set
	}
	out := make([]op.Assign, 0, len(set)+len(changed))
	for _, a := range set {
		f, replaced := p.m.Field(a.Field), false
		for _, c := range changed {
			replaced = replaced || p.m.Field(c.Field) == f
		}
		if !replaced {
			out = append(out, a)
		}
	}
	return append(out, changed...)
}

// same compares two canonical values.
func same(a, b any) bool {
	switch x := a.(type) {
	case []byte:
		y, ok := b.([]byte)
		return ok && bytes.Equal(x, y)
	case decimal.Decimal:
		y, ok := b.(decimal.Decimal)
		return ok && x.Equal(y)
	case time.Time:
		y, ok := b.(time.Time)
		return ok && x.Equal(y)
	}
	if _, ok := b.([]byte); ok {
		return false
	}
	return a == b
}

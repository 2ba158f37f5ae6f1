package op

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/weftdb/weft/schema"
)

// Key writes a key as one string: that of a single value as it is, several
// joined by commas, with commas and backslashes in them escaped by a backslash.
// Values are canonical: times are written in RFC 3339, bytes as they are.
func Key(parts ...any) string {
	if len(parts) == 1 {
		return keyPart(parts[0])
	}
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = strings.NewReplacer(`\`, `\\`, `,`, `\,`).Replace(keyPart(p))
	}
	return strings.Join(out, ",")
}

func keyPart(v any) string {
	switch x := v.(type) {
	case int64:
		return strconv.FormatInt(x, 10)
	case time.Time:
		return x.Format(time.RFC3339Nano)
	case []byte:
		return string(x)
	}
	return Text(v)
}

// KeyText is the key of a row as [Key] writes it, for ConflictError.ID. The row
// has all fields of the model in their order.
func KeyText(m *schema.Model, row []any) string {
	parts := make([]any, 0, len(m.Primary))
	for _, f := range m.Primary {
		if f.Pos < len(row) {
			parts = append(parts, row[f.Pos])
		}
	}
	return Key(parts...)
}

// FilterKey returns the key of the one row that a condition can hold for,
// because it says what every part of the key equals; false for any other
// condition. The condition has gone through Normalize.
func FilterKey(m *schema.Model, c *Cond) ([]any, bool) {
	key := make([]any, len(m.Primary))
	for i, f := range m.Primary {
		v, ok := equals(f, c)
		for j := 0; !ok && c.Kind == And && j < len(c.Conds); j++ {
			v, ok = equals(f, &c.Conds[j])
		}
		if !ok {
			return nil, false
		}
		key[i] = v
	}
	return key, true
}

func equals(f *schema.Field, c *Cond) (any, bool) {
	if c.Kind == Compare && c.Op == Eq && c.Field == f.Name && len(c.Path) == 0 {
		return c.Value, true
	}
	return nil, false
}

// NoteRow notes in a conflict with a unique value, a key or a foreign key which
// row could not be written, and returns the error. See ConflictError.ID, which
// every engine fills by it.
func NoteRow(o *Op, err error) error {
	var c *ConflictError
	if o.Model == nil || !errors.As(err, &c) || c.ID != "" || c.Model != o.Model.Name {
		return err
	}
	switch c.Reason {
	case ReasonUnique, ReasonExists, ReasonReference:
	default:
		return err
	}
	switch o.Kind {
	case Insert, Upsert:
		i := c.Index
		if i < 0 && len(o.Rows) == 1 {
			i = 0
		}
		if i < 0 || i >= len(o.Rows) {
			return err
		}
		for _, f := range o.Model.Primary {
			if _, unset := o.Rows[i][f.Pos].(Unset); unset {
				return err // the database would have made it
			}
		}
		c.ID = KeyText(o.Model, o.Rows[i])
	case Update, Increment, Delete:
		if key, ok := FilterKey(o.Model, &o.Filter); ok {
			c.ID = Key(key...)
		}
	}
	return err
}

// splitKey undoes Key for a key of several parts.
func splitKey(id string) []string {
	var parts []string
	var b strings.Builder
	for i := 0; i < len(id); i++ {
		switch {
		case id[i] == '\\' && i+1 < len(id):
			i++
			b.WriteByte(id[i])
		case id[i] == ',':
			parts = append(parts, b.String())
			b.Reset()
		default:
			b.WriteByte(id[i])
		}
	}
	return append(parts, b.String())
}

// KeyCond is the condition that finds the row whose key [Key] wrote as id. A
// string that is no key of the model is a *ValidationError.
func KeyCond(m *schema.Model, id string) (Cond, error) {
	if len(m.Primary) == 1 {
		v, err := keyValue(m, m.Primary[0], id)
		if err != nil {
			return Cond{}, err
		}
		return Cmp(m.Primary[0].Name, Eq, v), nil
	}
	parts := splitKey(id)
	if len(parts) != len(m.Primary) {
		names := make([]string, len(m.Primary))
		for i, f := range m.Primary {
			names[i] = f.Name
		}
		return Cond{}, Invalid(m.Name, "", "key", "the key of %s has %d parts (%s), %q has %d; weft.Key(…) writes it",
			m.Name, len(names), strings.Join(names, ", "), id, len(parts))
	}
	conds := make([]Cond, len(parts))
	for i, f := range m.Primary {
		v, err := keyValue(m, f, parts[i])
		if err != nil {
			return Cond{}, err
		}
		conds[i] = Cmp(f.Name, Eq, v)
	}
	return AllOf(conds...), nil
}

func keyValue(m *schema.Model, f *schema.Field, s string) (any, error) {
	switch f.Type.Kind() {
	case schema.KindString, schema.KindAny:
		return s, nil
	case schema.KindInt:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil, Invalid(m.Name, f.Name, "type", "is an integer key, %q is not an integer", s)
		}
		return n, nil
	case schema.KindBytes:
		return []byte(s), nil
	case schema.KindBool:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return nil, Invalid(m.Name, f.Name, "type", "is a boolean key, %q is neither true nor false", s)
		}
		return b, nil
	case schema.KindFloat:
		x, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return nil, Invalid(m.Name, f.Name, "type", "is a number key, %q is not a number", s)
		}
		return x, nil
	}
	v, err := CanonField(f, s)
	if e, ok := err.(*ValidationError); ok && e.Model == "" {
		e.Model = m.Name
	}
	return v, err
}

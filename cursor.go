package weft

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// cursorForm is what a cursor says: the order it belongs to, and the values of
// its keys in one row, as text (null for NULL).
type cursorForm struct {
	Version int       `json:"v"`
	Sort    string    `json:"s"`
	Key     []*string `json:"k"`
}

func sortText(m *schema.Model, sort []op.Sort) string {
	var b strings.Builder
	b.WriteString(m.Name)
	for _, k := range sort {
		name := k.Field
		if f := m.Field(name); f != nil {
			name = f.Name
		}
		b.WriteByte(' ')
		if k.Desc {
			b.WriteByte('-')
		}
		b.WriteString(strings.Join(append([]string{name}, k.Path...), "."))
	}
	return b.String()
}

// cursorAt makes the cursor of a row; "" where the order has no cursor.
func (s *spec) cursorAt(sort []op.Sort, p unsafe.Pointer) (string, error) {
	if s.distinct && slices.ContainsFunc(s.fields, func(name string) bool {
		f := s.b.model.Field(name)
		return f != nil && f.Type.Kind() == schema.KindJSON
	}) {
		return "", nil // the order is not total
	}
	c := cursorForm{Version: 1, Sort: sortText(s.b.model, sort)}
	for _, k := range sort {
		f := s.b.model.Field(k.Field)
		if f == nil || k.Path != nil || f.Type.Kind() == schema.KindJSON {
			return "", nil
		}
		if s.b.fields[f.Pos].kind == bindHidden && !s.b.hasTracked {
			return "", nil // the row has no place for it
		}
		v, err := s.b.value(f, p)
		if err != nil {
			return "", err
		}
		if v == nil {
			c.Key = append(c.Key, nil)
			continue
		}
		text := cursorText(f, v)
		c.Key = append(c.Key, &text)
	}
	data, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(data), nil
}

// cursorText writes a value as cursorValue reads it. In a field of any kind the
// value's own kind stands before it.
func cursorText(f *schema.Field, v any) string {
	kind, text := "n:", ""
	switch x := v.(type) {
	case string:
		kind, text = "s:", x
	case time.Time:
		kind, text = "t:", x.Format(time.RFC3339Nano)
	case decimal.Decimal:
		kind, text = "d:", x.String()
	case []byte:
		kind, text = "b:", base64.RawURLEncoding.EncodeToString(x)
	case bool:
		kind, text = "o:", strconv.FormatBool(x)
	case float64:
		kind, text = "f:", strconv.FormatFloat(x, 'g', -1, 64)
	default:
		text = fmt.Sprint(v) // int64
	}
	if f.Type.Kind() == schema.KindAny {
		return kind + text
	}
	return text
}

// anyKinds are the kinds that stand before a value in a field of any kind.
var anyKinds = map[string]schema.ValueKind{
	"n": schema.KindInt, "s": schema.KindString, "t": schema.KindTime, "d": schema.KindDecimal,
	"b": schema.KindBytes, "o": schema.KindBool, "f": schema.KindFloat,
}

// cursor reads a cursor of this order.
func (s *spec) cursor(sort []op.Sort, text string) ([]any, error) {
	if slices.ContainsFunc(sort, func(k op.Sort) bool { return k.Rank }) {
		return nil, invalid("an order by rank has no cursors; go through its pages with Limit and Offset")
	}
	var c cursorForm
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err != nil || c.Version != 1 || len(c.Key) != len(sort) {
		return nil, invalid("the cursor %.40q cannot be read; take one from Page.Cursor of the same query", text)
	}
	if want := sortText(s.b.model, sort); c.Sort != want {
		return nil, invalid("the cursor belongs to the order %q, the query has the order %q", c.Sort, want)
	}
	out := make([]any, len(c.Key))
	for i, k := range c.Key {
		if k == nil {
			continue
		}
		f := s.b.model.Field(sort[i].Field)
		if f == nil { // an unknown field is refused by the operation
			continue
		}
		if out[i], err = cursorValue(f.Type.Kind(), *k); err != nil {
			return nil, invalid("the cursor has a bad value for %s; take one from Page.Cursor of the same query", f.Name)
		}
	}
	return out, nil
}

func cursorValue(kind schema.ValueKind, text string) (any, error) {
	switch kind {
	case schema.KindAny:
		name, rest, ok := strings.Cut(text, ":")
		if k, known := anyKinds[name]; ok && known {
			return cursorValue(k, rest)
		}
	case schema.KindString:
		return text, nil
	case schema.KindTime:
		t, err := time.Parse(time.RFC3339Nano, text)
		return t.UTC(), err
	case schema.KindDecimal:
		return decimal.NewFromString(text)
	case schema.KindBytes:
		return base64.RawURLEncoding.DecodeString(text)
	case schema.KindInt:
		return strconv.ParseInt(text, 10, 64)
	case schema.KindFloat:
		return strconv.ParseFloat(text, 64)
	case schema.KindBool:
		return strconv.ParseBool(text)
	}
	return nil, invalid("%q is no value of a cursor", text)
}

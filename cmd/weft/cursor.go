package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// cursor is a place in a list: the order it belongs to and the values of its
// keys in one row, each as a letter for the type and the value as text.
type cursor struct {
	Order string   `json:"o"`
	Key   []string `json:"k"`
}

func orderText(m *schema.Model, order []op.Sort) string {
	parts := []string{m.Name}
	for _, k := range order {
		if k.Desc {
			parts = append(parts, "-"+k.Field)
		} else {
			parts = append(parts, k.Field)
		}
	}
	return strings.Join(parts, " ")
}

// writeCursor makes the cursor of a row that holds all fields of the model.
func writeCursor(m *schema.Model, order []op.Sort, row []any) string {
	c := cursor{Order: orderText(m, order)}
	for _, k := range order {
		c.Key = append(c.Key, cursorText(row[m.Field(k.Field).Pos]))
	}
	data, err := json.Marshal(c)
	if err != nil {
		return "" // strings always can be written
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

func cursorText(v any) string {
	switch x := v.(type) {
	case nil:
		return "n"
	case string:
		return "s" + x
	case int64:
		return "i" + strconv.FormatInt(x, 10)
	case float64:
		return "f" + strconv.FormatUint(math.Float64bits(x), 16)
	case decimal.Decimal:
		return "d" + x.String()
	case bool:
		return "b" + strconv.FormatBool(x)
	case time.Time:
		return "t" + x.Format(time.RFC3339Nano)
	case []byte:
		return "x" + hex.EncodeToString(x)
	}
	return "s" + op.Text(v)
}

// readCursor reads a cursor of this order.
func readCursor(m *schema.Model, order []op.Sort, text string) ([]any, error) {
	bad := op.Errorf(op.CodeValidation, "the place in the list (%.20q) cannot be read; go back to the first page", text)
	var c cursor
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err != nil || c.Order == "" {
		return nil, bad
	}
	if c.Order != orderText(m, order) {
		return nil, op.Errorf(op.CodeValidation, "the place belongs to a list in another order (%.60q); go back to the first page", c.Order)
	}
	if len(c.Key) != len(order) {
		return nil, bad
	}
	out := make([]any, len(c.Key))
	for i, k := range c.Key {
		v, ok := cursorValue(k)
		if !ok {
			return nil, bad
		}
		out[i] = v
	}
	return out, nil
}

func cursorValue(s string) (v any, ok bool) {
	if s == "" {
		return nil, false
	}
	var err error
	switch text := s[1:]; s[0] {
	case 'n':
		return nil, text == ""
	case 's':
		v = text
	case 'i':
		v, err = strconv.ParseInt(text, 10, 64)
	case 'f':
		var bits uint64
		bits, err = strconv.ParseUint(text, 16, 64)
		v = math.Float64frombits(bits)
	case 'd':
		v, err = decimal.NewFromString(text)
	case 'b':
		v, err = strconv.ParseBool(text)
	case 't':
		v, err = time.Parse(time.RFC3339Nano, text)
	case 'x':
		v, err = hex.DecodeString(text)
	default:
		return nil, false
	}
	return v, err == nil
}

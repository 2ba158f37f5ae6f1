package sqlengine

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
)

// The first byte of a key: JSON values of different types sort by it.
const (
	rankFalse = iota + 1
	rankTrue
	rankNumber
	rankText
	rankOther
	rankEnd
)

// JSONKey turns JSON text of one value into bytes that sort as the values do:
// false, true, numbers by value, strings by bytes, arrays and objects by their
// text. It is nil for null. Numbers of any length and size are exact.
func JSONKey(b []byte, text string) []byte {
	text = strings.TrimSpace(text)
	if text == "" || text == "null" {
		return nil
	}
	switch text[0] {
	case 't':
		return append(b, rankTrue)
	case 'f':
		return append(b, rankFalse)
	case '"':
		var s string
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			return append(append(b, rankOther), text...)
		}
		return append(append(b, rankText), s...)
	case '[', '{':
		return append(append(b, rankOther), text...)
	}
	return appendNumber(append(b, rankNumber), text)
}

// ScalarKey is JSONKey of a canonical scalar.
func ScalarKey(v any) (key []byte, ok bool) {
	switch v := v.(type) {
	case nil:
		return nil, true
	case bool:
		if v {
			return []byte{rankTrue}, true
		}
		return []byte{rankFalse}, true
	case string:
		return append([]byte{rankText}, v...), true
	case int64:
		return appendNumber([]byte{rankNumber}, strconv.FormatInt(v, 10)), true
	case float64:
		return appendNumber([]byte{rankNumber}, strconv.FormatFloat(v, 'e', -1, 64)), true
	case decimal.Decimal:
		return appendNumber([]byte{rankNumber}, v.String()), true
	case json.Number:
		return appendNumber([]byte{rankNumber}, v.String()), true
	case op.JSON:
		return JSONKey(nil, string(v)), true
	}
	return nil, false
}

// appendNumber writes a decimal number so that bytes sort as numbers do: a
// byte for the sign, the decimal exponent, the digits. The bytes of a negative
// number are inverted.
func appendNumber(b []byte, text string) []byte {
	neg := strings.HasPrefix(text, "-")
	text = strings.TrimLeft(text, "+-")
	exp := 0
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		e, err := strconv.Atoi(text[i+1:])
		if err != nil { // beyond an int: as large or as small as can be written
			e = math.MaxInt32 / 2
			if strings.HasPrefix(text[i+1:], "-") {
				e = -e
			}
		}
		exp, text = e, text[:i]
	}
	whole, frac, _ := strings.Cut(text, ".")
	exp += len(whole)
	digits := whole + frac
	trimmed := strings.TrimLeft(digits, "0")
	exp -= len(digits) - len(trimmed)
	trimmed = strings.TrimRight(trimmed, "0")
	if trimmed == "" {
		return append(b, 0x80)
	}
	exp = min(max(exp, math.MinInt32), math.MaxInt32)
	e := uint32(int32(exp)) ^ 1<<31
	if !neg {
		b = append(b, 0x81, byte(e>>24), byte(e>>16), byte(e>>8), byte(e))
		return append(b, trimmed...)
	}
	e = ^e
	b = append(b, 0x7f, byte(e>>24), byte(e>>16), byte(e>>8), byte(e))
	for i := range len(trimmed) {
		b = append(b, ^trimmed[i])
	}
	return append(b, 0xff)
}

// ParsePath reads a path as statements pass it to JSONSet and JSONAdd.
func ParsePath(text string) ([]string, error) {
	var path []string
	err := json.Unmarshal([]byte(text), &path)
	return path, err
}

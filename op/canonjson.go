package op

import (
	"reflect"

	"github.com/shopspring/decimal"
	"github.com/weftdb/weft/schema"
)

func canonJSONField(f *schema.Field, v any) (out any, same bool, err error) {
	fail := func(err error) (any, bool, error) {
		message := err.Error()
		return nil, false, Invalid("", f.Name, "json", "%s", message)
	}
	switch x := v.(type) {
	case JSON:
		j, err := CanonJSON(string(x))
		if err != nil {
			return fail(err)
		}
		out, same = v, j == x
		if !same {
			out = j
		}
	case []byte:
		if x != nil {
			if out, err = jsonOrNull(string(x)); err != nil {
				return fail(err)
			}
		}
	default:
		if out, err = canonToJSON(v); err != nil {
			return fail(err)
		}
	}
	if out == JSON("null") {
		out, same = nil, false
	}
	if out == nil {
		if f.Nullable {
			return nil, false, nil
		}
		if rv := reflect.ValueOf(v); (rv.Kind() == reflect.Slice || rv.Kind() == reflect.Map) && rv.IsNil() {
			if rv.Kind() == reflect.Slice {
				return JSON("[]"), false, nil
			}
			return JSON("{}"), false, nil
		}
		return nil, false, Invalid("", f.Name, "null", "must not be null")
	}
	switch first := out.(JSON)[0]; {
	case f.Type == schema.Array && first != '[':
		return nil, false, Invalid("", f.Name, "json", "must be a JSON array, not %s", jsonKind(first))
	case f.Type == schema.Object && first != '{':
		return nil, false, Invalid("", f.Name, "json", "must be a JSON object, not %s", jsonKind(first))
	}
	if f.Type == schema.JSONB {
		if j := plainJSON(out.(JSON)); j != out.(JSON) {
			return j, false, nil
		}
	}
	return out, same, nil
}

func jsonKind(first byte) string {
	switch first {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string (JSON text is given as op.JSON or json.RawMessage)"
	case 't', 'f':
		return "a bool"
	}
	return "a number"
}

// canonToJSON returns the JSON form of any Go value, nil for null.
func canonToJSON(v any) (any, error) {
	if d, ok := v.(decimal.Decimal); ok {
		return JSON(d.String()), nil // its own MarshalJSON would make a string
	}
	if marshals(v) {
		return marshalNullable(v)
	}
	c, err := Canon(v)
	if err != nil {
		return nil, err
	}
	switch x := c.(type) {
	case nil, JSON:
		return c, nil
	case string:
		return JSON(appendJSONString(nil, x)), nil
	case decimal.Decimal:
		return JSON(x.String()), nil
	}
	return marshal(c)
}

func marshalNullable(v any) (any, error) {
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer && rv.IsNil() {
		return nil, nil
	}
	return marshal(v)
}

// canonScalar returns the value that a place in a JSON field is compared with:
// nil, bool, string, and numbers as JSONPath gives them.
func canonScalar(name string, v any) (out any, same bool, err error) {
	switch x := v.(type) {
	case nil, bool, int64:
		return v, true, nil
	case string:
		if why := badText(x); why != "" {
			return nil, false, Invalid("", name, "utf8", "%s", why)
		}
		return v, true, nil
	}
	c, err := Canon(v)
	if err != nil {
		return nil, false, Invalid("", name, "type", "%s", err.Error())
	}
	switch x := c.(type) {
	case nil, bool, int64, string:
		return c, false, nil
	case float64:
		return plainNumber(decimal.NewFromFloat(x)), false, nil
	case decimal.Decimal:
		return plainNumber(x), false, nil
	case JSON: // the JSON form of a scalar
		if first := x[0]; first != '{' && first != '[' {
			return JSONPath(x, nil), false, nil
		}
	}
	return nil, false, Invalid("", name, "type", "a place in JSON is compared with text, a number, true, false or nil, not %s", describe(v))
}

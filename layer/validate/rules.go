package validate

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-playground/validator/v10"
	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// rule is a compiled validation tag. It gets a canonical value that is not
// NULL and gives the rule that it breaks, or nil. Rules of text, numbers and
// decimals that need nothing else are compiled to Go; all others are those of
// go-playground/validator, on the value alone.
type rule func(v any) *broken

type broken struct{ rule, param, message string }

// engine of the tags that are not compiled here. It is made on first use, for
// programs whose models have none.
var tags = sync.OnceValue(func() *validator.Validate {
	return validator.New(validator.WithRequiredStructEnabled())
})

// acrossFields are rules that look at other fields; a value alone has none.
var acrossFields = []string{
	"eqfield", "nefield", "gtfield", "gtefield", "ltfield", "ltefield",
	"eqcsfield", "necsfield", "gtcsfield", "gtecsfield", "ltcsfield", "ltecsfield",
	"fieldcontains", "fieldexcludes", "required_if", "required_unless", "required_with",
	"required_with_all", "required_without", "required_without_all", "excluded_if",
	"excluded_unless", "excluded_with", "excluded_with_all", "excluded_without",
	"excluded_without_all", "skip_unless", "structonly", "nostructlevel", "validateFn",
}

// compileRule compiles the validation tag of a field. Required alone is left
// to the layer's own check. The rule is nil when nothing remains.
func compileRule(f *schema.Field) (rule, error) {
	tag := f.Validate
	parts := strings.Split(tag, ",")
	for _, p := range parts {
		for _, alt := range strings.Split(p, "|") {
			name, _, _ := strings.Cut(alt, "=")
			if name == "" {
				return nil, fmt.Errorf("its validation %q has an empty rule", tag)
			}
			if slices.Contains(acrossFields, name) {
				return nil, fmt.Errorf("its validation %q: %s looks at other fields; use a BeforeCreate and BeforeUpdate hook", tag, name)
			}
		}
	}
	if f.Type.Kind() == schema.KindDecimal {
		return decimalRule(tag, parts)
	}
	if r, ok := textRule(f, parts); ok {
		return r, nil
	}
	if err := try(f, tag, parts); err != nil {
		return nil, err
	}
	return func(v any) *broken { return playground(f, tag, v) }, nil
}

// try runs the tag, and each of its rules alone, on sample values: the library
// panics on a rule that does not exist or does not fit the value's type.
func try(f *schema.Field, tag string, parts []string) (err error) {
	current := tag
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("its validation %q does not fit a field of type %s: %v", current, f.Type, r)
			if strings.Contains(fmt.Sprint(r), "Undefined validation") {
				err = fmt.Errorf("its validation %q names a rule that does not exist (%v)", current, r)
			}
		}
	}()
	for _, s := range samples(f) {
		current = tag
		_ = tags().Var(s, tag)
		for _, p := range parts {
			if name, _, _ := strings.Cut(p, "="); name == "dive" || name == "keys" {
				break // what follows is for elements, of any type
			}
			current = p
			_ = tags().Var(s, p)
		}
	}
	return nil
}

func samples(f *schema.Field) []any {
	switch f.Type.Kind() {
	case schema.KindInt:
		return []any{int64(0), int64(1)}
	case schema.KindFloat:
		return []any{float64(0), 1.5}
	case schema.KindBool:
		return []any{false, true}
	case schema.KindTime:
		return []any{time.Time{}, time.Unix(0, 0).UTC()}
	case schema.KindBytes:
		return []any{[]byte{}, []byte{1}}
	case schema.KindJSON:
		switch f.Type {
		case schema.Array:
			return []any{[]any{}}
		case schema.Object:
			return []any{map[string]any{}}
		}
		return nil
	case schema.KindString:
		return []any{"", "a"}
	}
	return nil
}

// playground runs a tag through the library. A panic at run time (an element
// of JSON that a rule after dive does not fit) is a broken rule.
func playground(f *schema.Field, tag string, v any) (b *broken) {
	defer func() {
		if r := recover(); r != nil {
			b = &broken{rule: tag, message: fmt.Sprintf("does not fit its validation %q: %v", tag, r)}
		}
	}()
	if j, ok := v.(op.JSON); ok {
		var x any
		if err := json.Unmarshal([]byte(j), &x); err != nil {
			return &broken{rule: "json", message: "is not valid JSON"}
		}
		v = x
	}
	err := tags().Var(v, tag)
	if err == nil {
		return nil
	}
	var list validator.ValidationErrors
	if !errors.As(err, &list) || len(list) == 0 {
		return &broken{rule: tag, message: "cannot be validated: " + err.Error()}
	}
	fe := list[0]
	msg := message(f.Type.Kind(), fe.Tag(), fe.Param())
	if at := fe.Namespace(); at != "" {
		msg = at + " " + message(schema.KindString, fe.Tag(), fe.Param())
	}
	return &broken{rule: fe.Tag(), param: fe.Param(), message: msg}
}

// textRule compiles tags of strings and integers that hold only required,
// omitempty, min, max, len and oneof, which most do.
func textRule(f *schema.Field, parts []string) (rule, bool) {
	k := f.Type.Kind()
	if k != schema.KindString && k != schema.KindInt {
		return nil, false
	}
	type step struct {
		name, param string
		n           int64
		words       []string
	}
	steps := make([]step, 0, len(parts))
	for _, p := range parts {
		name, param, _ := strings.Cut(p, "=")
		s := step{name: name, param: param}
		switch name {
		case "required", "omitempty":
		case "min", "max", "len", "gte", "lte", "gt", "lt":
			n, err := strconv.ParseInt(param, 10, 64)
			if err != nil {
				return nil, false
			}
			s.n = n
		case "oneof":
			if k != schema.KindString || param == "" || strings.ContainsAny(param, "'|") {
				return nil, false
			}
			s.words = strings.Fields(param)
		default:
			return nil, false
		}
		if strings.Contains(p, "|") {
			return nil, false
		}
		steps = append(steps, s)
	}
	return func(v any) *broken {
		var n int64
		text, isText := v.(string)
		if isText {
			n = int64(utf8.RuneCountInString(text))
		} else if i, ok := v.(int64); ok {
			n = i
		}
		for i := range steps {
			s := &steps[i]
			ok := true
			switch s.name {
			case "required":
				ok = n != 0
			case "omitempty":
				if n == 0 {
					return nil
				}
			case "min", "gte":
				ok = n >= s.n
			case "max", "lte":
				ok = n <= s.n
			case "gt":
				ok = n > s.n
			case "lt":
				ok = n < s.n
			case "len":
				ok = n == s.n
			case "oneof":
				ok = slices.Contains(s.words, text)
			}
			if !ok {
				return &broken{s.name, s.param, message(k, s.name, s.param)}
			}
		}
		return nil
	}, true
}

// decimalRule compiles the comparing rules exactly; a float would round.
func decimalRule(tag string, parts []string) (rule, error) {
	type step struct {
		name, param string
		d           []decimal.Decimal
	}
	var steps []step
	for _, p := range parts {
		name, param, _ := strings.Cut(p, "=")
		s := step{name: name, param: param}
		switch name {
		case "required", "omitempty":
		case "min", "max", "gt", "gte", "lt", "lte", "eq", "ne", "len", "oneof":
			words := []string{param}
			if name == "oneof" {
				words = strings.Fields(param)
			}
			for _, w := range words {
				d, err := decimal.NewFromString(w)
				if err != nil {
					return nil, fmt.Errorf("its validation %q: %q is no number", tag, w)
				}
				s.d = append(s.d, d)
			}
		default:
			return nil, fmt.Errorf("its validation %q: %s does not fit a decimal; required, omitempty, min, max, gt, gte, lt, lte, eq, ne and oneof do", tag, name)
		}
		steps = append(steps, s)
	}
	return func(v any) *broken {
		d, isDecimal := v.(decimal.Decimal)
		if !isDecimal {
			return nil
		}
		for i := range steps {
			s := &steps[i]
			if s.name == "omitempty" && d.IsZero() {
				return nil
			}
			if !decimalHolds(s.name, d, s.d) {
				return &broken{s.name, s.param, message(schema.KindDecimal, s.name, s.param)}
			}
		}
		return nil
	}, nil
}

func decimalHolds(name string, d decimal.Decimal, to []decimal.Decimal) bool {
	switch name {
	case "required":
		return !d.IsZero()
	case "min", "gte":
		return d.Cmp(to[0]) >= 0
	case "max", "lte":
		return d.Cmp(to[0]) <= 0
	case "gt":
		return d.Cmp(to[0]) > 0
	case "lt":
		return d.Cmp(to[0]) < 0
	case "eq", "len":
		return d.Equal(to[0])
	case "ne":
		return !d.Equal(to[0])
	case "oneof":
		return slices.ContainsFunc(to, d.Equal)
	}
	return true
}

// message says what a value that breaks the rule should have been.
func message(k schema.ValueKind, name, param string) string {
	unit := ""
	switch k {
	case schema.KindString:
		unit = " characters long"
	case schema.KindBytes:
		unit = " bytes long"
	case schema.KindJSON:
		unit = " elements long"
	}
	switch name {
	case "required":
		return "is required"
	case "min", "gte":
		return "must be at least " + param + unit
	case "max", "lte":
		return "must be at most " + param + unit
	case "gt":
		return "must be more than " + param + unit
	case "lt":
		return "must be less than " + param + unit
	case "len":
		return "must be exactly " + param + unit
	case "eq":
		return "must be " + param
	case "ne":
		return "must not be " + param
	case "oneof":
		return "must be one of " + strings.Join(strings.Fields(param), ", ")
	case "email":
		return "must be an email address"
	case "url", "http_url":
		return "must be a URL"
	case "uuid", "uuid4", "uuid7":
		return "must be a UUID"
	case "alphanum":
		return "must hold letters and digits only"
	case "unique":
		return "must not hold the same element twice"
	}
	if param != "" {
		return "must satisfy " + name + "=" + param
	}
	return "must satisfy " + name
}

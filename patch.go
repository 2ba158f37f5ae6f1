package weft

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

const (
	maxPatch  = 10 << 20 // bytes
	maxNumber = 1000     // characters
)

// Patch reads a JSON object, such as the body of a request, as a [Set] for
// Update: what the object does not name stays as it is, null is allowed for
// nullable fields only, numbers are exact, times are text in RFC 3339 and
// binary is text in base64. Names are those of [JSON].
//
// allow names the fields that may be set; without it these are all but the key,
// hidden, immutable and read-only fields and those that Weft keeps (version,
// times, owner). Hidden fields and the owner can be allowed by name.
//
// One ValidationError tells everything that is wrong with the input: unknown
// fields, fields that may not be set, wrong types, fields given twice. Rules of
// the model, such as required, are checked by Update. The input may have at
// most 10 MB.
func (r *Repository[T]) Patch(in io.Reader, allow ...string) (Set, error) {
	if err := r.ready(); err != nil {
		return nil, err
	}
	m := r.b.model
	if in == nil {
		return nil, invalid("%s: Patch was given a nil reader", m.Name)
	}
	allowed, err := patchable(m, allow)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(in, maxPatch+1))
	switch {
	case err != nil:
		return nil, invalid("%s: Patch cannot read its input: %w", m.Name, err)
	case len(data) > maxPatch:
		return nil, op.Invalid(m.Name, "", "size", "the input is larger than 10 MB")
	case !utf8.Valid(data):
		return nil, op.Invalid(m.Name, "", "utf8", "the input is not valid UTF-8")
	}
	p := patch{m: m, allowed: allowed, set: Set{}, seen: map[string]bool{}}
	p.bad = &op.ValidationError{Model: m.Name, Index: -1}
	p.read(json.NewDecoder(bytes.NewReader(data)))
	if len(p.bad.Failures) > 0 {
		return nil, p.bad
	}
	return p.set, nil
}

// patchable are the fields that a patch may set.
func patchable(m *schema.Model, allow []string) ([]string, error) {
	owner := func(f *schema.Field) bool { return f == m.OwnerF || f.Role == schema.RoleOwner }
	fixed := func(f *schema.Field) bool {
		return f.Primary || f.Auto || f.Immutable || f.ReadOnly || f == m.VersionF || f == m.CreatedF || f == m.UpdatedF ||
			(f.Role != schema.RoleNone && !owner(f))
	}
	var out []string
	if len(allow) == 0 {
		for _, f := range m.Fields {
			if !fixed(f) && !f.Hidden && !owner(f) {
				out = append(out, f.Name)
			}
		}
		return out, nil
	}
	for _, name := range allow {
		f := m.Field(name)
		if f == nil {
			return nil, noField(m, name)
		}
		if fixed(f) {
			return nil, op.Invalid(m.Name, f.Name, "allow", "cannot be allowed: it is the key, immutable, read-only or kept by Weft")
		}
		out = append(out, f.Name)
	}
	return out, nil
}

// patch is one reading of an object.
type patch struct {
	m       *schema.Model
	allowed []string
	set     Set
	seen    map[string]bool
	bad     *op.ValidationError
}

func (p *patch) fail(field, rule, message string) {
	p.bad.Add(op.Failure{Field: field, Rule: rule, Message: message})
}

func (p *patch) read(dec *json.Decoder) {
	syntax := func(err error) {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			p.fail("", "json", "the JSON ends too early")
			return
		}
		p.fail("", "json", "the input is not valid JSON: "+err.Error())
	}
	dec.UseNumber()
	start, err := dec.Token()
	if err == io.EOF {
		p.fail("", "json", "the input is empty; it must be a JSON object")
		return
	}
	if err != nil {
		syntax(err)
		return
	}
	if start != json.Delim('{') {
		p.fail("", "json", "the input must be a JSON object, such as {\"name\": \"x\"}")
		return
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			syntax(err)
			return
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			syntax(err)
			return
		}
		p.member(key.(string), raw)
	}
	if _, err := dec.Token(); err != nil {
		syntax(err)
		return
	}
	if _, err := dec.Token(); err != io.EOF {
		p.fail("", "json", "something follows the JSON object")
	}
}

func (p *patch) member(name string, raw json.RawMessage) {
	if p.seen[name] {
		p.fail(name, "duplicate", "is given more than once")
		return
	}
	p.seen[name] = true
	f := p.m.Field(name)
	switch {
	case f == nil || f.Name != name || (f.Hidden && !slices.Contains(p.allowed, name)):
		why := op.NoColumn(p.m, name)
		if why == "" {
			why = "is not a field; there are " + strings.Join(p.allowed, ", ")
		}
		p.fail(name, "field", why)
		return
	case !slices.Contains(p.allowed, name):
		p.fail(name, "allow", "may not be set; allowed are "+strings.Join(p.allowed, ", "))
		return
	}
	v, why := patchValue(f, raw)
	if why != "" {
		p.fail(name, "type", why)
		return
	}
	v, err := op.CanonField(f, v)
	if err == nil {
		p.set[name] = v
		return
	}
	if bad, ok := err.(*op.ValidationError); ok {
		for _, x := range bad.Failures {
			x.Field = name
			p.bad.Add(x)
		}
		return
	}
	p.fail(name, "type", err.Error())
}

// patchValue makes a JSON value one that CanonField understands, or tells why
// it cannot be the field's.
func patchValue(f *schema.Field, raw json.RawMessage) (any, string) {
	kind := f.Type.Kind()
	switch raw[0] {
	case 'n':
		return nil, ""
	case 't':
		if kind != schema.KindJSON {
			return true, ""
		}
	case 'f':
		if kind != schema.KindJSON {
			return false, ""
		}
	}
	if kind == schema.KindJSON {
		return op.JSON(raw), ""
	}
	switch raw[0] {
	case '{', '[':
		what := "an object"
		if raw[0] == '[' {
			what = "a list"
		}
		return nil, "is " + string(f.Type) + " and cannot take " + what
	case '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, err.Error()
		}
		switch kind {
		case schema.KindBytes:
			data, err := base64.StdEncoding.DecodeString(s)
			if err != nil {
				return nil, "is binary and takes text in base64"
			}
			return data, ""
		case schema.KindDecimal:
			if len(s) > maxNumber {
				return nil, "is too long a number"
			}
		}
		return s, ""
	}
	return patchNumber(kind, string(raw))
}

func patchNumber(kind schema.ValueKind, text string) (any, string) {
	if len(text) > maxNumber {
		return nil, "is too long a number"
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, ""
	}
	if kind == schema.KindFloat {
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, "is a number outside the range of a float"
		}
		return x, ""
	}
	d, err := decimal.NewFromString(text)
	if err == nil {
		_, err = op.Canon(d) // before anything computes with a huge exponent
	}
	if err != nil {
		return nil, "is a number that cannot be held"
	}
	return d, ""
}

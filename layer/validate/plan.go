package validate

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// plan is what the layer has to do for the rows of one model, worked out once.
type plan struct {
	m      *schema.Model
	fields []fieldPlan // one for each field of the model, in its order
	owner  *schema.Field
	hooks  *Hooks // never nil
	given  *Hooks // what Options.Hooks gave
	err    error  // *schema.Faults
}

// gen says how a value that was not given is made.
type gen uint8

const (
	genNone gen = iota
	genUUID
	genNano
	genNow     // created and updated
	genVersion // 1
	genOwner   // the handle's user
)

// fieldPlan is a field with its functions and rules resolved.
type fieldPlan struct {
	f         *schema.Field
	in        *schema.Field // what a given value must fit: f, or without limits where a transform comes first
	kind      schema.ValueKind
	gen       gen
	hasDef    bool
	def       schema.Default
	defFunc   func() any
	transform func(any) any
	required  bool
	numeric   bool // number or bool: never empty once given
	left      bool // stays Unset: the database makes the value
	runes     int  // most characters, 0 is any
	bytes     int  // most bytes, 0 is any
	enum      []string
	rule      rule
	custom    func(any) string
	zero      any
	probe     any // a value that always fits
}

// builtin are the transforms that every schema may name.
var builtin = map[string]func(any) any{
	"trim":  onText(strings.TrimSpace),
	"lower": onText(strings.ToLower),
	"upper": onText(strings.ToUpper),
}

func onText(f func(string) string) func(any) any {
	return func(v any) any {
		if s, ok := v.(string); ok {
			return f(s)
		}
		return v
	}
}

// plan returns the plan of a model, or its faults.
func (l *layer) plan(m *schema.Model) (*plan, error) {
	if p, ok := l.plans.Load(m); ok {
		p := p.(*plan)
		if l.Hooks == nil || l.Hooks(m) == p.given {
			return p, p.err
		}
	}
	p := l.compile(m)
	l.plans.Store(m, p)
	return p, p.err
}

func (l *layer) compile(m *schema.Model) *plan {
	p := &plan{m: m, fields: make([]fieldPlan, len(m.Fields)), hooks: &Hooks{}}
	var faults []schema.Fault
	add := func(field, format string, args ...any) {
		faults = append(faults, schema.Fault{Model: m.Name, Field: field, Message: fmt.Sprintf(format, args...)})
	}
	if m.Scope == schema.UserScope {
		p.owner = m.OwnerF
	}
	if l.Hooks != nil {
		if p.given = l.Hooks(m); p.given != nil {
			p.hooks = p.given
		}
	}
	if p.hooks.any() && p.hooks.New == nil {
		add("", "has hooks but nothing makes instances for them (Hooks.New)")
	}
	for i, f := range m.Fields {
		p.fields[i] = l.field(m, p.owner, f, func(format string, args ...any) { add(f.Name, format, args...) })
	}
	if len(faults) > 0 {
		p.err = &schema.Faults{List: faults}
	}
	return p
}

func (l *layer) field(m *schema.Model, owner, f *schema.Field, fault func(string, ...any)) fieldPlan {
	fp := fieldPlan{f: f, in: f, kind: f.Type.Kind(), left: f.Auto || f.ReadOnly, required: f.Required}
	fp.numeric = fp.kind == schema.KindInt || fp.kind == schema.KindFloat ||
		fp.kind == schema.KindDecimal || fp.kind == schema.KindBool
	fp.gen = generator(m, owner, f)
	fp.zero = zero(m, f)
	// A key that nothing fills must be given.
	if f.Primary && !fp.left {
		fp.required = true
	}
	if f == owner {
		fp.required = true
	}
	if d := f.Default; d != nil {
		fp.hasDef, fp.def = true, *d
		if d.Func != "" {
			fp.defFunc = l.Defaults[d.Func]
			if fp.defFunc == nil {
				fault("its default function %q is not registered; %s", d.Func, known(l.Defaults))
			}
		}
	}
	if f.Transform != "" {
		fp.transform = l.Transforms[f.Transform]
		if fp.transform == nil {
			fp.transform = builtin[f.Transform]
		}
		if fp.transform == nil {
			fault("its transform %q is not registered; %s, and trim, lower, upper are always there", f.Transform, known(l.Transforms))
		}
	}
	if fp.transform != nil {
		fp.in = unlimited(f)
	}
	if f.Validator != "" {
		fp.custom = l.Validators[f.Validator]
		if fp.custom == nil {
			fault("its validator %q is not registered; %s", f.Validator, known(l.Validators))
		}
	}
	switch {
	case f.Type == schema.String && f.Size == 0:
		fp.runes = 255
	case fp.kind == schema.KindString && f.Size > 0:
		fp.runes = f.Size
	case fp.kind == schema.KindBytes && f.Size > 0:
		fp.bytes = f.Size
	}
	if f.Type == schema.Enum || len(f.Enum) > 0 {
		fp.enum = f.Enum
	}
	fp.probe = fp.zero
	switch {
	case f.Nullable:
		fp.probe = nil
	case f.Type == schema.Enum && len(f.Enum) > 0:
		fp.probe = f.Enum[0]
	}
	if f.Validate != "" {
		r, err := compileRule(f)
		if err != nil {
			fault("%s", err)
		}
		fp.rule = r
	}
	return fp
}

// unlimited is the field without size, range and choice, for a value that a
// transform will bring into them.
func unlimited(f *schema.Field) *schema.Field {
	u := *f
	u.Size, u.Enum, u.GoBits = -1, nil, 0
	switch {
	case f.Type.Kind() == schema.KindString && f.Type != schema.Time:
		u.Type = schema.Text
	case f.Type == schema.Integer:
		u.Type, u.Unsigned = schema.BigInteger, false
	case f.Type == schema.Decimal:
		u.Precision, u.Scale = 1000, 30
	}
	return &u
}

// generator says how the value of a field is made when it was not given.
func generator(m *schema.Model, owner, f *schema.Field) gen {
	switch {
	case f == owner:
		return genOwner
	case f == m.VersionF:
		return genVersion
	case f == m.CreatedF || f == m.UpdatedF:
		return genNow
	case f.Auto || f.ReadOnly || pointsElsewhere(m, f):
		return genNone
	case f.NanoID:
		return genNano
	case f.Primary && f.Type == schema.UUID && len(m.Primary) == 1:
		return genUUID
	}
	return genNone
}

// pointsElsewhere reports whether the field holds another row's key: a value
// made here would point nowhere.
func pointsElsewhere(m *schema.Model, f *schema.Field) bool {
	if f.References != nil {
		return true
	}
	for _, r := range m.Relations {
		if r.Kind == schema.BelongsTo && slices.Contains(r.From, f) {
			return true
		}
	}
	return false
}

// zero is the value of a field that cannot be NULL and was not given.
func zero(m *schema.Model, f *schema.Field) any {
	switch f.Type.Kind() {
	case schema.KindString:
		if f.Type == schema.Time {
			return "00:00:00"
		}
		return ""
	case schema.KindInt:
		return int64(0)
	case schema.KindFloat:
		return float64(0)
	case schema.KindDecimal:
		return decimal.Decimal{}
	case schema.KindBool:
		return false
	case schema.KindTime:
		return time.Time{}
	case schema.KindBytes:
		return []byte{}
	case schema.KindJSON:
		switch f.Type {
		case schema.Array:
			return op.JSON("[]")
		case schema.Object:
			return op.JSON("{}")
		}
		return zeroJSON(m, f)
	}
	return nil
}

// zeroJSON is the zero value of a field that holds any JSON: that of its Go
// type. Where that is not known the value must be given.
func zeroJSON(m *schema.Model, f *schema.Field) any {
	if m.GoType == nil || len(f.GoIndex) == 0 {
		return nil
	}
	switch m.GoType.FieldByIndex(f.GoIndex).Type.Kind() {
	case reflect.Map, reflect.Struct:
		return op.JSON("{}")
	case reflect.Slice, reflect.Array:
		return op.JSON("[]")
	}
	return nil
}

func known[V any](m map[string]V) string {
	if len(m) == 0 {
		return "none are"
	}
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return "registered are " + strings.Join(names, ", ")
}

func (h *Hooks) any() bool {
	return h.create() || h.update() || h.delete() || len(h.AfterFind) > 0
}

func (h *Hooks) create() bool { return len(h.BeforeCreate)+len(h.AfterCreate) > 0 }
func (h *Hooks) update() bool { return len(h.BeforeUpdate)+len(h.AfterUpdate) > 0 }
func (h *Hooks) delete() bool { return len(h.BeforeDelete)+len(h.AfterDelete) > 0 }

// check gathers the faults of all models.
func (l *layer) check(set *schema.Set) error {
	if set == nil {
		return nil
	}
	var all []schema.Fault
	for _, m := range set.Models {
		if _, err := l.plan(m); err != nil {
			all = append(all, err.(*schema.Faults).List...)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return &schema.Faults{List: all}
}

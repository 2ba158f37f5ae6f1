package schema

import (
	"context"
	"reflect"
	"slices"
)

// options copies what the method Weft says.
func (r *structReader) options(t reflect.Type) {
	o, ok := r.callOptions(t)
	if !ok {
		return
	}
	m := r.m
	m.Table, m.Comment, m.RenamedFrom, m.Version = o.Table, o.Comment, o.RenamedFrom, o.Version
	m.Kind, m.Scope, m.Pin = o.Kind, o.Scope, o.Pin
	m.Events = Events{On: o.Events.On, Channels: slices.Clone(o.Events.Channels)}
	if o.Scope == "global" {
		m.Scope = GlobalScope
	}
	if o.Sharding != nil {
		s := *o.Sharding
		s.Splits = slices.Clone(s.Splits)
		m.Sharding = &s
	}
	if o.Cache != nil {
		c := *o.Cache
		m.Cache = &c
	}
	for _, ix := range o.Indexes {
		ix.Fields = slices.Clone(ix.Fields)
		m.Indexes = append(m.Indexes, ix)
	}
	if o.Seed != nil {
		s := *o.Seed
		s.Rows = slices.Clone(s.Rows)
		m.Seed = &s
	}
	if o.Owner != "" {
		if f := r.find("Owner", o.Owner); f != nil {
			if f.Role != RoleNone && f.Role != RoleOwner {
				r.fail(f.Name, "Options.Owner names the field, but it has another role already")
			}
			f.Role = RoleOwner
		}
	}
	r.owner()
	for _, n := range sortedKeys(o.Defaults) {
		f := r.find("Defaults", n)
		switch {
		case f == nil:
		case o.Defaults[n] == nil:
			r.fail(f.Name, "the function in Options.Defaults is nil")
		case f.Default != nil:
			r.fail(f.Name, "the default is given twice, by tag or Go name and by Options.Defaults")
		default:
			f.Default = &Default{Func: m.Name + "." + f.Name}
		}
	}
	named := func(part, n string, isNil bool, to func(*Field) *string) {
		f := r.find(part, n)
		switch {
		case f == nil:
		case isNil:
			r.fail(f.Name, "the function in Options.%s is nil", part)
		case *to(f) != "":
			r.fail(f.Name, "Options.%s names the field twice", part)
		default:
			*to(f) = m.Name + "." + f.Name
		}
	}
	for _, n := range sortedKeys(o.Transforms) {
		named("Transforms", n, o.Transforms[n] == nil, func(f *Field) *string { return &f.Transform })
	}
	for _, n := range sortedKeys(o.Validators) {
		named("Validators", n, o.Validators[n] == nil, func(f *Field) *string { return &f.Validator })
	}
}

// owner marks UserID as the owner where its JSON name does not tell.
func (r *structReader) owner() {
	if r.m.Scope != UserScope || slices.ContainsFunc(r.m.Fields, func(f *Field) bool { return f.Role == RoleOwner || f.Name == "userId" }) {
		return
	}
	for _, f := range r.m.Fields {
		if f.GoName == "UserID" && f.Role == RoleNone {
			f.Role = RoleOwner
		}
	}
}

// jsonNames turns the Go names that tags and options used into JSON names,
// as far as the struct itself tells.
func (r *structReader) jsonNames() {
	own := func(name string) string {
		if !slices.ContainsFunc(r.m.Fields, func(f *Field) bool { return f.Name == name }) {
			for _, f := range r.m.Fields {
				if f.GoName == name && name != "" {
					return f.Name
				}
			}
		}
		return name
	}
	for _, ix := range r.m.Indexes {
		for i, n := range ix.Fields {
			ix.Fields[i] = own(n)
		}
	}
	if r.m.Sharding != nil {
		r.m.Sharding.Key = own(r.m.Sharding.Key)
	}
	for _, rel := range r.m.Relations {
		names := rel.LK
		if rel.Kind == BelongsTo {
			names = rel.FK
		}
		for i, n := range names {
			names[i] = own(n)
		}
	}
	if s := r.m.Seed; s != nil {
		s.Key = own(s.Key)
		for i, row := range s.Rows {
			out := make(map[string]any, len(row))
			for n, v := range row {
				n = own(n)
				for _, f := range r.m.Fields {
					if f.Name != n || v == nil {
						continue
					}
					if c, err := canonLiteral(f, v); err == nil {
						v = c // Build reports what is no value of the field
					}
				}
				out[n] = v
			}
			s.Rows[i] = out
		}
	}
}

// callOptions calls the method Weft; a panic in it is a fault.
func (r *structReader) callOptions(t reflect.Type) (o Options, ok bool) {
	defer func() {
		if p := recover(); p != nil {
			r.fail("", "the method Weft panics: %v", p)
			r.faulty.options = true
			ok = false
		}
	}()
	if m, has := reflect.PointerTo(t).MethodByName("Weft"); has {
		if _, right := reflect.New(t).Interface().(interface{ Weft() Options }); !right {
			r.fail("", "the method Weft is %s; it must be func() schema.Options", m.Type)
			r.faulty.options = true
			return o, false
		}
	}
	return OptionsOf(t), true
}

// find returns the field that an option names, or reports it.
func (r *structReader) find(part, name string) *Field {
	for _, byGo := range []bool{false, true} {
		for _, f := range r.m.Fields {
			if (!byGo && f.Name == name) || (byGo && f.GoName == name) {
				return f
			}
		}
	}
	if r.faulty.has(name) {
		return nil // reported by its own fault
	}
	r.fail("", "Options.%s names field %q, which does not exist; %s", part, name, oneOf(name, fieldNames(r.m)))
	return nil
}

// hookNames are the methods that make a model need Go hooks.
var hookNames = []string{"BeforeCreate", "AfterCreate", "BeforeUpdate", "AfterUpdate", "BeforeDelete", "AfterDelete", "AfterFind"}

func (r *structReader) hooks(t reflect.Type) {
	for _, n := range hookNames {
		m, ok := reflect.PointerTo(t).MethodByName(n)
		if !ok {
			continue
		}
		ft := m.Type // the receiver comes first
		if ft.NumIn() != 2 || ft.In(1) != reflect.TypeFor[context.Context]() || ft.NumOut() != 1 || ft.Out(0) != reflect.TypeFor[error]() {
			r.fail("", "the hook %s must be func(context.Context) error", n)
			continue
		}
		r.m.NeedsHooks = true
	}
}

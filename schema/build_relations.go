package schema

import (
	"slices"
	"strings"
)

// joinModels adds the join models that many-to-many relations name and nobody
// declared.
func (b *builder) joinModels() {
	for _, m := range slices.Clone(b.models) {
		for _, r := range m.Relations {
			target := b.byName[r.Model]
			if r.Kind != ManyToMany || !validName(r.Through) || b.byName[r.Through] != nil || target == nil {
				continue
			}
			// An earlier Build of the same models made it already.
			via := r.Via
			if via == nil || !via.Implicit || via.Name != r.Through || r.Owner != m || r.Target != target {
				via = b.joinModel(m, r, target)
			}
			if via != nil {
				b.models = append(b.models, via)
				b.declare(via)
			}
		}
	}
}

// joinModel makes the model behind a many-to-many relation: the keys of both
// sides, which together are its key. It returns nil after a fault.
func (b *builder) joinModel(m *Model, r *Relation, target *Model) *Model {
	lk, toNames := r.sides(m)
	from := b.keyOf(m, m, r, lk)
	if from == nil || len(target.Primary) == 0 {
		return nil // reported by relation, or as a missing key
	}
	if toNames == nil {
		toNames = keyNames(LowerCamel(target.Name), target.Primary)
	}
	names := make([]string, 0, len(from)+len(target.Primary))
	switch len(r.FK) {
	case 0:
		if m == target {
			b.rel(m, r, "both sides are %s, so the fields of %s must be named: fk=followerId|followeeId, that of this side first", m.Name, r.Through)
			return nil
		}
		names = append(names, keyNames(LowerCamel(m.Name), from)...)
		names = append(names, toNames...)
	case len(from):
		names = append(names, r.FK...)
		names = append(names, toNames...)
	case len(from) + len(target.Primary):
		names = append(names, r.FK...)
	default:
		if b.faulty[m].short() || b.faulty[target].short() {
			return nil
		}
		b.rel(m, r, "fk names %d fields, the join model %s needs %d for %s and %d for %s",
			len(r.FK), r.Through, len(from), m.Name, len(target.Primary), target.Name)
		return nil
	}
	via := &Model{
		Name: r.Through, Table: TableName(r.Through), Version: 1, Scope: GlobalScope, Implicit: true,
		src: source{file: m.src.file, line: r.src.line},
	}
	for i, k := range slices.Concat(from, target.Primary) {
		side := m
		if i >= len(from) {
			side = target
		}
		f := &Field{
			Name: lowerGo(names[i]), Type: k.Type, Size: k.Size, Precision: k.Precision, Scale: k.Scale,
			Enum: slices.Clone(k.Enum), DBType: k.DBType, Unsigned: k.Unsigned, Primary: true,
		}
		if f.Type == NanoID { // the other side makes the key, here it is only kept
			f.Type = String
		}
		f.Column = Snake(f.Name)
		// A foreign key by column cannot point at one column of several.
		if single := (side == m && len(from) == 1) || (side == target && len(target.Primary) == 1); single {
			f.References = &Reference{Table: side.Table, Column: k.Column, OnDelete: Cascade}
		}
		via.Fields = append(via.Fields, f)
	}
	return via
}

// lowerGo turns a Go name into a JSON name and leaves JSON names alone.
func lowerGo(name string) string {
	if name != "" && strings.ToLower(name[:1]) != name[:1] {
		return LowerCamel(name)
	}
	return name
}

// keyNames are the default names of fields that point at key: authorId, or
// authorArea and authorNumber for a key of several fields.
func keyNames(prefix string, key []*Field) []string {
	if len(key) == 1 {
		return []string{prefix + "Id"}
	}
	out := make([]string, len(key))
	for i, k := range key {
		out[i] = prefix + upperFirst(k.Name)
	}
	return out
}

// relation resolves one relation.
func (b *builder) relation(m *Model, r *Relation) {
	r.Owner, r.Target, r.From, r.To, r.ViaFrom, r.ViaTo = m, nil, nil, nil, nil, nil
	via := r.Via
	r.Via = nil
	if r.Kind < BelongsTo || r.Kind > ManyToMany {
		b.rel(m, r, "the relation has no kind; it must be belongs_to, has_one, has_many or many_to_many")
		return
	}
	if !validAction(r.OnDelete) {
		b.rel(m, r, "on_delete %q is unknown; known: %s", string(r.OnDelete), actionNames)
	}
	if !validAction(r.OnUpdate) {
		b.rel(m, r, "on_update %q is unknown; known: %s", string(r.OnUpdate), actionNames)
	}
	if r.Kind == ManyToMany && (r.References || r.OnUpdate != NoAction) {
		b.rel(m, r, "references and on_update are for the relations of the join model %s, which holds the foreign keys", r.Through)
	}
	if r.Through != "" && r.Kind != ManyToMany {
		b.rel(m, r, "through is only for many_to_many")
	}
	target := b.byName[r.Model]
	if target == nil {
		b.rel(m, r, "the relation leads to model %q, which does not exist; %s", r.Model, oneOf(r.Model, b.modelNames()))
		return
	}
	r.Target = target
	if len(m.Primary) == 0 || len(target.Primary) == 0 { // reported where the key is missing
		switch r.Kind {
		case BelongsTo:
			b.lookup(m, m, r, r.FK, "fk")
		case HasOne, HasMany:
			b.lookup(target, m, r, r.FK, "fk")
		}
		return
	}
	switch r.Kind {
	case BelongsTo:
		r.To = b.keyOf(target, m, r, r.LK)
		r.From = b.foreign(m, m, r, r.FK, keyNames(r.Name, r.To), r.To)
		b.fits(m, r, r.From, r.To)
	case HasOne, HasMany:
		r.From = b.keyOf(m, m, r, r.LK)
		r.To = b.foreign(target, m, r, r.FK, keyNames(LowerCamel(m.Name), r.From), r.From)
		b.fits(m, r, r.To, r.From)
	case ManyToMany:
		b.manyToMany(m, r, via)
	}
	for _, set := range []struct {
		tag string
		do  Action
	}{{"on_delete", r.OnDelete}, {"on_update", r.OnUpdate}} {
		if set.do != SetNull {
			continue
		}
		fk, holder := r.From, m
		if r.Kind != BelongsTo {
			fk, holder = r.To, target
		}
		for _, f := range fk {
			if r.Kind != ManyToMany && !f.Nullable && !b.bad(f) {
				b.rel(m, r, "%s is set null, but %s.%s is not nullable", set.tag, holder.Name, f.Name)
			}
		}
	}
}

func (b *builder) manyToMany(m *Model, r *Relation, earlier *Model) {
	if r.Through == "" {
		b.rel(m, r, "many_to_many needs the name of its join model: through=%s%s", m.Name, r.Model)
		return
	}
	via := b.byName[r.Through]
	if via == nil {
		if validName(r.Through) { // joinModel said why
			r.Via = earlier
			if lk, _ := r.sides(m); b.keyOf(m, m, r, lk) != nil && !b.faultsOf(m, r) && !b.faulty[m].short() && !b.faulty[r.Target].short() {
				b.rel(m, r, "join model %q does not exist; %s", r.Through, oneOf(r.Through, b.modelNames()))
			}
			return
		}
		b.rel(m, r, "%q is no name for a join model", r.Through)
		return
	}
	r.Via = via
	lk, toNames := r.sides(m)
	r.From = b.keyOf(m, m, r, lk)
	r.To = r.Target.Primary
	if r.From == nil {
		return
	}
	fromNames := r.FK
	if n := len(r.From); len(r.FK) == n+len(r.To) {
		fromNames, toNames = r.FK[:n], r.FK[n:]
	}
	fromSide := b.pointers(via, m, r.From, nil, toNames)
	toSide := b.pointers(via, r.Target, r.To, fromNames, nil)
	if len(fromNames) == 0 && len(toNames) == 0 && m == r.Target {
		b.rel(m, r, "both sides are %s, so the fields of %s must be named: fk=a|b, that of this side first; %s has %s",
			m.Name, via.Name, via.Name, strings.Join(fieldNames(via), ", "))
		return
	}
	r.ViaFrom = b.foreign(via, m, r, fromNames, fromSide, r.From)
	r.ViaTo = b.foreign(via, m, r, toNames, toSide, r.To)
	b.fits(m, r, r.ViaFrom, r.From)
	b.fits(m, r, r.ViaTo, r.To)
}

// sides reads lk= of a many-to-many relation, which may name either the key of
// this model that the join model points at, or, beside an fk= for this side, the
// fields of the join model that point at the target. In the second case it
// returns those as other.
func (r *Relation) sides(owner *Model) (lk, other []string) {
	if len(r.FK) == 0 || len(r.LK) == 0 || owner == nil {
		return r.LK, nil
	}
	for _, n := range r.LK {
		if owner.Field(n) == nil && owner.Field(lowerGo(n)) == nil {
			return nil, r.LK
		}
	}
	return r.LK, nil
}

// faultsOf reports whether the relation already has a fault.
func (b *builder) faultsOf(m *Model, r *Relation) bool {
	return slices.ContainsFunc(b.faults, func(f Fault) bool { return f.Model == m.Name && f.Field == r.Name })
}

// pointers guesses the names of the fields of a join model that point at side:
// those of a belongs_to, those of a foreign key, else the default names. Fields
// in taken are those of the other side; other are further ones not to be used.
func (b *builder) pointers(via, side *Model, key []*Field, taken, other []string) []string {
	free := func(names []string) bool {
		for _, n := range names {
			f := via.Field(n)
			if f == nil {
				return false
			}
			for _, t := range slices.Concat(taken, other) {
				if via.Field(t) == f {
					return false
				}
			}
		}
		return len(names) == len(key)
	}
	for _, r := range via.Relations {
		if r.Kind != BelongsTo || r.Model != side.Name {
			continue
		}
		names := r.FK
		if len(names) == 0 {
			names = keyNames(r.Name, key)
		}
		if free(names) {
			return names
		}
	}
	for _, f := range via.Fields {
		if ref := f.References; ref != nil && len(key) == 1 && ref.Table == side.Table && free([]string{f.Name}) {
			return []string{f.Name}
		}
	}
	return keyNames(LowerCamel(side.Name), key)
}

// keyOf returns the fields of holder that names say, or its primary key. It
// returns nil after a fault.
func (b *builder) keyOf(holder, m *Model, r *Relation, names []string) []*Field {
	if len(names) == 0 {
		return holder.Primary
	}
	return b.lookup(holder, m, r, names, "lk")
}

// foreign returns the fields of holder that point at key: as declared, or those
// with the default names. It returns nil after a fault.
func (b *builder) foreign(holder, m *Model, r *Relation, declared, defaults []string, key []*Field) []*Field {
	if len(declared) > 0 {
		return b.lookup(holder, m, r, declared, "fk")
	}
	if key == nil {
		return nil
	}
	var out []*Field
	for _, n := range defaults {
		f := holder.Field(n)
		if f == nil && b.faulty[holder].has(n) {
			return nil
		}
		if f == nil {
			b.rel(m, r, "the foreign key %s.%s does not exist; add the field or name another with fk= (%s has %s)",
				holder.Name, n, holder.Name, strings.Join(fieldNames(holder), ", "))
			return nil
		}
		out = append(out, f)
	}
	return out
}

func (b *builder) lookup(holder, m *Model, r *Relation, names []string, tag string) []*Field {
	var out []*Field
	for _, n := range names {
		f := holder.Field(n)
		if f == nil { // a Go name, of a model that was not read from Go
			f = holder.Field(lowerGo(n))
		}
		if f == nil && b.faulty[holder].has(n) {
			return nil
		}
		if f == nil {
			b.rel(m, r, "%s names field %q, which %s does not have; %s", tag, n, holder.Name, oneOf(n, fieldNames(holder)))
			return nil
		}
		if slices.Contains(out, f) {
			b.rel(m, r, "%s names field %s twice", tag, f.Name)
			return nil
		}
		out = append(out, f)
	}
	return out
}

// fits reports keys that can never be equal.
func (b *builder) fits(m *Model, r *Relation, fk, key []*Field) {
	if fk == nil || key == nil {
		return
	}
	if len(fk) != len(key) {
		if b.faulty[m].short() || b.faulty[r.Target].short() {
			return
		}
		b.rel(m, r, "the foreign key has %d fields (%s), the key it points at %d (%s)",
			len(fk), joinNames(fk), len(key), joinNames(key))
		return
	}
	for i, f := range fk {
		if !sameKind(f, key[i]) && !b.bad(f) && !b.bad(key[i]) {
			b.rel(m, r, "the foreign key %s is %s, but the key %s it points at is %s", f.Name, f.Type, key[i].Name, key[i].Type)
		}
	}
}

func sameKind(a, b *Field) bool {
	ka, kb := a.Type.Kind(), b.Type.Kind()
	return ka == kb || ka == KindAny || kb == KindAny
}

func joinNames(fs []*Field) string {
	out := make([]string, len(fs))
	for i, f := range fs {
		out[i] = f.Name
	}
	return strings.Join(out, ", ")
}

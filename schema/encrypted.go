package schema

import "slices"

// NoValue is what a stored field that cannot be NULL holds in rows from before
// the field was there: no ciphertext, and read as the field's default or zero.
const NoValue = "weft:0:"

// encrypted reports what an encrypted field cannot be. Equal values are stored
// as different ciphertexts, so nothing can go by them.
func (b *builder) encrypted(m *Model) {
	var any *Field
	for _, f := range m.Fields {
		if !f.Encrypted {
			continue
		}
		any = f
		for _, x := range []struct {
			is   bool
			what string
		}{
			{f.Primary, "the primary key"},
			{f.Auto, "counted by the database (auto)"},
			{f.ReadOnly, "readonly: the database would have to make the ciphertext"},
			{f.Unique, "unique: equal values are stored as different ciphertexts"},
			{f.Index || f.IndexGlobal, "indexed: the order of ciphertexts says nothing"},
			{f.Search, "searched: there are no words in a ciphertext"},
			{f.References != nil, "a foreign key: it would point nowhere"},
			{f.Role != RoleNone || f == m.OwnerF, "one that Weft itself keeps or goes by (version, times, owner, soft delete)"},
			{f.Type == Specific, "of a specificType: its column holds a ciphertext"},
		} {
			if x.is {
				b.field(m, f, "an encrypted field cannot be %s", x.what)
			}
		}
	}
	if any == nil {
		return
	}
	for _, x := range m.Indexes {
		for _, n := range x.Fields {
			if f := m.Field(n); f != nil && f.Encrypted {
				b.field(m, f, "an encrypted field cannot be part of an index: ciphertexts say nothing of what they hold")
			}
		}
	}
	if m.Sharding != nil {
		if f := m.Field(m.Sharding.Key); f != nil && f.Encrypted {
			b.field(m, f, "an encrypted field cannot be the sharding key")
		}
	}
	for _, c := range m.Events.Channels {
		for _, p := range placeholder.FindAllStringSubmatch(c, -1) {
			if f := m.Field(p[1]); f != nil && f.Encrypted {
				b.field(m, f, "an encrypted field cannot be part of an event channel: %q would show it", c)
			}
		}
	}
	for _, f := range m.Primary {
		if r := f.References; r != nil && r.OnUpdate != NoAction && r.OnUpdate != Restrict {
			b.field(m, f, "encrypted fields (%s) are bound to the key of their row, so the key cannot change by on_update=%s", any.Name, r.OnUpdate)
		}
	}
}

// encryptedKeys reports relations that go by encrypted fields.
func (b *builder) encryptedKeys(m *Model, r *Relation) {
	for _, f := range slices.Concat(r.From, r.To, r.ViaFrom, r.ViaTo) {
		if f.Encrypted {
			b.rel(m, r, "the relation goes by the field %s, which is encrypted and cannot be compared", f.Name)
		}
	}
}

// Stored returns the set as engines and migrations see it: with encrypted
// fields in the form they are stored in, binary ones as Binary, all others as
// Text, without what belongs to the clear value (default, rules, transform,
// Encrypted itself). Everything else has the same names and positions. A set
// without encrypted fields is its own stored form, and so is a stored set.
//
// It is a set of its own, and not a second type that each field has, so that
// nothing below the layer that encrypts can mistake one for the other: to an
// engine a ciphertext is text like any other.
func (s *Set) Stored() *Set {
	if s == nil || s.stored == nil {
		return s
	}
	return s.stored
}

// Encrypts reports whether a field of the model is encrypted.
func (m *Model) Encrypts() bool {
	return slices.ContainsFunc(m.Fields, func(f *Field) bool { return f.Encrypted })
}

// storedSet makes the stored form of a set, nil where it is the set itself.
func storedSet(s *Set) *Set {
	if !slices.ContainsFunc(s.Models, (*Model).Encrypts) {
		return nil
	}
	c := &storing{set: &Set{byName: map[string]*Model{}, soft: s.soft}, models: map[*Model]*Model{nil: nil}, fields: map[*Field]*Field{nil: nil}}
	for _, m := range s.Models {
		c.model(m)
	}
	for _, m := range s.Models {
		c.relations(m)
		c.counts(m)
	}
	return c.set
}

// storing copies a set.
type storing struct {
	set    *Set
	models map[*Model]*Model
	fields map[*Field]*Field
}

func (c *storing) model(m *Model) {
	n := *m
	n.set, n.GoType, n.fields, n.relations = c.set, nil, map[string]*Field{}, map[string]*Relation{}
	n.Fields = make([]*Field, len(m.Fields))
	for i, f := range m.Fields {
		n.Fields[i] = storedField(f)
		c.fields[f] = n.Fields[i]
	}
	for name, f := range m.fields {
		n.fields[name] = c.fields[f]
	}
	if m.Encrypts() {
		n.Seed = nil // its values are clear ones
	}
	n.Primary = c.list(m.Primary)
	n.VersionF, n.CreatedF, n.UpdatedF = c.fields[m.VersionF], c.fields[m.CreatedF], c.fields[m.UpdatedF]
	n.OwnerF, n.DeletedF = c.fields[m.OwnerF], c.fields[m.DeletedF]
	c.models[m] = &n
	c.set.Models = append(c.set.Models, &n)
	c.set.byName[n.Name] = &n
}

func (c *storing) relations(m *Model) {
	n := c.models[m]
	n.Relations = make([]*Relation, len(m.Relations))
	for i, r := range m.Relations {
		x := *r
		x.GoIndex = nil
		x.Owner, x.Target, x.Via = c.models[r.Owner], c.models[r.Target], c.models[r.Via]
		x.From, x.To, x.ViaFrom, x.ViaTo = c.list(r.From), c.list(r.To), c.list(r.ViaFrom), c.list(r.ViaTo)
		n.Relations[i] = &x
		for name, was := range m.relations {
			if was == r {
				n.relations[name] = &x
			}
		}
	}
}

func (c *storing) counts(m *Model) {
	n := c.models[m]
	n.Counts, n.counts = make([]*Count, len(m.Counts)), map[string]*Count{}
	for i, x := range m.Counts {
		y := *x
		y.GoIndex, y.Of = nil, nil
		if x.Of != nil {
			y.Of = n.relations[x.Of.Name]
		}
		n.Counts[i] = &y
		for name, was := range m.counts {
			if was == x {
				n.counts[name] = &y
			}
		}
	}
}

func (c *storing) list(fs []*Field) []*Field {
	if fs == nil {
		return nil
	}
	out := make([]*Field, len(fs))
	for i, f := range fs {
		out[i] = c.fields[f]
	}
	return out
}

// storedField is the field as it is stored.
func storedField(f *Field) *Field {
	n := *f
	n.GoIndex = nil
	if !f.Encrypted {
		return &n
	}
	n.Encrypted, n.Required, n.Unsigned, n.NanoID = false, false, false, false
	n.Size, n.Precision, n.Scale, n.Enum, n.GoBits = 0, 0, 0, nil, 0
	n.Validate, n.Validator, n.Transform, n.Default = "", "", "", nil
	if n.Type = Text; f.Type.Kind() == KindBytes {
		n.Type = Binary
	}
	if !f.Nullable {
		n.Default = &Default{Value: NoValue}
		if n.Type == Binary {
			n.Default.Value = []byte(NoValue)
		}
	}
	return &n
}

package schema

import (
	"regexp"
	"slices"
	"strings"
)

// actionNames are the actions of foreign keys as written.
const actionNames = "cascade, set null, set default, restrict"

func validAction(a Action) bool {
	switch a {
	case NoAction, Cascade, SetNull, SetDefault, Restrict:
		return true
	}
	return false
}

// typeNames are all types as written.
var typeNames = []string{
	string(String), string(Text), string(Integer), string(BigInteger), string(Float), string(Decimal), string(Boolean),
	string(Date), string(DateTime), string(Timestamp), string(Time), string(Binary), string(UUID), string(NanoID),
	string(Enum), string(Array), string(Object), string(JSON), string(JSONB), string(Specific),
}

// fieldsOf checks each field of a model by itself and its foreign key.
func (b *builder) fieldsOf(m *Model) {
	for _, f := range m.Fields {
		switch {
		case f.Type == "":
			b.field(m, f, "the field has no type")
			continue
		case !slices.Contains(typeNames, string(f.Type)):
			b.field(m, f, "type %q is unknown; %s", string(f.Type), oneOf(string(f.Type), typeNames))
			continue
		}
		b.typeOptions(m, f)
		b.keyOptions(m, f)
		b.defaultOf(m, f)
		if f.References != nil {
			b.reference(m, f)
		}
	}
}

// typeOptions checks the options that belong to certain types.
func (b *builder) typeOptions(m *Model, f *Field) {
	k := f.Type.Kind()
	switch {
	case f.Type == Enum && len(f.Enum) == 0:
		b.field(m, f, "an enum needs its values: enum=a|b")
	case f.Type != Enum && len(f.Enum) > 0:
		b.field(m, f, "values are given, but the type is %s, not enum", f.Type)
	}
	for i, v := range f.Enum {
		if v == "" {
			b.field(m, f, "an enum value is empty")
		} else if slices.Contains(f.Enum[:i], v) {
			b.field(m, f, "enum value %q is given twice", v)
		}
	}
	if f.Size != 0 && f.Type != String && f.Type != NanoID && f.Type != Binary {
		b.field(m, f, "a size is for string, nanoid and binary, not for %s", f.Type)
	}
	if f.Size < -1 || (f.Type == NanoID && f.Size < 0) {
		b.field(m, f, "size %d is negative", f.Size)
	}
	switch {
	case f.Type != Decimal && (f.Precision != 0 || f.Scale != 0):
		b.field(m, f, "precision and scale are for decimal, not for %s", f.Type)
	case f.Precision == 0 && f.Scale != 0:
		b.field(m, f, "a scale needs a precision: precision=10,scale=%d", f.Scale)
	case f.Precision < 0 || f.Precision > 1000:
		b.field(m, f, "precision %d is not between 1 and 1000", f.Precision)
	case f.Scale < 0 || f.Scale > f.Precision:
		b.field(m, f, "scale %d is not between 0 and the precision %d", f.Scale, f.Precision)
	}
	switch {
	case f.Type == Specific && f.DBType == "":
		b.field(m, f, "specificType needs the database's type: type=specificType(citext)")
	case f.Type != Specific && f.DBType != "":
		b.field(m, f, "the database type %q is given, but the type is %s, not specificType", f.DBType, f.Type)
	}
	if f.Unsigned && k != KindInt && k != KindFloat && k != KindDecimal {
		b.field(m, f, "unsigned is for numbers, not for %s", f.Type)
	}
	if f.Search && f.Type != String && f.Type != Text {
		b.field(m, f, "search is for string and text, not for %s", f.Type)
	}
	if f.NanoID && f.Type != String && f.Type != Text && f.Type != NanoID {
		b.field(m, f, "nanoid makes text, the type is %s", f.Type)
	}
}

// keyOptions checks the options that say what a field is for.
func (b *builder) keyOptions(m *Model, f *Field) {
	k := f.Type.Kind()
	if f.Primary {
		switch {
		case f.Nullable:
			b.field(m, f, "a primary key cannot be nullable")
		case k == KindJSON || k == KindFloat:
			b.field(m, f, "a primary key cannot be %s", f.Type)
		}
	}
	if f.Auto {
		switch {
		case k != KindInt:
			b.field(m, f, "auto is for integers, not for %s", f.Type)
		case !f.Primary:
			b.field(m, f, "auto is only for the primary key")
		case len(m.Primary) > 1:
			b.field(m, f, "auto is only for a primary key of one field; this one is %s", joinNames(m.Primary))
		}
	}
	if k == KindJSON && (f.Unique || f.Index) {
		b.field(m, f, "a field of type %s cannot be unique or indexed", f.Type)
	}
	if f.ReadOnly && (f.Primary || f.Role != RoleNone) {
		b.field(m, f, "a key or a field that Weft keeps cannot be readonly")
	}
	if f.Immutable && (f.Role == RoleVersion || f.Role == RoleUpdated || f.Role == RoleDeleted) {
		b.field(m, f, "the field changes by itself and cannot be immutable")
	}
}

// defaultOf makes the default canonical.
func (b *builder) defaultOf(m *Model, f *Field) {
	d := f.Default
	if d == nil {
		return
	}
	parts := 0
	for _, set := range []bool{d.Value != nil, d.Func != "", d.Now} {
		if set {
			parts++
		}
	}
	switch {
	case parts != 1:
		b.field(m, f, "a default is one of a value, a function and now; %d are given", parts)
	case f.Auto:
		b.field(m, f, "a field that counts by itself (auto) cannot have a default")
	case f.NanoID:
		b.field(m, f, "a nanoid field fills itself and cannot have a default")
	case f.Role == RoleVersion || f.Role == RoleOwner:
		b.field(m, f, "Weft fills this field, it cannot have a default")
	case d.Now && f.Type.Kind() != KindTime && f.Type != Time:
		b.field(m, f, "the default now is for times, not for %s", f.Type)
	case d.Value != nil:
		v, err := canonLiteral(f, d.Value)
		if err != nil {
			b.field(m, f, "default %v", err)
			return
		}
		f.Default = &Default{Value: v}
	}
}

func (b *builder) reference(m *Model, f *Field) {
	ref := f.References
	for _, a := range []Action{ref.OnDelete, ref.OnUpdate} {
		if !validAction(a) {
			b.field(m, f, "foreign key action %q is unknown; known: %s", string(a), actionNames)
		}
		if a == SetNull && !f.Nullable {
			b.field(m, f, "the foreign key sets NULL, but the field is not nullable")
		}
	}
	target := b.tables[strings.ToLower(ref.Table)]
	if target == nil && b.optionsUnknown() {
		return
	}
	if target == nil {
		tables := namesOf(b.models, func(t *Model) string { return t.Table })
		b.field(m, f, "references table %q, which no model has; %s", ref.Table, oneOf(ref.Table, tables))
		return
	}
	var columns []string
	for _, k := range target.Fields {
		if strings.EqualFold(k.Column, ref.Column) {
			if !sameKind(f, k) && !b.bad(k) {
				b.field(m, f, "is %s, but %s.%s it references is %s", f.Type, ref.Table, ref.Column, k.Type)
			}
			return
		}
		columns = append(columns, k.Column)
	}
	if b.faulty[target].short() {
		return
	}
	b.field(m, f, "references column %q, which table %s does not have; %s", ref.Column, ref.Table, oneOf(ref.Column, columns))
}

// roles finds the fields that Weft keeps.
func (b *builder) roles(m *Model) {
	m.VersionF, m.CreatedF, m.UpdatedF, m.OwnerF, m.DeletedF = nil, nil, nil, nil, nil
	place := map[Role]**Field{
		RoleVersion: &m.VersionF, RoleCreated: &m.CreatedF, RoleUpdated: &m.UpdatedF, RoleOwner: &m.OwnerF, RoleDeleted: &m.DeletedF,
	}
	names := map[Role]string{
		RoleVersion: "version", RoleCreated: "created", RoleUpdated: "updated", RoleOwner: "owner", RoleDeleted: "deleted",
	}
	for _, f := range m.Fields {
		if f.Role == RoleNone {
			continue
		}
		at := place[f.Role]
		if at == nil {
			b.field(m, f, "role %d is unknown", f.Role)
			continue
		}
		if *at != nil {
			b.field(m, f, "the model has two %s fields: %s and %s", names[f.Role], (*at).Name, f.Name)
			continue
		}
		*at = f
		k := f.Type.Kind()
		switch {
		case f.Role == RoleVersion && k != KindInt:
			b.field(m, f, "a version field must be an integer, not %s", f.Type)
		case f.Role == RoleVersion && f.Primary:
			b.field(m, f, "a version field cannot be the primary key")
		case f.Role == RoleOwner && k != KindString && k != KindInt:
			b.field(m, f, "an owner field must be text or an integer, not %s", f.Type)
		case (f.Role == RoleCreated || f.Role == RoleUpdated || f.Role == RoleDeleted) && (k != KindTime || f.Type == Date):
			b.field(m, f, "a %s field must be a datetime or timestamp, not %s", names[f.Role], f.Type)
		case f.Role == RoleDeleted && !f.Nullable:
			b.field(m, f, "a deleted field must be nullable: NULL means that the row lives")
		case f.Role == RoleDeleted && (f.Required || f.Unique || f.Primary || f.Default != nil):
			b.field(m, f, "a deleted field is NULL in a row that lives; it cannot be required, unique, a key or have a default")
		}
	}
	switch m.Scope {
	case UserScope:
		if m.OwnerF == nil {
			for _, f := range m.Fields {
				if f.Name == "userId" || f.GoName == "UserID" {
					m.OwnerF = f
				}
			}
		}
		if m.OwnerF == nil && b.faulty[m].short() {
			break
		}
		if m.OwnerF == nil {
			b.model(m, "the scope is user, but no field holds the owner; add UserID or name one (tag owner, owner: in YAML)")
		} else if m.OwnerF.Nullable {
			b.field(m, m.OwnerF, "the owner of a user-scoped row cannot be nullable")
		}
	case GlobalScope:
		if x := b.faulty[m]; m.OwnerF != nil && (x == nil || !x.options) {
			b.field(m, m.OwnerF, "the field is the owner, but the scope is not user")
			m.OwnerF = nil
		}
	default:
		b.model(m, "scope %q is unknown; known: global, user", string(m.Scope))
	}
}

// optionsOf checks what a model says beside its fields.
func (b *builder) optionsOf(m *Model) {
	names := map[string]bool{}
	if len(m.Indexes) > 0 {
		m.Indexes = slices.Clone(m.Indexes)
	}
	for i, ix := range m.Indexes {
		if len(ix.Fields) == 0 {
			b.model(m, "index %d has no fields", i+1)
		}
		fields := make([]string, 0, len(ix.Fields))
		for _, n := range ix.Fields {
			f := m.Field(n)
			switch {
			case f == nil && b.faulty[m].has(n):
			case f == nil:
				b.model(m, "index %d is on field %q, which does not exist; %s", i+1, n, oneOf(n, fieldNames(m)))
			case slices.Contains(fields, f.Name):
				b.model(m, "index %d names field %s twice", i+1, f.Name)
			case f.Type.Kind() == KindJSON && !b.bad(f):
				b.model(m, "index %d is on field %s, which is %s and cannot be indexed", i+1, f.Name, f.Type)
			case ix.Unique && f == m.DeletedF:
				b.model(m, "unique index %d has the deleted field %s; leave it out, for uniqueness holds among rows that are not deleted", i+1, f.Name)
			default:
				fields = append(fields, f.Name)
			}
		}
		m.Indexes[i].Fields = fields
		if ix.Name != "" {
			if names[strings.ToLower(ix.Name)] {
				b.model(m, "index name %s is taken twice", ix.Name)
			}
			if !validIdent(ix.Name) {
				b.model(m, "%q is no name for an index", ix.Name)
			}
			names[strings.ToLower(ix.Name)] = true
		}
	}
	b.sharding(m)
	switch {
	case m.Pin.Factor < 0:
		b.model(m, "pin factor %d is negative", m.Pin.Factor)
	case m.Pin.Strategy == "" && m.Pin.Factor != 0:
		b.model(m, "a pin factor needs a strategy: fixed, popularity or tiered")
	case m.Pin.Strategy != "" && !validName(string(m.Pin.Strategy)):
		b.model(m, "%q is no name for a pin strategy", string(m.Pin.Strategy))
	}
	b.events(m)
	if m.Cache != nil && m.Cache.TTL < 0 {
		b.model(m, "cache ttl %s is negative", m.Cache.TTL)
	}
	b.seed(m)
}

func (b *builder) sharding(m *Model) {
	if m.Sharding == nil {
		return
	}
	s := *m.Sharding
	switch s.Strategy {
	case "hash":
		if s.Count < 1 {
			b.model(m, "sharding by hash needs a count of shards, 1 or more; got %d", s.Count)
		}
	case "range":
		if len(s.Splits) == 0 {
			b.model(m, "sharding by range needs split points")
		}
		if s.Count != 0 && s.Count != len(s.Splits)+1 {
			b.model(m, "sharding count %d does not fit %d split points, which make %d shards", s.Count, len(s.Splits), len(s.Splits)+1)
		}
	case "user":
		if m.Scope != UserScope {
			b.model(m, "sharding by user needs scope user")
		}
	default:
		b.model(m, "sharding strategy %q is unknown; known: hash, range, user", s.Strategy)
	}
	if s.Count < 0 && s.Strategy != "hash" {
		b.model(m, "sharding count %d is negative", s.Count)
	}
	if len(s.Splits) > 0 && s.Strategy != "range" {
		b.model(m, "split points are only for sharding by range")
	}
	switch f := m.Field(s.Key); {
	case s.Key == "" && s.Strategy == "user":
		if m.OwnerF != nil {
			s.Key = m.OwnerF.Name
		}
	case s.Key == "":
		if len(m.Primary) > 0 {
			s.Key = m.Primary[0].Name
		}
	case f == nil && b.faulty[m].has(s.Key):
	case f == nil:
		b.model(m, "the sharding key %q is no field; %s", s.Key, oneOf(s.Key, fieldNames(m)))
	case s.Strategy == "user" && m.OwnerF != nil && f != m.OwnerF:
		b.model(m, "sharding by user is by the owner %s, not by %s", m.OwnerF.Name, f.Name)
	default:
		s.Key = f.Name
	}
	m.Sharding = &s
}

var placeholder = regexp.MustCompile(`\{([^{}]*)\}`)

func (b *builder) events(m *Model) {
	if m.Events.On&^(Created|Updated|Deleted) != 0 {
		b.model(m, "events %d are unknown; known: created, updated, deleted", m.Events.On)
	}
	if len(m.Events.Channels) > 0 && m.Events.On == 0 {
		b.model(m, "events have channels, but no event is asked for")
	}
	for _, c := range m.Events.Channels {
		if c == "" {
			b.model(m, "an event channel is empty")
		}
		for _, p := range placeholder.FindAllStringSubmatch(c, -1) {
			if p[1] != "modelName" && p[1] != "id" && m.Field(p[1]) == nil && !b.faulty[m].has(p[1]) {
				b.model(m, "event channel %q uses {%s}, which is no field; %s", c, p[1], oneOf(p[1], append(fieldNames(m), "modelName")))
			}
		}
		if strings.ContainsAny(placeholder.ReplaceAllString(c, ""), "{}") {
			b.model(m, "event channel %q has a brace that is not closed", c)
		}
	}
}

func (b *builder) seed(m *Model) {
	if m.Seed == nil {
		return
	}
	s := Seed{Key: m.Seed.Key}
	switch f := m.Field(s.Key); {
	case f != nil:
		s.Key = f.Name
	case b.faulty[m].has(s.Key):
	case s.Key != "":
		b.model(m, "the seed key %q is no field; %s", s.Key, oneOf(s.Key, fieldNames(m)))
	case len(m.Primary) == 1:
		s.Key = m.Primary[0].Name
	case b.faulty[m].short():
	default:
		b.model(m, "the seed needs a key: the field by which its rows are found again")
	}
	for i, row := range m.Seed.Rows {
		out := make(map[string]any, len(row))
		for _, n := range sortedKeys(row) {
			f := m.Field(n)
			if f == nil && b.faulty[m].has(n) {
				continue
			}
			if f == nil {
				b.model(m, "seed row %d has field %q, which does not exist; %s", i+1, n, oneOf(n, fieldNames(m)))
				continue
			}
			if row[n] == nil {
				out[f.Name] = nil
				continue
			}
			v, err := canonLiteral(f, row[n])
			if err != nil && b.bad(f) {
				continue
			}
			if err != nil {
				b.model(m, "seed row %d, field %s: %v", i+1, f.Name, err)
				continue
			}
			out[f.Name] = v
		}
		if f := m.Field(s.Key); f != nil && out[s.Key] == nil && !b.bad(f) {
			b.model(m, "seed row %d has no value for the seed key %s", i+1, s.Key)
		}
		s.Rows = append(s.Rows, out)
	}
	m.Seed = &s
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

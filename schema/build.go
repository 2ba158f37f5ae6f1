package schema

import (
	"fmt"
	"slices"
	"strings"
)

// source is where a model or a part of it was declared in YAML.
type source struct {
	file string
	line int
}

// builder validates and resolves one set.
type builder struct {
	models []*Model
	byName map[string]*Model
	tables map[string]*Model // by lower-case table name
	faults faultList
	faulty map[*Model]*faulty // of structs that could not be read as a whole
}

func newBuilder() *builder {
	return &builder{byName: map[string]*Model{}, tables: map[string]*Model{}, faulty: map[*Model]*faulty{}}
}

// Build makes a set of models that refer only to each other. It checks the
// whole set and reports every fault at once in a *[Faults]; then there is no
// set.
//
// Build fills the parts of the models that are documented as filled by Build,
// and what was left to a default: Table, Kind with KindReason, Version, Column,
// Pos and the key of Sharding. Field names in Indexes, Sharding and Seed and
// relations in Counts become JSON names, and default values canonical. Join
// models that a many-to-many relation names but nobody declared are added to
// the set (see Model.Implicit).
//
// Building the same models again gives an equal set. Models must not be in use
// elsewhere while they are built.
func Build(models ...*Model) (*Set, error) { return newBuilder().build(models) }

func (b *builder) build(models []*Model) (*Set, error) {
	for i, m := range models {
		if m == nil {
			b.faults.add(Fault{}, "model %d of %d is nil", i+1, len(models))
			continue
		}
		b.models = append(b.models, m)
	}
	for _, m := range b.models {
		b.declare(m)
	}
	b.joinModels()
	for _, m := range b.models {
		for _, r := range m.Relations {
			b.relation(m, r)
		}
	}
	for _, m := range b.models {
		b.fieldsOf(m)
		b.roles(m)
		b.optionsOf(m)
		b.encrypted(m)
		b.kind(m)
	}
	for _, m := range b.models {
		for _, r := range m.Relations {
			b.encryptedKeys(m, r)
		}
	}
	b.eagerCycles()
	b.sort()
	if err := b.faults.err(); err != nil {
		return nil, err
	}
	set := &Set{Models: b.models, byName: b.byName}
	for _, m := range b.models {
		m.set = set
		set.soft = set.soft || m.DeletedF != nil
	}
	set.stored = storedSet(set)
	return set, nil
}

// sort puts the faults of each model together, in the order of the models.
func (b *builder) sort() {
	at := map[string]int{}
	for i, m := range b.models {
		if _, dup := at[m.Name]; !dup {
			at[m.Name] = i + 1 // faults without a model come first
		}
	}
	slices.SortStableFunc(b.faults, func(x, y Fault) int { return at[x.Model] - at[y.Model] })
}

func (b *builder) model(m *Model, format string, args ...any) {
	b.faults.add(Fault{Model: m.Name, File: m.src.file, Line: m.src.line}, format, args...)
}

func (b *builder) field(m *Model, f *Field, format string, args ...any) {
	if b.faulty[m].has(f.Name) {
		return
	}
	at := Fault{Model: m.Name, Field: f.Name, File: m.src.file, Line: m.src.line}
	if f.src.line > 0 {
		at.Line = f.src.line
	}
	b.faults.add(at, format, args...)
}

func (b *builder) rel(m *Model, r *Relation, format string, args ...any) {
	if b.faulty[m].has(r.Name) {
		return
	}
	at := Fault{Model: m.Name, Field: r.Name, File: m.src.file, Line: m.src.line}
	if r.src.line > 0 {
		at.Line = r.src.line
	}
	b.faults.add(at, format, args...)
}

func (b *builder) count(m *Model, c *Count, format string, args ...any) {
	if b.faulty[m].has(c.Name) {
		return
	}
	at := Fault{Model: m.Name, Field: c.Name, File: m.src.file, Line: m.src.line}
	if c.src.line > 0 {
		at.Line = c.src.line
	}
	b.faults.add(at, format, args...)
}

// declare enters the names of a model and fills its maps, positions and key.
func (b *builder) declare(m *Model) {
	if !validName(m.Name) {
		b.model(m, "%q is no name for a model; use letters, digits and underscores", m.Name)
	}
	if m.Table == "" {
		m.Table = TableName(m.Name)
	}
	if !validIdent(m.Table) && m.Name != "" {
		b.model(m, "%q is no name for a table", m.Table)
	}
	if m.Version == 0 {
		m.Version = 1
	}
	if m.Scope == "global" {
		m.Scope = GlobalScope
	}
	if m.Version < 0 {
		b.model(m, "version %d is negative; versions count from 1", m.Version)
	}
	if first, dup := b.byName[m.Name]; dup {
		b.model(m, "the model is declared twice (tables %s and %s)", first.Table, m.Table)
	} else {
		b.byName[m.Name] = m
	}
	if first, dup := b.tables[strings.ToLower(m.Table)]; dup && first.Name != m.Name {
		b.model(m, "table %s is already that of model %s", m.Table, first.Name)
	} else {
		b.tables[strings.ToLower(m.Table)] = m
	}
	b.names(m)
}

// names fills the maps of one model and finds names that are taken twice.
func (b *builder) names(m *Model) {
	m.fields, m.relations, m.counts = map[string]*Field{}, map[string]*Relation{}, map[string]*Count{}
	m.Primary = nil
	m.Fields = b.withoutNil(m)
	columns, used := map[string]string{}, map[string]string{}
	take := func(name, what string) string {
		if was := used[name]; was != "" {
			return fmt.Sprintf("the name is taken twice: by a %s and a %s", was, what)
		}
		used[name] = what
		return ""
	}
	for i, f := range m.Fields {
		f.Pos = i
		if f.Name == "" && f.GoName != "" {
			f.Name = LowerCamel(f.GoName)
		}
		if !validName(f.Name) {
			b.field(m, f, "%q is no name for a field; use letters, digits and underscores", f.Name)
		}
		if f.Column == "" {
			f.Column = Snake(f.Name)
		}
		if !validIdent(f.Column) && f.Name != "" {
			b.field(m, f, "%q is no name for a column", f.Column)
		}
		if msg := take(f.Name, "field"); msg != "" {
			b.taken(m, f.Name, f.src, msg)
			continue
		}
		if other, dup := columns[strings.ToLower(f.Column)]; dup {
			b.field(m, f, "column %s is already that of field %s", f.Column, other)
		}
		columns[strings.ToLower(f.Column)] = f.Name
		m.fields[f.Name] = f
		if f.Primary {
			m.Primary = append(m.Primary, f)
		}
		if f.IndexGlobal {
			f.Index = true
		}
		if f.Type == NanoID {
			f.NanoID = true
		}
	}
	for _, r := range m.Relations {
		if !validName(r.Name) {
			b.rel(m, r, "%q is no name for a relation; use letters, digits and underscores", r.Name)
		}
		if msg := take(r.Name, "relation"); msg != "" {
			b.taken(m, r.Name, r.src, msg)
			continue
		}
		m.relations[r.Name] = r
	}
	for _, c := range m.Counts {
		if !validName(c.Name) {
			b.count(m, c, "%q is no name for a count; use letters, digits and underscores", c.Name)
		}
		if msg := take(c.Name, "count"); msg != "" {
			b.taken(m, c.Name, c.src, msg)
			continue
		}
		m.counts[c.Name] = c
	}
	// JSON names win over Go names: they are what is stored and sent.
	for _, f := range m.Fields {
		if _, taken := m.fields[f.GoName]; !taken && f.GoName != "" {
			m.fields[f.GoName] = f
		}
	}
	for _, r := range m.Relations {
		if _, taken := m.relations[r.GoName]; !taken && r.GoName != "" {
			m.relations[r.GoName] = r
		}
	}
	for _, c := range m.Counts {
		if _, taken := m.counts[c.GoName]; !taken && c.GoName != "" {
			m.counts[c.GoName] = c
		}
		b.counted(m, c)
	}
	switch {
	case b.faulty[m].short(): // the key may be what could not be read
	case len(m.Fields) == 0:
		b.model(m, "the model has no fields")
	case len(m.Primary) == 0:
		b.model(m, "the model has no primary key; tag a field `weft:\"primary\"` (primary: true in YAML) or embed weft.Model")
	}
}

// taken reports a second part of the same name, also where the first has faults.
func (b *builder) taken(m *Model, name string, at source, msg string) {
	line := m.src.line
	if at.line > 0 {
		line = at.line
	}
	b.faults.add(Fault{Model: m.Name, Field: name, File: m.src.file, Line: line}, "%s", msg)
}

// counted resolves what a count counts.
func (b *builder) counted(m *Model, c *Count) {
	c.Of = nil
	r := m.relations[c.Relation]
	switch {
	case r == nil && b.faulty[m].has(c.Relation):
	case r == nil:
		b.count(m, c, "counts relation %q, which does not exist; %s", c.Relation, oneOf(c.Relation, relationNames(m)))
	case !r.Many():
		b.count(m, c, "counts relation %s, which is %s and leads to one row at most; a count is of a has_many or many_to_many relation", r.Name, r.Kind)
	default:
		c.Relation, c.Of = r.Name, r
	}
}

// withoutNil reports fields and relations that are nil and returns the fields
// that are not.
func (b *builder) withoutNil(m *Model) []*Field {
	noField := func(f *Field) bool { return f == nil }
	noRelation := func(r *Relation) bool { return r == nil }
	noCount := func(c *Count) bool { return c == nil }
	if slices.ContainsFunc(m.Fields, noField) || slices.ContainsFunc(m.Relations, noRelation) || slices.ContainsFunc(m.Counts, noCount) {
		b.model(m, "the model has a field, relation or count that is nil")
		m.Relations = slices.DeleteFunc(slices.Clone(m.Relations), noRelation)
		m.Counts = slices.DeleteFunc(slices.Clone(m.Counts), noCount)
		return slices.DeleteFunc(slices.Clone(m.Fields), noField)
	}
	return m.Fields
}

// namesOf are the names of a list as messages show them, each once.
func namesOf[T any](list []T, name func(T) string) []string {
	var out []string
	for _, x := range list {
		if n := name(x); !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

func fieldNames(m *Model) []string {
	return namesOf(m.Fields, func(f *Field) string { return f.Name })
}

func relationNames(m *Model) []string {
	return namesOf(m.Relations, func(r *Relation) string { return r.Name })
}

func (b *builder) modelNames() []string {
	return namesOf(b.models, func(m *Model) string { return m.Name })
}

// eagerCycles reports relations that are loaded eagerly in a circle: a find
// would never end.
func (b *builder) eagerCycles() {
	const (
		open = 1
		done = 2
	)
	state := map[*Model]int{}
	var path []*Relation
	var visit func(m *Model)
	visit = func(m *Model) {
		state[m] = open
		for _, r := range m.Relations {
			if !r.Eager || r.Target == nil {
				continue
			}
			path = append(path, r)
			switch state[r.Target] {
			case open:
				b.cycle(path)
			case 0:
				visit(r.Target)
			}
			path = path[:len(path)-1]
		}
		state[m] = done
	}
	for _, m := range b.models {
		if state[m] == 0 {
			visit(m)
		}
	}
}

// cycle reports the circle that the last relation of path closes.
func (b *builder) cycle(path []*Relation) {
	last := path[len(path)-1]
	start := slices.IndexFunc(path, func(r *Relation) bool { return r.Owner == last.Target })
	var steps []string
	for _, r := range path[start:] {
		steps = append(steps, r.Owner.Name+"."+r.Name)
	}
	b.rel(last.Owner, last, "eager relations go round in a circle: %s → %s; take eager from one of them",
		strings.Join(steps, " → "), last.Target.Name)
}

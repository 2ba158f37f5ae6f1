// Package schema holds models as plain data: fields, relations, indexes and
// the options of a model. It knows no database and no query.
//
// A [Model] is made from a Go struct ([FromStruct]) or from YAML ([ParseYAML])
// and becomes usable once a whole set of them has gone through [Build], which
// reports every fault of the set at once and resolves what models say of each
// other. After Build a Model is never changed and is safe for concurrent use.
package schema

import "reflect"

// Model is one declared entity.
type Model struct {
	Name        string // Go or YAML name: "Post"
	Table       string // "posts"
	Comment     string
	RenamedFrom string // the table's earlier name
	Version     int    // schema version of its documents; 1 when not given
	Kind        Kind
	KindReason  string // why Kind was chosen where it was not given; for people
	Scope       Scope
	Fields      []*Field
	Relations   []*Relation
	Counts      []*Count
	Indexes     []Index
	Sharding    *Sharding
	Pin         Pin
	Events      Events
	Cache       *Cache
	Seed        *Seed
	NeedsHooks  bool // the model has Go hooks: a process without them must not write it

	// Implicit is true for a join model that nobody declared and that a
	// many-to-many relation asked for by name (through=).
	Implicit bool

	// GoType is the struct the model was read from; nil for YAML. It is not
	// part of any encoding.
	GoType reflect.Type

	// What follows is filled by Build.

	Primary  []*Field // the key, in declared order; never empty after Build
	VersionF *Field   // the row version, nil where the model has none
	CreatedF *Field
	UpdatedF *Field
	OwnerF   *Field // the owner of a user-scoped row
	DeletedF *Field // soft delete mark

	fields    map[string]*Field // by Name and by GoName
	relations map[string]*Relation
	counts    map[string]*Count
	src       source
	set       *Set
}

// Set returns the set the model was built with, nil before Build.
func (m *Model) Set() *Set { return m.set }

// Field returns the field with that JSON name or Go name, or nil.
func (m *Model) Field(name string) *Field { return m.fields[name] }

// Relation returns the relation with that JSON name or Go name, or nil.
func (m *Model) Relation(name string) *Relation { return m.relations[name] }

// Count returns the count with that JSON name or Go name, or nil.
func (m *Model) Count(name string) *Count { return m.counts[name] }

// Field is one stored value of a model.
type Field struct {
	Name        string // lower-camel JSON name: "userId"
	GoName      string // "UserID"; empty for models from YAML
	Column      string // "user_id"
	Type        Type
	Size        int // of a string; 0 means the type's default (255), -1 unbounded
	Precision   int // of a decimal; 0 means 10
	Scale       int // of a decimal; meaningful when Precision is set, else 2
	Enum        []string
	DBType      string // the database's own type, as given (specificType)
	Nullable    bool
	Unsigned    bool
	Comment     string
	RenamedFrom string // the column's earlier name

	Primary     bool
	Auto        bool // the database hands out increasing integers
	Required    bool // an empty value is refused
	Unique      bool
	Index       bool
	IndexGlobal bool
	Search      bool
	Immutable   bool
	Encrypted   bool // stored as a ciphertext: see Set.Stored
	ReadOnly    bool
	Hidden      bool // never leaves the process (json:"-")
	Role        Role

	Default     *Default
	NanoID      bool   // filled with a nanoid when empty
	Validate    string // go-playground/validator tag
	Validator   string // name of a custom validation function
	Transform   string // name of a function applied on set
	References  *Reference
	EmbedPrefix string

	Pos     int   // position in Model.Fields; filled by Build
	GoIndex []int // path of the Go struct field; nil for YAML and hidden columns; not encoded
	GoBits  int   // of a number whose Go type holds less than Type: 8, 16 or 32; else 0; not encoded

	src source
}

// Decimals returns precision and scale of a decimal field with the defaults
// (10, 2) filled in.
func (f *Field) Decimals() (precision, scale int) {
	if f.Precision == 0 {
		return 10, 2
	}
	return f.Precision, f.Scale
}

// Count is a struct field that With fills with the number of rows that a
// has_many or many_to_many relation leads to (count=relation). It is not stored.
type Count struct {
	Name, GoName string
	Relation     string // its JSON name after Build
	Hidden       bool   // never leaves the process (json:"-")
	GoIndex      []int  // path of the Go struct field; nil for YAML; not encoded

	Of *Relation // what it counts; filled by Build

	src source
}

// Role marks the fields that Weft itself keeps.
type Role uint8

// The roles of fields.
const (
	RoleNone    Role = iota
	RoleVersion      // counts the row's changes
	RoleCreated
	RoleUpdated
	RoleOwner   // the user a row of a user-scoped model belongs to
	RoleDeleted // soft delete
)

// Default fills a field that was not given. Exactly one of its parts is set.
type Default struct {
	Value any    // a canonical value of the field's kind; a json.RawMessage for a JSON field
	Func  string // the name of a function registered in Options
	Now   bool   // the current time
}

// Reference is a foreign key of the database.
type Reference struct {
	Table, Column      string
	OnDelete, OnUpdate Action
}

// Action is what a foreign key does when the row it points to goes.
type Action string

// The actions; NoAction is the zero value.
const (
	NoAction   Action = ""
	Cascade    Action = "cascade"
	SetNull    Action = "set null"
	SetDefault Action = "set default"
	Restrict   Action = "restrict"
)

// Relation says how rows of one model belong to rows of another.
//
//   - belongs_to: From are fields of this model, To the key of the target.
//   - has_one, has_many: From is the key of this model, To fields of the target.
//   - many_to_many: From is the key of this model, To the key of the target,
//     ViaFrom and ViaTo the fields of Via that point at them.
//
// Without FK the fields that point have default names: <relation>Id on this
// model for belongs_to, <this model>Id on the target for has_one and has_many,
// <model>Id on the join model for both sides of many_to_many (where the join
// model's own belongs_to relations and foreign keys do not say otherwise); a key
// of several fields takes their names in place of Id. FK of a many-to-many names
// the fields that point at this model, or those and then the ones that point at
// the target. Without LK the key pointed at is the primary key.
type Relation struct {
	Name     string // "author"
	GoName   string // "Author"
	Kind     RelationKind
	Model    string   // the target's name
	FK       []string // as declared
	LK       []string // as declared
	Through  string   // the join model's name
	OnDelete Action
	OnUpdate Action

	// References asks for a foreign key of the database. OnDelete and OnUpdate
	// ask for one too.
	References bool
	Eager      bool
	Hidden     bool // never leaves the process (json:"-")

	GoIndex []int // path of the Go struct field; nil for YAML; not encoded

	// Filled by Build.
	Owner          *Model
	Target         *Model
	Via            *Model
	From, To       []*Field
	ViaFrom, ViaTo []*Field

	src source
}

// Enforced reports whether the database holds the relation too, by a foreign
// key. Those of a many-to-many are those of its join model.
func (r *Relation) Enforced() bool {
	return r.Kind != ManyToMany && (r.References || r.OnDelete != NoAction || r.OnUpdate != NoAction)
}

// Many reports whether the relation leads to a list of rows.
func (r *Relation) Many() bool { return r.Kind == HasMany || r.Kind == ManyToMany }

// RelationKind is one of the four kinds.
type RelationKind uint8

// The kinds of relations.
const (
	BelongsTo RelationKind = iota + 1
	HasOne
	HasMany
	ManyToMany
)

// Index of a table. Fields are JSON names (Go names are accepted by Build).
type Index struct {
	Fields []string
	Unique bool
	Name   string // made from table and columns where empty
	Where  string // condition of a partial index, in SQL
	Global bool
}

// Kind is the kind of store a model lives in.
type Kind string

// The kinds of store. The empty Kind asks Build to detect it from the fields.
const (
	DocStore Kind = "docstore"
	KeyValue Kind = "keyvalue"
	EventLog Kind = "eventlog" // append only: update and delete are errors
	Counter  Kind = "counter"
)

// Scope says whose rows a model holds.
type Scope string

// The scopes; the zero value is GlobalScope.
const (
	GlobalScope Scope = ""
	UserScope   Scope = "user"
)

// Sharding spreads a model's rows.
type Sharding struct {
	Strategy string   // hash, range or user
	Count    int      // number of shards
	Key      string   // field name
	Splits   []string // split points of a range
}

// Pin keeps copies of a model's rows as content-addressed blocks.
type Pin struct {
	Strategy PinStrategy
	Factor   int
}

// PinStrategy names how many copies are kept; empty means no pin.
type PinStrategy string

// The built-in strategies.
const (
	Fixed      PinStrategy = "fixed"
	Popularity PinStrategy = "popularity"
	Tiered     PinStrategy = "tiered"
)

// Events asks for a change on each channel when rows change.
type Events struct {
	On       EventMask
	Channels []string // templates: users/{userId}/posts
}

// EventMask is a set of events.
type EventMask uint8

// The events.
const (
	Created EventMask = 1 << iota
	Updated
	Deleted
)

// Cache gives a model's reads a time to live by default.
type Cache struct {
	TTL Duration
}

// Seed rows of a model, inserted or updated by Key.
type Seed struct {
	Key  string
	Rows []map[string]any
}

// Set is a group of models that refer only to each other. It is made by Build
// and never changed.
type Set struct {
	Models []*Model
	byName map[string]*Model
	stored *Set // see Stored; nil for one without encrypted fields
	soft   bool
}

// SoftDelete reports whether a model of the set has soft delete.
func (s *Set) SoftDelete() bool { return s.soft }

// Model returns the model with that name, or nil.
func (s *Set) Model(name string) *Model { return s.byName[name] }

// String is the kind as tags write it.
func (k RelationKind) String() string {
	switch k {
	case BelongsTo:
		return "belongs_to"
	case HasOne:
		return "has_one"
	case HasMany:
		return "has_many"
	case ManyToMany:
		return "many_to_many"
	}
	return "unknown"
}

package schema

// Options say of a model what struct tags cannot. A struct gives them by a
// method Weft() Options with a value receiver.
//
// Defaults, Transforms and Validators are keyed by field (JSON or Go name).
// A default function makes the value of a field that was not given. A
// transform changes a value on every write, before validation. A validator
// returns a message for a value it refuses and "" for one it accepts. They
// may be called from several goroutines at once.
type Options struct {
	Table       string
	Comment     string
	RenamedFrom string
	Version     int
	Kind        Kind
	Scope       Scope
	Owner       string // field that holds the owner of a user-scoped row; UserID or the tag owner where empty
	Sharding    *Sharding
	Pin         Pin
	Events      Events
	Cache       *Cache
	Indexes     []Index
	Seed        *Seed

	Defaults   map[string]func() any
	Transforms map[string]func(value any) any
	Validators map[string]func(value any) string
}

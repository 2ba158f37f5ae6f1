// Package weft is a data layer: models are declared once as Go structs, and the
// same code runs on one embedded file, on a database server or on a cluster.
//
//	type User struct {
//		weft.Model
//		Name  string `weft:"index"`
//		Posts []*Post `weft:"has_many,fk=UserID"`
//	}
//
//	db, err := weft.Open(sqlite.Open("app.db"), weft.Models(User{}, Post{}), weft.AutoMigrate())
//	users := weft.Repo[User](db)
//	err = users.Create(ctx, &User{Name: "Ada"})
//	list, err := users.Where("name", "starts with", "A").With("posts").All(ctx)
//
// A [DB] and its repositories are safe for concurrent use. Queries are values:
// each builder method returns a new one, and an error made while building
// surfaces at the terminal (All, First, Count, …).
package weft

import (
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// Engine runs operations; what sqlite.Open(path) and its like return. Nothing
// connects before [Open].
type Engine = op.Engine

// Layer is an engine around an engine; given to [With].
type Layer = op.Layer

// Options say of a model what struct tags cannot; a model returns them from a
// method Weft().
type Options = schema.Options

// Index is an index of a model's table, for Options.Indexes.
type Index = schema.Index

// Sharding spreads the rows of a model, for Options.Sharding.
type Sharding = schema.Sharding

// Pin keeps copies of a model's rows, for Options.Pin.
type Pin = schema.Pin

// Events asks for change events, for Options.Events.
type Events = schema.Events

// CacheOptions give the reads of a model a time to live, for Options.Cache.
type CacheOptions = schema.Cache

// Seed are rows that a model comes with, for Options.Seed.
type Seed = schema.Seed

// The scopes of a model.
const (
	GlobalScope = schema.GlobalScope
	UserScope   = schema.UserScope
)

// The kinds of store of a model.
const (
	DocStore = schema.DocStore
	KeyValue = schema.KeyValue
	EventLog = schema.EventLog
	Counter  = schema.Counter
)

// The pin strategies.
const (
	Fixed      = schema.Fixed
	Popularity = schema.Popularity
	Tiered     = schema.Tiered
)

// The events of a model; joined with |.
const (
	Created = schema.Created
	Updated = schema.Updated
	Deleted = schema.Deleted
)

// Direction is the direction of a sort.
type Direction bool

// The directions.
const (
	Asc  Direction = false
	Desc Direction = true
)

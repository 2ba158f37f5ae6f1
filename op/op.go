// Package op is the contract between everything that asks for data and
// everything that has it: an [Op] is what shall happen, an [Engine] makes it
// happen, a [Layer] is an engine around another engine.
package op

import (
	"context"
	"time"

	"github.com/weftdb/weft/schema"
)

// Engine runs operations. It is safe for concurrent use.
//
// Do runs one operation as one atomic step. It gives back an *[Error] (or an
// error that wraps one) when it fails, and then nothing has changed. The
// engine does not keep the operation after Do has returned and, for a find,
// after its Rows are closed; until then the caller must not change it.
//
// Values in an operation are canonical (see [Normalize]); engines may rely on
// that.
type Engine interface {
	Do(ctx context.Context, o Op) (Result, error)
	// Begin starts a transaction; on a Tx it starts a nested one (a savepoint).
	Begin(ctx context.Context, opts TxOptions) (Tx, error)
	Caps() Caps
	// Close waits for running operations and frees everything. Closing twice
	// is safe. After Close every call fails with ErrClosed.
	Close() error
}

// Tx is an engine whose operations are one transaction. It is used by one
// goroutine at a time. After Commit or Rollback every call fails; Rollback
// after Commit does nothing and returns nil.
type Tx interface {
	Engine
	Commit(ctx context.Context) error
	Rollback(ctx context.Context) error
}

// Layer wraps an engine. The engine it returns wraps Begin's Tx as well, so
// that the layer also holds inside transactions.
type Layer func(Engine) Engine

// TxOptions choose how a transaction runs. Transactions are serializable.
type TxOptions struct {
	ReadOnly bool
}

// Kind says what an operation does.
type Kind uint8

// The closed set of kinds.
const (
	Find      Kind = iota + 1 // Result.Rows
	Count                     // Result.N; ignores sort, limit and offset
	Aggregate                 // Result.Rows: one row a group: the GroupBy fields, the Aggs, the keys of Via
	Insert                    // Rows; Result.N, and Result.Rows when Returning
	Update                    // Set on the rows of Filter; Result.N, and Result.Rows when Returning
	Delete                    // the rows of Filter; Result.N, and Result.Rows (as they were; where they are marked, as marked) when Returning
	Upsert                    // Rows with Conflict; Result.N counts rows inserted or changed
	Increment                 // as Update; Set holds only increments
	Batch                     // Batch, atomic; Result.Batch
	Watch                     // changes as they happen; for engines with CapSubscriptions
	SQL                       // SQL and Args; Result.Rows or Result.N
	Migrate                   // Migration
	Backup                    // Result.Rows: one []byte a row, together a copy of the database
)

// Op is one operation: a plain value, encoded without loss by package wire,
// but for Sink and Instances, which stand beside it.
type Op struct {
	Kind  Kind
	ID    string // identity for safe retries; may be empty on engines in this process
	User  string // set by a user's handle: only rows of this owner exist for the operation
	Model *schema.Model

	// For models with soft delete (Model.DeletedF), whose rows layer validate
	// hides and marks; engines below it are given plain conditions and updates.
	// Related rows are not concerned, but by With.WithDeleted. Insert and Upsert
	// do not heed it.
	WithDeleted bool // rows that are marked deleted exist for the operation too; an Update may set the mark
	Purge       bool // Delete: takes the rows away instead of marking them

	Filter Cond // which rows; the zero Cond is all
	Using  Cond // merged into Filter by the engine: rows that do not hold do not exist
	Check  Cond // must hold for each row as written, else nothing is written and the code is FORBIDDEN

	// Find. The result's order is Sort; rows that Sort leaves equal come in any
	// order. After and Before are values of the Sort fields: rows strictly
	// beyond them in sort order, or strictly before them.
	Fields        []string // in this order; nil is all fields of the model; a find without a Sink takes columns over relations too
	Sort          []Sort
	Limit         int // 0 is none
	Offset        int
	After, Before []any
	Distinct      bool
	With          []With
	Via           *Via
	Lock          Lock

	// Aggregate. Names are those of columns (see Column).
	GroupBy []string
	Aggs    []Agg
	Having  Cond // over the result's columns: GroupBy names and Agg.As

	// Joins are the rows that columns over relations are of, for an aggregate and
	// a find: "customer.country" in GroupBy, Aggs, Fields or Sort (see Column).
	// Normalize fills them in, each after those it goes on from; layers add to
	// their filters.
	Joins []Join

	// Insert and Upsert: one value for each field of the model, in its order.
	// Unset stands for a value that was not given.
	Rows     [][]any
	Conflict *Conflict

	Set       []Assign // Update and Increment
	Quiet     bool     // Update: the rows mean what they meant, only how a value is stored changes; their version stays
	Returning bool     // rows as finally written, with Fields; of an insert or upsert in the order of Rows

	Guards []Guard
	Batch  []Op

	SQL  string // with ? for Args; with Returning its rows are wanted, else only N
	Args []any

	Migration *Migration

	Explain bool // do not run; Result.Plan says how it would

	// Beside the operation, never encoded.

	Sink      Sink      // takes the rows of Find and Returning
	Instances Instances // the Go values that an Insert or Update writes; hooks see them
}

// Unset is the value of a field that was not given in an insert.
type Unset struct{}

// Sort is one key of an order. NULL is smallest. Path leads into a JSON field.
// With Rank, which has no Field, rows are sorted by how well they fit the Match
// conditions of the filter (see [Rank]): with Desc the best come first.
type Sort struct {
	Field string
	Path  []string
	Desc  bool
	Rank  bool
}

// With asks for a relation of every row found, or for a count field (see
// schema.Count). In Result.Rows each With adds a value behind the fields and the
// keys of Via, in this order: a *Related for a relation, an int64 for a count.
// Of a count only Filter may be given, which says the rows that count.
type With struct {
	Relation string // or the name of a count field
	Filter   Cond
	Sort     []Sort
	Limit    int // per parent; 0 is none
	Offset   int // per parent
	Fields   []string
	With     []With

	WithDeleted bool // also rows that are marked deleted; the join model's stay hidden
}

// Related is what a relation led to, for rows without a Sink.
type Related struct {
	Model  *schema.Model
	Fields []string
	Rows   [][]any
}

// Via restricts a find to rows that a relation leads to from given parents.
// Op.Model is the relation's target. Each row of the result has the parent's
// key values behind its fields; a row related to two parents comes twice.
// Limit and Offset hold per parent, in the order of Op.Sort.
//
// An aggregate with Via has groups of its own for each parent: each row has the
// parent's key values behind the aggregates. A parent without rows has no
// group. It takes no limit or offset, of the whole or per parent.
type Via struct {
	Model    *schema.Model // owner of the relation
	Relation string
	Keys     [][]any // values of Relation.From, one set a parent, distinct, without NULL
	Limit    int
	Offset   int
	Join     Cond // on the rows of the relation's join model (many_to_many): others relate nothing
}

// Lock asks for row locks that last until the transaction ends.
type Lock uint8

// The locks. They need a transaction.
const (
	NoLock Lock = iota
	ForUpdate
	ForUpdateSkipLocked
	ForUpdateNoWait
	ForShare
)

// Agg is one aggregate over a group. NULLs are passed over, except by
// AggCount without a field, which counts rows. The sum of no values is NULL.
// An average is a sum and a count.
type Agg struct {
	Func  AggFunc
	Field string
	As    string
}

// AggFunc is an aggregate function.
type AggFunc uint8

// The aggregate functions. Sums of integers are int64 (an overflow is a
// VALIDATION_ERROR), of decimals decimals, of floats floats. AggCount with a
// field counts the values that are not NULL, AggCountDistinct the different ones.
const (
	AggCount AggFunc = iota + 1
	AggCountDistinct
	AggSum
	AggMin
	AggMax
)

// Conflict says what an upsert does with a row whose Fields exist already. A
// row that is marked deleted (Model.DeletedF) is none that exists; where its
// key stands in the way the upsert is a conflict.
//
// With Op.Returning there is a row for each of Op.Rows that was inserted or led
// to a change, in their order: one that two of them lead to comes twice, both
// times as it is in the end, and one that was left as it was does not come.
type Conflict struct {
	Fields []string // of a unique index or the key; nil is any
	Update []string // fields taken from the new row; none leaves the row as it is
	Set    []Assign // further changes of the row that exists
}

// Assign changes one field, or one place in a JSON field.
type Assign struct {
	Field string
	Path  []string
	Inc   bool // add Value (int64, float64 or decimal; NULL counts as 0) instead of replacing
	Value any
}

// Guard must hold when the operation or batch takes effect, in the same atomic
// step; otherwise nothing happens and the error is a *ConflictError with
// reason stale (GuardMust) or serialization (GuardSnapshot).
type Guard struct {
	Kind   GuardKind
	Model  *schema.Model
	Filter Cond

	Must Cond // GuardMust: every row of Filter holds this. No row is no conflict.

	Rows    int64 // GuardSnapshot: number of rows of Filter,
	Version int64 // and their highest version, 0 for none
}

// GuardKind is a kind of guard.
type GuardKind uint8

// The kinds of guards.
const (
	GuardMust GuardKind = iota + 1
	GuardSnapshot
)

// Migration brings the schema to Models, or only looks.
type Migration struct {
	Models *schema.Set
	// Apply creates what is missing and adds what can be added without loss.
	// Without it the engine only connects and checks that it can be used.
	Apply bool
}

// Result is what an operation gave. Rows must be closed.
type Result struct {
	Rows    Rows
	N       int64
	Columns []string // names of the columns of SQL
	Types   []string // of the same columns as declared, "" where one is not of a table; nil where the engine does not say
	LastID  int64    // of SQL that inserts, on SQLite: the rowid of the last row; 0 where the engine does not say
	Batch   []Result
	Plan    *Plan
}

// Rows is a stream of rows. It is used by one goroutine.
//
//	for rows.Next() { … rows.Row() … }
//	err := rows.Err()
//
// Next goes to the next row; with a Sink it delivers the row there. Row is
// valid until the next call of Next and nil with a Sink. Close may be called
// at any time and more than once; Next closes by itself at the end.
type Rows interface {
	Next() bool
	Row() []any
	Err() error
	Close() error
}

// Sink takes rows without a slice per row: the engine calls Begin, one setter
// for each column (Op.Fields, then the keys of Op.Via) and End. Values are
// canonical; bytes belong to the sink afterwards. The order of columns is that
// of the operation.
//
// The second half lets relations be read from, and attached to, rows that are
// already somebody's structs. Rows are counted from 0 in order of delivery.
type Sink interface {
	Begin()
	Null(col int)
	Int(col int, v int64)
	Float(col int, v float64)
	Bool(col int, v bool)
	Text(col int, v string)
	Bytes(col int, v []byte)
	Time(col int, v time.Time)
	Value(col int, v any) // decimal.Decimal, JSON, and what has no setter of its own
	End() error           // an error ends the operation with it

	Len() int
	Instance(row int) any                                       // the Go value of a row, for hooks; nil where rows are no Go values
	Get(row int, f *schema.Field) any                           // the canonical value of a field that was delivered
	Key(row int) []any                                          // the keys of Op.Via
	Child(r *schema.Relation, w *With) Sink                     // for rows of r.Target; its columns are w.Fields
	Attach(row int, r *schema.Relation, child Sink, rows []int) // rows of child, in order; none is "loaded and empty"
	Counted(row int, c *schema.Count, n int64) error            // a count field; an error ends the operation with it
}

// Instances are the Go values behind an insert or update.
type Instances interface {
	Len() int
	Instance(i int) any           // *T
	Load(i int, row []any) error  // the row's values into instance i; Unset leaves a field as it is
	Store(i int, row []any) error // the values of instance i into the row; leaves Unset what stays zero and was Unset
}

// Caps is what an engine can do.
type Caps struct {
	Engine string // "sqlite", "mem", …
	Flags  Flags
	Layers []string // names of the layers around the engine, outermost first; each layer adds its own
}

// Has reports whether all of f are there.
func (c Caps) Has(f Flags) bool { return c.Flags&f == f }

// Flags is a set of capabilities.
type Flags uint32

// The capabilities, named in errors and tools as in String.
const (
	CapTransactions Flags = 1 << iota
	CapNestedTransactions
	CapJoins
	CapFullTextSearch
	CapTTL
	CapJSONQueries
	CapAggregations
	CapRelations
	CapMigrations
	CapIntrospection
	CapReadReplicas
	CapSubscriptions
	CapSQL
	CapBackup
	CapUsers // keeps rows of a user together (placement)
	CapCache
	CapBuffer
)

// Plan tells how an operation would run.
type Plan struct {
	Engine string   `json:"engine"`
	SQL    []string `json:"sql,omitempty"`
	Args   []any    `json:"args,omitempty"`
	Index  []string `json:"index,omitempty"`  // indexes used
	Scan   []string `json:"scan,omitempty"`   // tables read whole
	Shards []string `json:"shards,omitempty"` // shards touched
	Cache  string   `json:"cache,omitempty"`
	Notes  []string `json:"notes,omitempty"`
	With   []*Plan  `json:"with,omitempty"` // one a relation
}

// Package validate is the layer that every write goes through: it brings
// operations into canonical form, keeps a user's handle to that user's rows,
// hides rows that are marked deleted and marks instead of deleting, fills defaults and generated values, runs hooks and transforms, and refuses
// what breaks a rule with every failing field named.
//
// The order for a row that is inserted: defaults and generated values,
// BeforeCreate, transforms, validation, the engine, AfterCreate. For an update:
// BeforeUpdate, transforms of the values set, validation of the values set,
// the engine, AfterUpdate.
package validate

import (
	"context"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// Options say where the layer takes functions, hooks, time and identities
// from. The zero value is ready for models without functions.
type Options struct {
	// Clock gives the time of created and updated fields and of defaults that
	// are now; nil is time.Now.
	Clock func() time.Time
	// NewID makes the key of a row whose primary key is a uuid; nil makes
	// UUIDv7.
	NewID func() string
	// NewNanoID makes the value of a nanoid field; nil makes 21 characters of
	// 0-9A-Za-z, or as many as the field's size says.
	NewNanoID func() string

	// Functions that models name, by the name the schema has for them. The
	// transforms trim, lower and upper are always there. Functions get and give
	// canonical values of the field (anything that op.CanonField accepts may
	// be given back) and may be called from several goroutines.
	Defaults   map[string]func() any
	Transforms map[string]func(value any) any
	Validators map[string]func(value any) string

	// Hooks gives the hooks of a model; nil, or a nil result, is none. It is
	// asked for every operation, and must give the same pointer as long as the
	// hooks are the same.
	Hooks func(m *schema.Model) *Hooks
}

// Hook runs before or after something happens to one row. It gets the
// instance, a pointer to the model's Go type.
type Hook = func(ctx context.Context, instance any) error

// Hooks of one model. Those of one list run in its order until one fails.
//
// An error of a hook ends the operation with nothing changed. It is in the
// chain of the error that comes back (errors.Is and errors.As hold). Its code
// is that of the hook's error where it has one; else VALIDATION_ERROR for
// before-hooks and INTERNAL_ERROR for after-hooks. A hook that panics is an
// INTERNAL_ERROR that names model and hook.
type Hooks struct {
	BeforeCreate, AfterCreate []Hook
	BeforeUpdate, AfterUpdate []Hook
	BeforeDelete, AfterDelete []Hook
	AfterFind                 []Hook

	// New makes n instances for rows that come without any: updates and
	// deletes by query, finds without a Sink, writes from other doors. It must
	// be set when any hook is. Load of a row of full width must set every field,
	// but for op.Unset.
	New func(n int) op.Instances
}

// New makes the layer. It also holds inside transactions.
//
// An insert with Instances has its rows filled in place: after Do the caller
// reads in Op.Rows what was handed to the engine. Without Instances the
// operation is left as it was.
//
// A *op.ValidationError of an insert has the index of the first row that
// failed; failures of further rows have theirs before the field: "[3].title".
//
// An operation that runs hooks around a write should come inside a
// transaction; outside of one, the layer begins one for the operation where
// the engine has them. Inside a transaction an error may come after something
// was written: who began it rolls it back, to a savepoint if it goes on.
//
// Rows of a model with soft delete (schema.Model.DeletedF) that are marked exist
// for operations with Op.WithDeleted only. A delete marks them by an update,
// which counts their version and sets the time of their update, unless it has
// Op.Purge; delete hooks run in both cases. The mark is set and taken away by
// operations with Op.WithDeleted alone, and may be given in an insert.
//
// Updates and deletes by query of a model with such hooks read the rows first.
// BeforeUpdate sees the instance with the new values in it, and what it changes
// further is written to that row alone. AfterUpdate and AfterCreate see the row
// as it was written, both delete hooks see it as it was. An upsert runs
// BeforeCreate for each row; AfterCreate when all rows were new and the upsert
// was to leave others as they are. AfterFind runs on the rows of finds, on the
// instance of a Sink that has them.
func New(o Options) op.Layer {
	l := newLayer(o)
	return func(next op.Engine) op.Engine { return &engine{layer: l, next: lower{l, next}} }
}

// Check reports every fault of the models that only this layer can see:
// functions that are named and not registered, validation tags that do not
// exist or do not fit their field, hooks without Hooks.New. The error is a
// *schema.Faults. A Migrate through the layer checks its models by itself; an
// operation on a model with faults fails with them.
func Check(o Options, set *schema.Set) error { return newLayer(o).check(set) }

// Rows validates rows of full width as an insert would, without running hooks
// or writing: defaults and generated values are filled and transforms run in
// place. user is Op.User.
func Rows(_ context.Context, o Options, m *schema.Model, user string, rows [][]any) error {
	return newLayer(o).rows(m, user, rows)
}

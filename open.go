package weft

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weftdb/weft/layer/encrypt"
	"github.com/weftdb/weft/layer/relate"
	"github.com/weftdb/weft/layer/validate"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// DB is an open database, or a transaction on it, or a user's view of it. It
// is safe for concurrent use; a transaction is used by one goroutine at a time.
type DB struct {
	core *core
	tx   *txState // nil outside a transaction
	user string   // set by User
	err  error    // why the handle is of no use
}

// unusable says why nothing can be done with the handle; nil when it can.
func (db *DB) unusable() error {
	if db == nil || db.core == nil {
		return invalid("the database is nil; weft.Open makes one")
	}
	return db.err
}

// core is what all handles of one open database share.
type core struct {
	eng      op.Engine // the whole chain
	base     op.Engine
	models   *schema.Set
	bindings map[*schema.Model]*binding
	byType   map[reflect.Type]*binding
	hooks    *hookTable
	rules    validate.Options
	clock    func() time.Time
	ring     *KeyRing
	sealed   op.Engine // below the layer that encrypts: rows as they are stored

	openTx atomic.Int64 // transactions under way
	txOn   sync.Map     // goroutine id → number of transactions whose function it runs
	closed atomic.Bool
}

// Option configures [Open].
type Option func(*config)

type config struct {
	models  []any
	migrate bool
	layers  []Layer
	clock   func() time.Time
	rings   []*KeyRing

	observers []observer
}

// Models registers models: structs or pointers to structs. The whole set is
// checked at once, and every fault is reported. A [schema.Model] that was read
// from elsewhere, such as YAML, may be among them; it has no repository and is
// reached through [DB.Engine].
func Models(models ...any) Option {
	return func(c *config) { c.models = append(c.models, models...) }
}

// AutoMigrate makes Open create missing tables, columns and indexes. It only
// adds: a change that could lose data is refused with an error that names it.
func AutoMigrate() Option { return func(c *config) { c.migrate = true } }

// With adds layers. Their order among each other is fixed by what they do, not
// by the order in which they are given.
func With(layers ...Layer) Option {
	return func(c *config) { c.layers = append(c.layers, layers...) }
}

// Clock replaces the clock that CreatedAt, UpdatedAt and time defaults are read
// from; time.Now by default.
func Clock(now func() time.Time) Option { return func(c *config) { c.clock = now } }

// engines that are open, so that one is not opened twice by mistake.
var engines sync.Map

// Open connects the engine, registers the models and, with AutoMigrate, brings
// the schema up to date. Close the database when done. When Open fails the
// engine is closed. An engine can be open once at a time; opening it again is
// an error, opening the same file with another engine is not.
func Open(e Engine, opts ...Option) (*DB, error) {
	if e == nil || (reflect.ValueOf(e).Kind() == reflect.Pointer && reflect.ValueOf(e).IsNil()) {
		return nil, invalid("open: the engine is nil; give one, such as sqlite.Open(\"app.db\")")
	}
	if !reflect.TypeOf(e).Comparable() {
		return nil, invalid("open: the engine is a %T, which cannot be told from others; give a pointer", e)
	}
	if _, again := engines.LoadOrStore(e, true); again {
		return nil, invalid("open: this engine is open already; make another one with sqlite.Open or its like")
	}
	db, err := open(e, opts)
	if err != nil {
		engines.Delete(e)
		var f *schema.Faults
		if errors.As(err, &f) {
			err = &op.Error{Code: op.CodeValidation, Message: err.Error(), Index: -1, Err: err}
		}
		return nil, errors.Join(fmt.Errorf("open: %w", err), ignoreClosed(e.Close()))
	}
	return db, nil
}

func ignoreClosed(err error) error {
	var e *op.Error
	if errors.As(err, &e) && e.Closed {
		return nil
	}
	return err
}

func open(e Engine, opts []Option) (*DB, error) {
	c := config{clock: time.Now}
	for _, o := range opts {
		if o == nil {
			return nil, invalid("an option is nil")
		}
		o(&c)
	}
	if c.clock == nil {
		return nil, invalid("the clock is nil")
	}
	k := &core{base: e, clock: c.clock, bindings: map[*schema.Model]*binding{}, byType: map[reflect.Type]*binding{}}
	if err := k.register(c.models); err != nil {
		return nil, err
	}
	k.functions()
	outer, inner, err := arrange(c.layers)
	if err != nil {
		return nil, err
	}
	eng := e
	if len(c.observers) > 0 {
		eng = observe(c.observers)(eng)
	}
	for _, l := range inner {
		eng = l(eng)
	}
	k.sealed = eng
	l, err := k.encryption(c.rings)
	if err != nil {
		return nil, err
	}
	if l != nil {
		eng = l(eng)
	}
	eng = validate.New(k.rules)(eng)
	for _, l := range outer {
		eng = l(eng)
	}
	k.eng = relate.New(relate.Options{})(eng)

	_, err = k.eng.Do(context.Background(), op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: k.models, Apply: c.migrate}})
	if err != nil {
		return nil, err
	}
	return &DB{core: k}, nil
}

// register reads the models and ties them to their structs.
func (k *core) register(values []any) error {
	var models []any
	var faults []error
	seen := map[reflect.Type]bool{}
	for _, v := range values {
		if v == nil {
			faults = append(faults, invalid("Models was given nil; give a struct, such as User{}"))
			continue
		}
		if m, ok := v.(*schema.Model); ok {
			if m == nil {
				faults = append(faults, invalid("Models was given a nil *schema.Model"))
				continue
			}
			models = append(models, m)
			continue
		}
		t := reflect.TypeOf(v)
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if seen[t] {
			continue
		}
		seen[t] = true
		models = append(models, v)
	}
	set, err := schema.BuildFrom(models...)
	if err := schema.JoinFaults(append(faults, err)...); err != nil {
		return invalid("%w", err)
	}
	k.models = set
	for _, m := range set.Models {
		if m.GoType == nil {
			continue
		}
		b, err := newBinding(k, m)
		if err != nil {
			return err
		}
		k.bindings[m], k.byType[b.typ] = b, b
	}
	return nil
}

// functions gathers hooks and the named functions of all models.
func (k *core) functions() {
	o := validate.Options{
		Clock:      k.clock,
		Defaults:   map[string]func() any{},
		Transforms: map[string]func(any) any{},
		Validators: map[string]func(any) string{},
	}
	k.hooks = newHookTable(k)
	for m, b := range k.bindings {
		opts := schema.OptionsOf(reflect.New(b.typ).Interface())
		for name, fn := range opts.Defaults {
			o.Defaults[m.Name+"."+m.Field(name).Name] = fn
		}
		for name, fn := range opts.Transforms {
			o.Transforms[m.Name+"."+m.Field(name).Name] = fn
		}
		for name, fn := range opts.Validators {
			o.Validators[m.Name+"."+m.Field(name).Name] = fn
		}
	}
	o.Hooks = k.hooks.of
	k.rules = o
}

// chain is the fixed order of layers, outermost first; relate comes before,
// validate stands where it is named, and encrypt right below it, so that caches
// hold ciphertexts. A layer that is not listed stands next to the engine.
var chain = []string{"limit", "audit", "access", "validate", "cache", "buffer", "events"}

// arrange sorts layers into their places around validate: those outside and
// those inside, each innermost first.
func arrange(layers []Layer) (outer, inner []Layer, err error) {
	type placed struct {
		l    Layer
		rank int
	}
	var all []placed
	seen := map[string]bool{}
	mid := slices.Index(chain, "validate")
	for _, l := range layers {
		if l == nil {
			return nil, nil, invalid("With was given a nil layer")
		}
		name, rank := "", len(chain)
		if names := l(nothing{}).Caps().Layers; len(names) > 0 {
			name = names[0]
		}
		if i := slices.Index(chain, name); i >= 0 {
			rank = i
		}
		switch name {
		case "relate", "validate":
			return nil, nil, invalid("the layer %s is always there; leave it out of With", name)
		case encrypt.Name:
			return nil, nil, invalid("the layer %s has its place by weft.Encrypt(ring); leave it out of With", name)
		}
		if name != "" && seen[name] {
			return nil, nil, invalid("the layer %s was given twice", name)
		}
		seen[name] = true
		all = append(all, placed{l, rank})
	}
	slices.SortStableFunc(all, func(a, b placed) int { return b.rank - a.rank })
	for _, p := range all {
		if p.rank < mid {
			outer = append(outer, p.l)
		} else {
			inner = append(inner, p.l)
		}
	}
	return outer, inner, nil
}

// nothing is the engine that a layer is put around to read its name.
type nothing struct{}

func (nothing) Do(context.Context, op.Op) (op.Result, error)       { return op.Result{}, op.ErrClosed() }
func (nothing) Begin(context.Context, op.TxOptions) (op.Tx, error) { return nil, op.ErrClosed() }
func (nothing) Caps() op.Caps                                      { return op.Caps{} }
func (nothing) Close() error                                       { return nil }

// Close waits for running operations and closes the engine. Closing twice is
// safe; every later call fails with an error that says the database is closed.
// Closing a transaction or a user's handle is an error, and so is closing from
// inside the function of a transaction, for which Close would wait.
func (db *DB) Close() error {
	switch {
	case db == nil || db.core == nil:
		return nil
	case db.tx != nil:
		return invalid("close: this is a transaction; it ends when its function returns")
	case db.user != "" || db.err != nil:
		return invalid("close: this is the handle of a user; close the database that Open gave")
	}
	if err := db.core.outside(); err != nil {
		return invalid("close: a transaction is running here, and Close would wait for it")
	}
	if db.core.closed.Swap(true) {
		return nil
	}
	err := db.core.eng.Close()
	engines.Delete(db.core.base)
	return err
}

// User returns a handle whose repositories see only that user's rows of
// user-scoped models, and fill in the owner. Models of global scope are not
// affected. An empty id is no user: every call on that handle is an error.
func (db *DB) User(id string) *DB {
	if err := db.unusable(); err != nil {
		return &DB{err: err}
	}
	n := *db
	n.user = id
	if id == "" {
		n.err = invalid("User was given an empty id; a handle without a user would see the rows of all")
	}
	return &n
}

// Engine returns the engine with all layers around it, for doors other than
// the typed API: what comes in through it passes the same validation, hooks
// and rules.
func (db *DB) Engine() Engine { return &door{db: db} }

// Schema returns the registered models.
func (db *DB) Schema() *schema.Set {
	if db == nil || db.core == nil {
		return &schema.Set{}
	}
	return db.core.models
}

// Backup writes a consistent copy of the database to w while it stays in use.
// Its format is the engine's own: for SQLite a database file.
func (db *DB) Backup(ctx context.Context, w io.Writer) error {
	if w == nil {
		return invalid("backup: the writer is nil")
	}
	res, err := db.do(ctx, &op.Op{Kind: op.Backup})
	if err != nil {
		return err
	}
	defer res.Rows.Close()
	for res.Rows.Next() {
		if _, err := w.Write(res.Rows.Row()[0].([]byte)); err != nil {
			return fmt.Errorf("backup: %w", err)
		}
	}
	return res.Rows.Err()
}

// defaults makes a row with the model's defaults; op.Unset where there is none.
func (k *core) defaults(m *schema.Model) []any {
	row := make([]any, len(m.Fields))
	for i, f := range m.Fields {
		row[i] = op.Unset{}
		d := f.Default
		switch {
		case d == nil:
		case d.Now:
			row[i] = k.clock().UTC().Truncate(time.Microsecond)
		case d.Func == "":
			if v, err := op.CanonField(f, d.Value); err == nil {
				row[i] = v
			}
		case k.rules.Defaults[d.Func] != nil:
			if v, err := op.CanonField(f, k.rules.Defaults[d.Func]()); err == nil {
				row[i] = v
			}
		}
	}
	return row
}

// validate checks one row as an insert would.
func (k *core) validate(ctx context.Context, m *schema.Model, user string, row []any) error {
	return validate.Rows(ctx, k.rules, m, user, [][]any{row})
}

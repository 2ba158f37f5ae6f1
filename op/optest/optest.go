// Package optest is the conformance suite of op.Engine. Every engine, every
// stack of layers and every router runs it:
//
//	func TestSuite(t *testing.T) { optest.Run(t, factory) }
//	func TestDifferential(t *testing.T) { optest.Differential(t, factory, 0) }
//
// Run checks what the contract says, one subtest a promise. Differential runs
// random operations on the engine and on op/mem and compares every answer.
// Engines are handed canonical operations with complete rows, so that it makes
// no difference whether validation stands above them.
package optest

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weftdb/weft/internal/leak"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// Factory opens the engine under test.
type Factory struct {
	// Name names the engine in messages.
	Name string

	// Open gives a fresh engine with empty tables for the models. It registers
	// what closes and removes it with t.Cleanup; the suite may close it before.
	Open func(t testing.TB, models *schema.Set) op.Engine

	// Reopen opens again what an engine given by Open held, after that engine
	// was closed. Nil means that nothing survives Close.
	Reopen func(t testing.TB, models *schema.Set, closed op.Engine) op.Engine

	// Caps are capabilities that the engine must report. Whatever else it
	// reports is tested too; what it does not report must be refused.
	Caps op.Flags

	// Relate says that the stack loads relations (Op.With).
	Relate bool

	// Hides says that the stack hides rows that are marked deleted and that its
	// deletes mark them, as layer validate does.
	Hides bool

	// Encrypts says that the stack keeps models with encrypted fields. Its
	// models are then those of Secrets.
	Encrypts bool
}

// models are those that the engine is opened with.
func (f Factory) models() *schema.Set {
	if f.Encrypts {
		return Secrets()
	}
	return Models()
}

// group is one file of the suite.
type group struct {
	name string
	run  func(s *suite, t *testing.T)
}

func groups() []group {
	return []group{
		{"capabilities", testCapabilities},
		{"find", testFind},
		{"operators", testOperators},
		{"search", testSearch},
		{"text", testText},
		{"numbers", testNumbers},
		{"json", testJSON},
		{"sort", testSort},
		{"page", testPage},
		{"via", testVia},
		{"has", testHas},
		{"with", testWith},
		{"soft delete", testSoft},
		{"hidden", testHidden},
		{"aggregate", testAggregate},
		{"aggregate via", testAggregateVia},
		{"columns", testColumns},
		{"insert", testInsert},
		{"update", testUpdate},
		{"delete", testDelete},
		{"upsert", testUpsert},
		{"increment", testIncrement},
		{"conflict", testConflict},
		{"access", testAccess},
		{"guard", testGuard},
		{"encrypted", testEncrypted},
		{"batch", testBatch},
		{"transaction", testTx},
		{"serializable", testSerializable},
		{"concurrency", testConcurrency},
		{"context", testContext},
		{"stream", testStream},
		{"explain", testExplain},
		{"close", testClose},
	}
}

// Run runs the whole suite as subtests of t and fails when a goroutine is
// left behind.
func Run(t *testing.T, f Factory) {
	before := goleak.IgnoreCurrent()
	s := &suite{f: f, models: f.models()}
	for _, g := range groups() {
		t.Run(g.name, func(t *testing.T) { g.run(s, t) })
	}
	if err := leak.Find(before); err != nil {
		t.Errorf("%s leaves goroutines behind: %v", f.Name, err)
	}
}

type suite struct {
	f      Factory
	models *schema.Set
}

// run opens a fresh database for one subtest.
func (s *suite) run(t *testing.T, name string, fn func(d *db)) {
	t.Run(name, func(t *testing.T) { fn(s.open(t)) })
}

// open gives a fresh database.
func (s *suite) open(t *testing.T) *db {
	t.Helper()
	eng := s.f.Open(t, s.models)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return &db{T: t, s: s, eng: eng, ctx: ctx}
}

// patience is how long anything in the suite may take before it counts as hung.
const patience = 5 * time.Minute

// db is one database under test, or a transaction on it.
type db struct {
	*testing.T
	s   *suite
	eng op.Engine
	ctx context.Context
}

// sub runs a subtest on the same database.
func (d *db) sub(name string, fn func(d *db)) {
	d.T.Run(name, func(t *testing.T) {
		c := *d
		c.T = t
		fn(&c)
	})
}

// on is the same database asked through another engine, a transaction.
func (d *db) on(e op.Engine) *db {
	c := *d
	c.eng = e
	return &c
}

// within is the same database asked with another context.
func (d *db) within(ctx context.Context) *db {
	c := *d
	c.ctx = ctx
	return &c
}

func (d *db) has(f op.Flags) bool { return d.eng.Caps().Has(f) }

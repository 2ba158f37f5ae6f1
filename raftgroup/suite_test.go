package raftgroup

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/layer/encrypt"
	"github.com/weftdb/weft/layer/fault"
	"github.com/weftdb/weft/layer/relate"
	"github.com/weftdb/weft/layer/validate"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/optest"
	"github.com/weftdb/weft/schema"
)

// migrated brings a group's tables to the models.
func migrated(t testing.TB, e op.Engine, models *schema.Set) {
	t.Helper()
	_, err := e.Do(context.Background(), op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: models, Apply: true}})
	if err != nil {
		t.Fatalf("migrate: %v", err)
	}
}

// layers is what is around an engine.
type layers func(op.Engine) op.Engine

func plain(e op.Engine) op.Engine { return e }

// without is a group on one file, without raft.
func without(around layers) optest.Factory {
	return optest.Factory{
		Name: "group without raft",
		Caps: door.Flags,
		Open: func(t testing.TB, models *schema.Set) op.Engine {
			g, _ := single(t, Config{})
			e := around(g)
			migrated(t, e, models)
			return e
		},
	}
}

// A group can do the same wherever it is asked.
func TestCaps(t *testing.T) {
	g, _ := single(t, Config{})
	if here, there := g.Caps(), (&door.Remote{}).Caps(); !reflect.DeepEqual(here, there) || here.Flags != door.Flags {
		t.Errorf("a copy says %+v, the way to it %+v", here, there)
	}
}

func TestSuiteWithoutRaft(t *testing.T) {
	if !long() {
		return
	}
	optest.Run(t, without(plain))
}

// TestSuiteRunAgain runs every transaction again before each of its operations.
func TestSuiteRunAgain(t *testing.T) {
	if !long() {
		return
	}
	f := without(plain)
	open := f.Open
	f.Open = func(t testing.TB, models *schema.Set) op.Engine {
		g := open(t, models).(*Group)
		g.scratch.keep = -1
		return g
	}
	optest.Run(t, f)
}

func TestDifferentialWithoutRaft(t *testing.T) {
	if !long() {
		return
	}
	optest.Differential(t, without(plain), 0)
}

// on is a group on some nodes, asked through the leader or a follower. One
// cluster serves the suite: it is emptied for each test. Only the tests of
// closing, which come last, have clusters of their own.
func on(t *testing.T, nodes int, follower bool, around layers) optest.Factory {
	shared := newCluster(t, nodes, calm())
	var made *schema.Set // what its tables are of
	var tables string
	return optest.Factory{
		Name: "group",
		Caps: door.Flags,
		Open: func(tt testing.TB, models *schema.Set) op.Engine {
			c := shared
			if strings.Contains(tt.Name(), "/close/") {
				if err := shared.close(); err != nil {
					tt.Error(err)
				}
				c = newCluster(tt, nodes, calm())
			}
			lead := c.leader(tt).g
			switch {
			case c != shared:
				migrated(tt, around(lead), models)
			case made != models || tables != layout(tt, lead):
				empty(tt, lead)
				migrated(tt, around(lead), models)
				made, tables = models, layout(tt, lead)
			default:
				wipe(tt, lead)
			}
			g := lead
			if follower {
				g = c.follower(tt).g
			}
			if c != shared {
				return around(g)
			}
			return around(&lent{Group: g})
		},
	}
}

// lent is a group that stays open when it is closed.
type lent struct {
	*Group
	closed atomic.Bool
}

func (l *lent) Do(ctx context.Context, o op.Op) (op.Result, error) {
	if l.closed.Load() {
		return op.Result{}, op.ErrClosed()
	}
	return l.Group.Do(ctx, o)
}

func (l *lent) Begin(ctx context.Context, opts op.TxOptions) (op.Tx, error) {
	if l.closed.Load() {
		return nil, op.ErrClosed()
	}
	return l.Group.Begin(ctx, opts)
}

func (l *lent) Close() error {
	l.closed.Store(true)
	return nil
}

// ask gives the rows of a query, as text.
func ask(t testing.TB, g *Group, text string) [][]string {
	t.Helper()
	answers, err := g.Run(context.Background(), door.Request{Statements: []door.Statement{{SQL: text}}})
	if err == nil {
		err = answers[0].Err
	}
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for _, row := range answers[0].Rows {
		var texts []string
		for _, v := range row {
			texts = append(texts, fmt.Sprint(v))
		}
		rows = append(rows, texts)
	}
	return rows
}

// layout is all that tables are of.
func layout(t testing.TB, g *Group) string {
	t.Helper()
	return fmt.Sprint(ask(t, g, "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name"))
}

// empty drops all tables but the group's own.
func empty(t testing.TB, g *Group) {
	t.Helper()
	var list []recorded
	for _, row := range ask(t, g, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'weft_group%' AND name NOT LIKE 'sqlite_%' ORDER BY rootpage = 0 DESC, name") {
		list = append(list, recorded{sql: `DROP TABLE IF EXISTS "` + row[0] + `"`})
	}
	carry(t, g, list)
}

// wipe deletes the rows of all tables but those that begin with weft_. What is
// searched follows by triggers.
func wipe(t testing.TB, g *Group) {
	t.Helper()
	var list []recorded
	for _, row := range ask(t, g, "PRAGMA table_list") {
		if schema, name, kind := row[0], row[1], row[2]; schema == "main" && kind == "table" &&
			!strings.HasPrefix(name, "weft_") && !strings.HasPrefix(name, "sqlite_") {
			list = append(list, recorded{sql: `DELETE FROM "` + name + `"`})
		}
	}
	if len(ask(t, g, "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'")) > 0 {
		list = append(list, recorded{sql: "DELETE FROM sqlite_sequence"})
	}
	carry(t, g, list)
}

// carry has all nodes run statements of the system, without foreign keys.
func carry(t testing.TB, g *Group, list []recorded) {
	t.Helper()
	if len(list) == 0 {
		return
	}
	c := &call{m: member{kind: memberSQL}, alone: true}
	var err error
	if c.m.body, err = encodeSystem(list, true); err != nil {
		t.Fatal(err)
	}
	out, err := g.gather.submit(context.Background(), c)
	if err == nil {
		err = out.err
	}
	for _, a := range out.answers {
		if err == nil {
			err = a.Err
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// long reports whether suites run that add little to the others: what they run
// on one node, or on a file, the others run on three nodes. WEFT_LONG, which may
// be any time, says so.
func long() bool { return os.Getenv("WEFT_LONG") != "" }

func TestSuiteOneNode(t *testing.T) {
	if !long() {
		return
	}
	optest.Run(t, on(t, 1, false, plain))
}

func TestSuiteLeader(t *testing.T) { optest.Run(t, on(t, 3, false, plain)) }

func TestSuiteFollower(t *testing.T) { optest.Run(t, on(t, 3, true, plain)) }

func TestDifferentialLeader(t *testing.T) {
	if !long() {
		return
	}
	optest.Differential(t, on(t, 3, false, plain), 0)
}

func TestDifferentialFollower(t *testing.T) { optest.Differential(t, on(t, 3, true, plain), 0) }

// all gives every layer, as they stand in an application.
func all(t *testing.T) layers {
	ring, err := encrypt.NewKeyRing(encrypt.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	return func(e op.Engine) op.Engine {
		faults, _ := fault.New(fault.Options{})
		inner := encrypt.New(encrypt.Options{Ring: ring})(faults(e))
		return relate.New(relate.Options{})(validate.New(validate.Options{})(inner))
	}
}

// stacked says what a factory with all layers can do.
func stacked(f optest.Factory) optest.Factory {
	f.Name, f.Relate, f.Hides, f.Encrypts = "relate(validate(encrypt(fault("+f.Name+"))))", true, true, true
	return f
}

func TestStackedSuite(t *testing.T) { optest.Run(t, stacked(on(t, 3, true, all(t)))) }

func TestStackedWithoutRaft(t *testing.T) {
	if !long() {
		return
	}
	optest.Run(t, stacked(without(all(t))))
}

func TestStackedDifferential(t *testing.T) {
	if !long() {
		return
	}
	optest.Differential(t, stacked(on(t, 3, false, all(t))), 0)
}

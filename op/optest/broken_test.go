package optest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/mem"
	"github.com/weftdb/weft/schema"
)

// broken is the reference engine with one fault. These tests test the suite:
// it must find every one of them.
type broken struct {
	op.Engine
	fault string
}

func (b *broken) Do(ctx context.Context, o op.Op) (op.Result, error) {
	switch {
	case b.fault == "offset" && o.Kind == op.Find:
		o.Offset = 0
	case b.fault == "like" && o.Kind != op.Insert:
		o.Filter = swap(o.Filter, op.Like, op.StartsWith)
	case b.fault == "not in" && o.Kind != op.Insert:
		o.Filter = withoutNull(o.Filter)
	case b.fault == "phrase":
		o.Filter = unquoted(o.Filter)
	case b.fault == "rank" && len(o.Sort) > 0 && o.Sort[0].Rank:
		o.Sort = o.Sort[1:]
	case b.fault == "using":
		o.Using = op.Cond{}
	case b.fault == "check":
		o.Check = op.Cond{}
	case b.fault == "guard":
		o.Guards = nil
	case b.fault == "via limit" && o.Via != nil && o.Via.Limit > 0:
		v := *o.Via
		v.Limit++
		o.Via = &v
	case b.fault == "upsert order" && o.Kind == op.Upsert:
		o.Rows = slices.Clone(o.Rows)
		slices.Reverse(o.Rows)
	case b.fault == "distinct":
		o.Distinct = false
	case b.fault == "join":
		o.Filter = withoutJoin(o.Filter)
		if o.Via != nil {
			v := *o.Via
			v.Join = op.Cond{}
			o.Via = &v
		}
	case b.fault == "deleted":
		res, err := b.Engine.Do(ctx, o)
		var c *op.ConflictError
		if errors.As(err, &c) {
			c.Deleted = false
		}
		return res, err
	case b.fault == "having":
		o.Having = op.Cond{}
	case b.fault == "order" && len(o.Sort) > 1:
		o.Sort = o.Sort[:1]
	case b.fault == "cursor" && len(o.After) > 0:
		o.Filter = op.AllOf(o.Filter, op.Cmp(o.Sort[0].Field, op.NotNull, nil))
	case b.fault == "cancelled":
		ctx = context.WithoutCancel(ctx)
	case b.fault == "leak":
		go func() { <-make(chan int) }()
	case b.fault == "batch" && o.Kind == op.Batch:
		res := op.Result{}
		for i := range o.Batch {
			r, err := b.Do(ctx, o.Batch[i])
			if err != nil {
				return op.Result{}, op.InBatch(i, err)
			}
			res.Batch = append(res.Batch, r)
		}
		return res, nil
	case b.fault == "many" && o.Kind == op.Insert && len(o.Rows) > 1 && !o.Returning && o.Guards == nil:
		rows := o.Rows
		for i := range rows {
			o.Rows = rows[i : i+1]
			if _, err := b.Engine.Do(ctx, o); err != nil {
				return op.Result{}, err
			}
		}
		return op.Result{N: int64(len(rows))}, nil
	}
	return b.Engine.Do(ctx, o)
}

func (b *broken) Begin(ctx context.Context, opts op.TxOptions) (op.Tx, error) {
	switch b.fault {
	case "isolation": // operations go straight to the database
		return openTx{b}, nil
	case "rollback":
		tx, err := b.Engine.Begin(ctx, opts)
		return committing{tx}, err
	}
	return b.Engine.Begin(ctx, opts)
}

type openTx struct{ op.Engine }

func (openTx) Commit(context.Context) error   { return nil }
func (openTx) Rollback(context.Context) error { return nil }
func (openTx) Close() error                   { return nil }

type committing struct{ op.Tx }

func (c committing) Rollback(ctx context.Context) error {
	_ = c.Commit(ctx) // that is the fault
	return nil
}

// change applies fn to every comparison of a condition.
func change(c op.Cond, fn func(op.Cond) op.Cond) op.Cond {
	if c.Kind == op.Compare {
		return fn(c)
	}
	conds := make([]op.Cond, len(c.Conds))
	for i, x := range c.Conds {
		conds[i] = change(x, fn)
	}
	c.Conds = conds
	return c
}

func swap(c op.Cond, from, into op.Operator) op.Cond {
	return change(c, func(c op.Cond) op.Cond {
		if c.Op == from {
			c.Op = into
		}
		return c
	})
}

// withoutNull makes not in as SQL has it: never true of NULL.
func withoutNull(c op.Cond) op.Cond {
	return change(c, func(c op.Cond) op.Cond {
		if c.Op == op.NotIn {
			return and(c, op.Cond{Kind: op.Compare, Field: c.Field, Path: c.Path, Op: op.NotNull})
		}
		return c
	})
}

func withoutJoin(c op.Cond) op.Cond {
	conds := make([]op.Cond, len(c.Conds))
	for i, x := range c.Conds {
		conds[i] = withoutJoin(x)
	}
	c.Conds, c.Join = conds, nil
	return c
}

// unquoted makes words of every phrase.
func unquoted(c op.Cond) op.Cond {
	if words, ok := c.Value.(string); ok && c.Kind == op.Match {
		c.Value = strings.ReplaceAll(words, `"`, " ")
	}
	conds := make([]op.Cond, len(c.Conds))
	for i, x := range c.Conds {
		conds[i] = unquoted(x)
	}
	c.Conds = conds
	return c
}

func brokenFactory(fault string) Factory {
	return Factory{Name: "mem with a fault in " + fault, Open: func(t testing.TB, models *schema.Set) op.Engine {
		e := mem.Open()
		t.Cleanup(func() { _ = e.Close() })
		return &broken{Engine: e, fault: fault}
	}}
}

func TestDifferentialFindsFaults(t *testing.T) {
	for _, fault := range []string{"offset", "like", "not in", "using", "check", "guard", "via limit", "distinct", "having", "order", "cursor", "batch", "many", "rollback", "join", "deleted", "phrase", "rank"} {
		t.Run(fault, func(t *testing.T) {
			r := &runner{t: t, s: &suite{f: brokenFactory(fault), models: Models()}}
			var bad *mismatch
			// Some take a hundred programs, so that one round misses them now and then.
			for round := range uint64(20) {
				if bad != nil {
					break
				}
				check(t, 200, uint64(Seed())+round*1_000_003, func(rt *rapid.T) {
					if bad != nil {
						return
					}
					r.programs++
					prog := newGen(rt, r.s.models, r.programs, true).program(programLength)
					if bad = r.play(prog, nil); bad != nil {
						bad.prog = prog
					}
				})
			}
			if bad == nil {
				t.Fatalf("%d operations did not show it", r.ops)
			}
			short := r.shrink(bad, time.Hour) // to the end, however slow the machine is
			if len(short.prog) > 12 {
				t.Errorf("the shortest program found has %d steps", len(short.prog))
			}
			t.Logf("found in program %d; %d steps, then: %s\n%s", r.programs, len(short.prog), short.why, short.prog[short.at])
		})
	}
}

const faultVariable = "OPTEST_FAULT"

// TestBroken is run by TestSuiteFindsFaults in a process of its own and fails there.
func TestBroken(t *testing.T) {
	if fault := os.Getenv(faultVariable); fault != "" {
		Run(t, brokenFactory(fault))
	}
}

func TestSuiteFindsFaults(t *testing.T) {
	for fault, where := range map[string]string{
		"isolation": "serializable/lost update|serializable/write skew|serializable/phantom|serializable/read skew|serializable/a read-only",
		"batch":     "batch/leaves nothing", "many": "insert/many are written", "rollback": "transaction/rollback undoes",
		"cancelled": "context/ended before", "leak": "find/empty table", "offset": "page/limit and offset",
		"like": "text/like folds", "not in": "operators/null", "using": "access/using", "check": "access/check holds",
		"guard": "guard/the version check", "via limit": "via/limit and offset", "distinct": "find/distinct",
		"phrase": "search/words, phrases", "rank": "search/by relevance",
		"upsert order": "upsert/returning in the order",
		"having":       "aggregate/having", "order": "sort/several", "cursor": "page/after and before",
		"join": "soft delete/conditions on", "deleted": "soft delete/the key of|soft delete/an upsert by the key",
	} {
		for _, test := range strings.Split(where, "|") {
			t.Run(fault+" in "+test, func(t *testing.T) {
				cmd := exec.Command(os.Args[0], "-test.run=^TestBroken$/"+strings.ReplaceAll(test, " ", "_"), "-test.timeout=10m")
				cmd.Env = append(os.Environ(), faultVariable+"="+fault)
				out, err := cmd.CombinedOutput()
				if err == nil || !strings.Contains(string(out), "--- FAIL: TestBroken") {
					t.Errorf("the suite does not find it: %v\n%s", err, out)
				}
			})
		}
	}
}

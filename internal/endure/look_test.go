package endure

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weftdb/weft"
)

// looks is a context that ends when it is looked at for the n-th time, so that
// a cancel can come at each moment that there is.
type looks struct {
	context.Context
	left atomic.Int64
	once sync.Once
	done chan struct{}
}

func newLooks(ctx context.Context, n int64) *looks {
	l := &looks{Context: ctx, done: make(chan struct{})}
	l.left.Store(n)
	return l
}

func (l *looks) Done() <-chan struct{} { return l.done }

func (l *looks) Err() error {
	if l.left.Add(-1) < 0 {
		l.once.Do(func() { close(l.done) })
		return context.Canceled
	}
	return nil
}

// A cancel at every moment of a write: it happened and was acknowledged, or it
// did not happen and says so, and the next one finds nothing left over.
func TestCancelAtEveryLook(t *testing.T) {
	r := random(t)
	ctx := t.Context()
	db := open(t, file(t))
	entries := weft.Repo[Entry](db)
	row := &Tally{Name: "x"}
	must(t, weft.Repo[Tally](db).Create(ctx, row))
	var rows, bumps int64
	cancelled := 0
	rounds := 20_000
	if raced {
		rounds = 2_000
	}
	for i := range rounds {
		var added, bumped int64
		l := newLooks(ctx, r.Int64N(30))
		var err error
		switch i % 6 {
		case 0:
			added, err = 1, entries.Create(l, &Entry{Kind: "single"})
		case 1:
			added, err = 3, entries.CreateMany(l, []*Entry{{Kind: "a"}, {Kind: "b"}, {Kind: "c"}})
		case 2:
			bumped = 1
			_, err = weft.Repo[Tally](db).Update(l, row.ID, weft.Set{"n": weft.Inc(1)})
		case 3:
			added, bumped = 1, 1
			err = db.InTx(l, func(ctx context.Context) error {
				if err := entries.Create(ctx, &Entry{Kind: "single"}); err != nil {
					return err
				}
				return weft.From(ctx).InTx(ctx, func(ctx context.Context) error {
					_, err := weft.Repo[Tally](db).Update(ctx, row.ID, weft.Set{"n": weft.Inc(1)})
					return err
				})
			})
		case 4:
			bumped = 1
			_, err = db.Exec(l, "UPDATE tallies SET n = n + 1")
		case 5:
			added, err = 1, db.InTx(l, func(ctx context.Context) error {
				// A nested one may fail alone.
				err := weft.From(ctx).InTx(ctx, func(ctx context.Context) error {
					_, err := weft.Repo[Tally](db).Update(ctx, row.ID, weft.Set{"n": 1_000_000})
					return errors.Join(err, errors.New("mine"))
				})
				if err == nil {
					return errors.New("no error")
				}
				return entries.Create(context.WithoutCancel(ctx), &Entry{Kind: "single"})
			})
		}
		kind, how := i%6, err
		switch {
		case err == nil:
			rows, bumps = rows+added, bumps+bumped
		case errors.Is(err, weft.ErrCancelled) && errors.Is(err, context.Canceled):
			cancelled++
		case kind == 5 && errors.Is(err, weft.ErrDatabase) && strings.Contains(err.Error(), "rolled back"):
			cancelled++ // SQLite takes all of a transaction back when a write in it is interrupted
		default:
			t.Fatalf("write %d of kind %d ended with %v (%s)", i, kind, err, weft.CodeOf(err))
		}
		if i%10 == 9 || err != nil {
			n, err := entries.Count(ctx)
			must(t, err)
			equal(t, fmt.Sprintf("rows after write %d of kind %d, which ended with %v", i, kind, how), n, rows)
			now, err := weft.Repo[Tally](db).Find(ctx, row.ID)
			must(t, err)
			equal(t, fmt.Sprintf("changes after write %d of kind %d, which ended with %v", i, kind, how), now.N, bumps)
		}
	}
	t.Logf("%d writes, %d of them cancelled", rounds, cancelled)
	sound(t, db)
}

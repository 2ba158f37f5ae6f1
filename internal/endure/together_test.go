package endure

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// Many processes and engines that open one new file at once agree on who
// makes the tables.
func TestOpenTogether(t *testing.T) {
	path := file(t)
	list := make([]*child, 4)
	for i := range list {
		list[i] = start(t, "migrate", path)
	}
	var wg sync.WaitGroup
	dbs := make([]*weft.DB, 4)
	for i := range dbs {
		wg.Go(func() {
			var err error
			if dbs[i], err = weft.Open(sqlite.Open(path), allModels(), weft.AutoMigrate()); err != nil {
				t.Error(err)
				return
			}
			if err := weft.Repo[Entry](dbs[i]).Create(context.Background(), &Entry{Kind: "single"}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, c := range list {
		c.end(t)
	}
	for _, db := range dbs {
		if db == nil {
			continue
		}
		n, err := weft.Repo[Entry](db).Count(t.Context())
		must(t, err)
		equal(t, "rows", n, int64(len(dbs)+len(list)))
		must(t, db.Close())
	}
}

func migrateChild(args []string) error {
	db, err := weft.Open(sqlite.Open(args[0]), allModels(), weft.AutoMigrate())
	if err != nil {
		return err
	}
	err = weft.Repo[Entry](db).Create(context.Background(), &Entry{Kind: "single"})
	return errors.Join(err, db.Close())
}

// Somebody who writes now and then gets his turn on a file that another engine
// writes to all the time.
func TestOneAmongMany(t *testing.T) {
	ctx := t.Context()
	path := file(t)
	busy := open(t, path)
	stock(t, busy)
	calm := open(t, path)
	until := time.Now().Add(long(1500 * time.Millisecond))
	ids, err := weft.Repo[Tally](busy).All(ctx)
	must(t, err)
	var wg sync.WaitGroup
	var writes atomic.Int64
	for i := range 8 {
		wg.Go(func() {
			for time.Now().Before(until) {
				err := busy.InTx(ctx, func(ctx context.Context) error {
					for j := range 20 {
						if _, err := weft.Repo[Tally](busy).Update(ctx, ids[(i+j)%len(ids)].ID, weft.Set{"n": weft.Inc(1)}); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Error(err)
					return
				}
				writes.Add(1)
			}
		})
	}
	n, longest := 0, time.Duration(0)
	for time.Now().Before(until) {
		begun := time.Now()
		must(t, weft.Repo[Entry](calm).Create(ctx, &Entry{Kind: "single"}))
		longest = max(longest, time.Since(begun))
		n++
	}
	wg.Wait()
	t.Logf("%d transactions on one side, %d writes on the other, which waited at most %v", writes.Load(), n, longest.Round(time.Millisecond))
}

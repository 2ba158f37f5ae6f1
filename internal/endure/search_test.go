package endure

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// Writers hand a word from row to row while others search: at every moment one
// row has it, in one of its two fields.
func TestSearchWhileWriting(t *testing.T) {
	const rows, moves = 20, 30
	ctx := t.Context()
	db, err := weft.Open(sqlite.Open(t.TempDir()+"/words.db"), allModels(), weft.AutoMigrate())
	must(t, err)
	defer func() { must(t, db.Close()) }()
	var ids []string
	for i := range rows {
		w := &Word{Text: "common", More: fmt.Sprint("row ", i)}
		if i == 0 {
			w.Text = "common golden"
		}
		must(t, weft.Repo[Word](db).Create(ctx, w))
		ids = append(ids, w.ID)
	}
	writing, done := context.WithCancel(ctx)
	defer done()
	var writers, searchers sync.WaitGroup
	errs := make(chan error, 64)
	seeds := random(t)
	for range 4 {
		r := rand.New(rand.NewPCG(seeds.Uint64(), 1))
		writers.Go(func() {
			for range moves {
				if err := handOver(ctx, db, ids[r.IntN(rows)], r.IntN(2) == 0); err != nil {
					errs <- fmt.Errorf("hand over: %w", err)
					return
				}
			}
		})
	}
	words := weft.Repo[Word](db)
	for range 4 {
		searchers.Go(func() {
			for n := 0; writing.Err() == nil || n == 0; n++ {
				for search, want := range map[string]int64{"golden": 1, "common": rows, `"row 7"`: 1, "gold*": 1, "golden common": 1, "silver": 0} {
					if got, err := words.Filter(weft.Match(search)).Count(ctx); err != nil || got != want {
						errs <- fmt.Errorf("%s finds %d rows, not %d: %v", search, got, want, err)
						return
					}
				}
				list, err := words.Filter(weft.Or(weft.Match("golden", "text"), weft.Match("golden", "more"))).Sort(weft.ByRank()).All(ctx)
				if err != nil || len(list) != 1 {
					errs <- fmt.Errorf("one search in each field finds %d rows: %v", len(list), err)
					return
				}
			}
		})
	}
	writers.Wait()
	done()
	searchers.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	sound(t, db)
}

// handOver gives the word to a row, in one transaction.
func handOver(ctx context.Context, db *weft.DB, to string, more bool) error {
	return db.InTx(ctx, func(ctx context.Context) error {
		words := weft.Repo[Word](db)
		has, err := words.Filter(weft.Match("golden")).All(ctx)
		if err != nil {
			return err
		}
		if len(has) != 1 {
			return fmt.Errorf("%d rows have the word", len(has))
		}
		row := has[0].More
		if _, err := fmt.Sscanf(row, "row %s", &row); err != nil {
			return err
		}
		if _, err := words.Filter(weft.Match("golden")).Update(ctx, weft.Set{"text": "common", "more": "row " + row}); err != nil {
			return err
		}
		next, err := words.Find(ctx, to)
		if err != nil {
			return err
		}
		if more {
			next.More += " golden"
		} else {
			next.Text += " golden"
		}
		return words.Save(ctx, next)
	})
}

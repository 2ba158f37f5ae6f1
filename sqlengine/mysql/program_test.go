package mysql_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/internal/services"
	"github.com/weftdb/weft/sqlengine/mysql"
)

// Counter is counted by many at once.
type Counter struct {
	weft.Model
	Name string `weft:"unique"`
	N    int64
}

// A program that reads, thinks and writes in transactions, in many goroutines
// and on two engines, loses nothing: conflicts are run again by DB.Tx.
func TestProgram(t *testing.T) {
	ctx := context.Background()
	dsn := services.MySQL(t)
	var dbs [2]*weft.DB
	for i := range dbs {
		db, err := weft.Open(mysql.Open(dsn), weft.Models(Counter{}), weft.AutoMigrate())
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		dbs[i] = db
	}
	counters := weft.Repo[Counter](dbs[0])
	first := &Counter{Name: "a"}
	if err := counters.Create(ctx, first); err != nil {
		t.Fatal(err)
	}
	const each, workers = 15, 6
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for range each {
				err := dbs[w%2].Tx(ctx, func(tx *weft.DB) error {
					c, err := weft.Repo[Counter](tx).Find(ctx, first.ID)
					if err != nil {
						return err
					}
					c.N++
					return weft.Repo[Counter](tx).Save(ctx, c)
				}, weft.Attempts(200)) // all of them want one row, and each attempt of one fails another
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	c, err := counters.Find(ctx, first.ID)
	if err != nil || c.N != each*workers {
		t.Errorf("the counter is %+v (%v)", c, err)
	}
	err = counters.Create(ctx, &Counter{Name: "a"})
	var conflict *weft.ConflictError
	if !errors.As(err, &conflict) || conflict.Reason != "unique" || len(conflict.Fields) != 1 || conflict.Fields[0] != "name" {
		t.Errorf("a second one of the name gives %v", err)
	}
	stale, err := counters.Find(ctx, first.ID)
	if err != nil {
		t.Fatal(err)
	}
	c.N = 1
	if err := counters.Save(ctx, c); err != nil {
		t.Fatal(err)
	}
	stale.N = 2
	if err := counters.Save(ctx, stale); !errors.As(err, &conflict) || conflict.Reason != "stale" {
		t.Errorf("saving what was changed meanwhile gives %v", err)
	}
}

// Command cluster is a shop that sells the last tickets from three places at
// once. Its data lives on three nodes, and one of them is taken away in the
// middle. Started as
//
//	cluster sqlite
//
// the same shop runs on one file: all that differs is the engine that is opened.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// Concert has a number of tickets.
type Concert struct {
	weft.Model
	Title   string `weft:"unique" validate:"required"`
	Tickets int

	Sales []*Sale `weft:"has_many"`
}

// Sale is one ticket that somebody bought.
type Sale struct {
	weft.Model
	ConcertID string
	Place     string

	Concert *Concert `weft:"belongs_to"`
}

func main() {
	err := run(context.Background(), len(os.Args) > 1 && os.Args[1] == "sqlite", os.Stdout)
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, onFile bool, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "weft-cluster-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if onFile {
		s, err := openShop(sqlite.Open(filepath.Join(dir, "shop.db"))) // the line that differs
		if err != nil {
			return err
		}
		defer s.db.Close()
		return sell(ctx, out, []*shop{s, s, s}, func() error { return nil })
	}

	nodes, err := startNodes(ctx, dir, 3)
	defer stopNodes(nodes)
	if err != nil {
		return err
	}
	var shops []*shop
	for _, n := range nodes {
		s, err := openShop(n.Engine("default")) // the line that differs
		if err != nil {
			return err
		}
		defer s.db.Close()
		shops = append(shops, s)
	}
	return sell(ctx, out, shops, func() error {
		fmt.Fprintln(out, "the first node is taken away")
		return stopNode(nodes[0])
	})
}

// shop is the application, on whatever it was opened on.
type shop struct {
	db       *weft.DB
	concerts *weft.Repository[Concert]
	sales    *weft.Repository[Sale]
}

func openShop(e weft.Engine) (*shop, error) {
	db, err := weft.Open(e, weft.Models(Concert{}, Sale{}), weft.AutoMigrate())
	if err != nil {
		return nil, err
	}
	return &shop{db: db, concerts: weft.Repo[Concert](db), sales: weft.Repo[Sale](db)}, nil
}

var errSoldOut = errors.New("sold out")

// snippet:buy

// buy sells one ticket, and never one that is not there, however many sell at
// the same time and on whichever node.
func (s *shop) buy(ctx context.Context, concert, place string) error {
	return s.db.Tx(ctx, func(tx *weft.DB) error {
		c, err := s.concerts.In(tx).Find(ctx, concert)
		if err != nil {
			return err
		}
		if c.Tickets == 0 {
			return errSoldOut
		}
		c.Tickets--
		if err := s.concerts.In(tx).Save(ctx, c); err != nil {
			return err
		}
		return s.sales.In(tx).Create(ctx, &Sale{ConcertID: c.ID, Place: place})
	})
}

// end:buy

// sell sells 30 tickets at three places, the last ten of them after interrupt,
// and prints what is there in the end.
func sell(ctx context.Context, out io.Writer, shops []*shop, interrupt func() error) error {
	c := &Concert{Title: "The last night", Tickets: 30}
	if err := shops[0].concerts.Create(ctx, c); err != nil {
		return err
	}
	if err := atOnce(shops, func(i int, s *shop) error {
		for range []int{7, 7, 6}[i] {
			if err := s.buy(ctx, c.ID, fmt.Sprintf("place %d", i+1)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	if err := report(ctx, out, shops[0], c.ID); err != nil {
		return err
	}
	if err := interrupt(); err != nil {
		return err
	}
	// Two places are left. Each tries to sell ten; ten are there.
	refused := make([]int, len(shops))
	if err := atOnce(shops[1:], func(i int, s *shop) error {
		for range 10 {
			err := s.buy(ctx, c.ID, fmt.Sprintf("place %d", i+2))
			if errors.Is(err, errSoldOut) {
				refused[i]++
			} else if err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d buyers came too late\n", refused[0]+refused[1]+refused[2])
	return report(ctx, out, shops[1], c.ID)
}

// atOnce runs fn for every shop at the same time.
func atOnce(shops []*shop, fn func(i int, s *shop) error) error {
	errs := make([]error, len(shops))
	var wg sync.WaitGroup
	for i, s := range shops {
		wg.Go(func() { errs[i] = fn(i, s) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func report(ctx context.Context, out io.Writer, s *shop, concert string) error {
	c, err := s.concerts.Find(ctx, concert)
	if err != nil {
		return err
	}
	n, err := s.sales.Where("concertId", "=", concert).Count(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %d tickets left, %d sold\n", c.Title, c.Tickets, n)
	return nil
}

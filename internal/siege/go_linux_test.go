package siege

import (
	"context"
	"errors"
	"fmt"
	"testing"

	root "github.com/weftdb/weft"
	"github.com/weftdb/weft/client"
	streams "github.com/weftdb/weft/door"
	"github.com/weftdb/weft/internal/siege/cluster"
)

// Reg and Purse are rows of the tables of registers.
type Reg struct {
	ID string `weft:"primary"`
	V  int64
}

// Purse is one with a floor.
type Purse struct {
	ID string `weft:"primary"`
	V  int64
}

// byGo goes through Weft's own API: models, and transactions that read, think
// and write.
type byGo struct {
	db     *root.DB
	regs   *root.Repository[Reg]
	purses *root.Repository[Purse]
}

// errUnknown is wrapped where an outcome is not known.
var errUnknown = streams.ErrUnknown

// errFloor is why a transaction of ours gives up.
var errFloor = errors.New("the floor was met")

// goDoor is a client of a cluster of Weft, over its peer-to-peer port.
func goDoor(t *testing.T, c *cluster.Cluster, p *cluster.Weft) byGo {
	t.Helper()
	cfg := client.DefaultConfig("siege")
	cfg.Patience = patience
	for _, n := range c.Nodes {
		cfg.BootstrapPeers = append(cfg.BootstrapPeers, p.Address(c, n))
	}
	db, err := root.Open(client.Open(cfg), root.Models(Reg{}, Purse{}))
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return byGo{db, root.Repo[Reg](db), root.Repo[Purse](db)}
}

// nothing is what every error means that does not say that the outcome is not
// known.
func (d byGo) nothing(err error) bool { return !errors.Is(err, errUnknown) }

func (d byGo) do(ctx context.Context, w work, mark string) (got []int64, refused bool, err error) {
	if len(w.steps) == 1 && mark == "" && !w.floor && w.steps[0].what == 'a' {
		_, err := d.regs.Increment(ctx, row(w, w.steps[0].reg), "v", w.steps[0].b)
		return []int64{0}, false, err
	}
	err = d.db.Tx(ctx, func(tx *root.DB) error {
		got = nil
		tried(ctx, "a transaction begins")
		for _, s := range w.steps {
			told, err := d.step(ctx, tx, w, s)
			if err != nil {
				return err
			}
			got = append(got, told)
		}
		if mark != "" {
			_, err := tx.Exec(ctx, "INSERT INTO marks (id, n) VALUES (?, 1)", mark)
			tried(ctx, "it is to commit: %v", err)
			return err
		}
		return nil
	})
	return got, errors.Is(err, errFloor), err
}

func (d byGo) step(ctx context.Context, tx *root.DB, w work, s step) (told int64, err error) {
	id := row(w, s.reg)
	v, err := d.get(ctx, tx, w, id)
	if err != nil {
		return 0, err
	}
	switch s.what {
	case 'r':
		return v, nil
	case 'w':
		v = s.b
	case 'a':
		if v += s.b; w.floor && v < 0 {
			return 0, errFloor
		}
	case 'c':
		if v != s.a {
			return 0, nil
		}
		v, told = s.b, 1
	}
	if w.floor {
		_, err = d.purses.In(tx).Update(ctx, id, root.Set{"v": v})
	} else {
		_, err = d.regs.In(tx).Update(ctx, id, root.Set{"v": v})
	}
	return told, err
}

func (d byGo) get(ctx context.Context, tx *root.DB, w work, id string) (int64, error) {
	if w.floor {
		p, err := d.purses.In(tx).Get(ctx, id)
		if err != nil {
			return 0, fmt.Errorf("purse %s: %w", id, err)
		}
		return p.V, nil
	}
	r, err := d.regs.In(tx).Get(ctx, id)
	if err != nil {
		return 0, fmt.Errorf("register %s: %w", id, err)
	}
	return r.V, nil
}

package client_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/weftdb/weft/client"
	"github.com/weftdb/weft/door"
)

// A client has the whole group, and so has one who gives an address.
func TestGroup(t *testing.T) {
	c := newCluster(t, 1)
	dialled, err := client.Dial("weft:///default?bootstrap=" + c.nodes[0].h.Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, g := range map[string]door.Group{"client": c.connect(t, 0).Group(), "address": dialled} {
		t.Run(name, func(t *testing.T) {
			ctx := within(t)
			answers, err := g.Run(ctx, door.Request{Statements: []door.Statement{{SQL: "SELECT 7"}}})
			if err != nil || answers[0].Rows[0][0] != int64(7) {
				t.Errorf("%+v, %v", answers, err)
			}
			if peer, here := g.Leader(); peer != c.nodes[0].h.ID() || here {
				t.Errorf("the leader is %q, here: %v", peer, here)
			}
			if info, err := g.Info(ctx); err != nil || info.Group != "ns/default" {
				t.Errorf("%+v, %v", info, err)
			}
			if set, err := g.Models(ctx, "none"); set != nil {
				t.Errorf("%v, %v", set, err)
			}
			var copied bytes.Buffer
			if err := g.Backup(ctx, &copied); err != nil {
				t.Fatal(err)
			}
			if err := g.Restore(ctx, &copied); err != nil {
				t.Error(err)
			}
			if applied, err := g.Resolve(ctx, "an ID of mine, "+name); err != nil || applied {
				t.Errorf("%v, %v", applied, err)
			}
		})
	}
	if err := dialled.(io.Closer).Close(); err != nil {
		t.Error(err)
	}
	if _, err := dialled.Info(within(t)); err == nil {
		t.Error("a group that was closed answers")
	}
}

func TestGroupNotConnected(t *testing.T) {
	k, err := client.New(newCluster(t, 1).config(0))
	if err != nil {
		t.Fatal(err)
	}
	g, ctx := k.Group(), within(t)
	_, run := g.Run(ctx, door.Request{Statements: []door.Statement{{SQL: "SELECT 7"}}})
	_, models := g.Models(ctx, "none")
	_, info := g.Info(ctx)
	_, resolve := g.Resolve(ctx, "none")
	for name, err := range map[string]error{
		"run": run, "models": models, "info": info, "resolve": resolve, "backup": g.Backup(ctx, io.Discard), "restore": g.Restore(ctx, &bytes.Buffer{}),
	} {
		if !errors.Is(err, client.ErrNotConnected) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if peer, here := g.Leader(); peer != "" || here {
		t.Errorf("the leader is %q, here: %v", peer, here)
	}
	if _, err := client.Dial("weft:///default"); err == nil {
		t.Error("an address without a node was taken")
	}
}

//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/client"
	"github.com/weftdb/weft/internal/siege/cluster"
	"github.com/weftdb/weft/op"
)

// overStreams is Weft's own API on a cluster, as a program has it that is no
// node: models, checks and versions, over the peer-to-peer port.
type overStreams struct {
	db    *weft.DB
	posts *weft.Repository[Post]
}

// onStreams connects to a cluster that runs and makes the tables.
func onStreams(c *cluster.Cluster, p *cluster.Weft) (*overStreams, error) {
	cfg := client.DefaultConfig("bench")
	for _, n := range c.Nodes {
		cfg.BootstrapPeers = append(cfg.BootstrapPeers, p.Address(c, n))
	}
	db, err := weft.Open(client.Open(cfg), weft.Models(Post{}, Writer{}), weft.AutoMigrate())
	if err != nil {
		return nil, err
	}
	return &overStreams{db, weft.Repo[Post](db)}, nil
}

func (o *overStreams) name() string { return "Weft, Go client" }

func (o *overStreams) insert(ctx context.Context, id string) (conflict bool, err error) {
	err = o.posts.Create(ctx, weftPost(sharedPost(id)))
	var there *weft.ConflictError
	if errors.As(err, &there) && there.Reason == op.ReasonExists {
		return true, nil
	}
	return false, err
}

func (o *overStreams) update(ctx context.Context, id string, likes int64) error {
	_, err := o.posts.Update(ctx, id, weft.Set{"likes": likes})
	return err
}

func (o *overStreams) insertMany(ctx context.Context, ids []string) error {
	list := make([]*Post, len(ids))
	for i, id := range ids {
		list[i] = weftPost(sharedPost(id))
	}
	return o.posts.CreateMany(ctx, list)
}

func (o *overStreams) get(ctx context.Context, level, id string) (string, error) {
	c, err := op.ParseConsistency(level)
	if err != nil {
		return "", err
	}
	p, err := o.posts.Get(op.WithReading(ctx, op.Reading{Consistency: c}), id)
	if err != nil {
		return "", fmt.Errorf("post %s: %w", id, err)
	}
	return p.Title, nil
}

func (o *overStreams) close() error { return o.db.Close() }

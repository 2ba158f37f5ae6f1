package main

import (
	"context"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/open"
	"github.com/weftdb/weft/open/all"
	"github.com/weftdb/weft/pull"
)

// place is a database that rows are read from or written to.
type place interface {
	reader() (op.Engine, error)
	writer() (op.Engine, error)
	pulled(ctx context.Context) (*pull.Result, error)

	// moved is an error when the answer may be wrong, because of what another
	// program did meanwhile. It is asked for when all was read.
	moved() error
}

var (
	_ place = (*database)(nil)
	_ place = server("")
)

// findPlace finds the database that an argument names: a SQLite file, which must
// be there, or a URL, to which nothing connects yet.
func findPlace(arg string) (place, error) {
	if _, ok := serverScheme(arg); ok {
		return server(arg), nil
	}
	d, err := findDatabase(arg)
	if err != nil {
		return nil, err
	}
	return d, nil
}

func (d *database) reader() (op.Engine, error) { return d.engine(), nil }
func (d *database) writer() (op.Engine, error) { return d.writable(), nil }

// server is the URL of a database on a server.
type server string

func (s server) reader() (op.Engine, error) { return all.URL(string(s)) }
func (s server) writer() (op.Engine, error) { return all.URL(string(s)) }
func (s server) moved() error               { return nil }

func (s server) pulled(ctx context.Context) (*pull.Result, error) {
	r, _, err := pulledFrom(ctx, string(s))
	return r, err
}

func (s server) String() string { return open.Redact(string(s)) }

// Command shop is a music shop on a database that was there before it: its
// models were pulled from the Chinook sample database (weft schema pull). It
// has a catalogue with search, a cart that becomes an invoice in one
// transaction, reports, and read-only pages.
//
//	go run ./examples/shop                        a tour of a small sample, in a file that is gone afterwards
//	go run ./examples/shop serve                  the pages of the sample
//	go run ./examples/shop -db chinook.db         the tour of the real one, for reading only
//	go run ./examples/shop serve -db chinook.db   its pages
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/examples/shop/models"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "shop:", err)
		}
		os.Exit(1)
	}
}

// run does what the command line says.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	command := "tour"
	if len(args) > 0 && (args[0] == "tour" || args[0] == "serve") {
		command, args = args[0], args[1:]
	}
	fs := flag.NewFlagSet("shop", flag.ContinueOnError)
	fs.SetOutput(stderr)
	file := fs.String("db", "", "SQLite file with the tables of Chinook, opened for reading only (default a small sample)")
	listen := fs.String("listen", "127.0.0.1:8421", "address of the pages; port 0 takes a free one")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if rest := fs.Args(); len(rest) == 1 && (rest[0] == "tour" || rest[0] == "serve") {
		command = rest[0]
	} else if len(rest) > 0 {
		return fmt.Errorf("unexpected argument %q; the commands are tour and serve", rest[0])
	}
	s, err := open(ctx, *file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if command == "serve" {
		return serve(ctx, s, *listen, stdout, stderr)
	}
	return tour(ctx, s, stdout)
}

// Shop is the shop on an open database.
type Shop struct {
	db       *weft.DB
	readOnly bool
	dir      string // of the sample, taken away by Close

	tracks    *weft.Repository[models.Track]
	albums    *weft.Repository[models.Album]
	customers *weft.Repository[models.Customer]
	employees *weft.Repository[models.Employee]
	invoices  *weft.Repository[models.Invoice]
	lines     *weft.Repository[models.InvoiceLine]
	playlists *weft.Repository[models.Playlist]
}

// all are the models that were pulled.
func all() weft.Option {
	return weft.Models(models.Album{}, models.Artist{}, models.Customer{}, models.Employee{}, models.Genre{}, models.Invoice{},
		models.InvoiceLine{}, models.MediaType{}, models.Playlist{}, models.PlaylistTrack{}, models.Track{})
}

// newShop is the shop on a database that is open.
func newShop(db *weft.DB) *Shop {
	return &Shop{
		db: db, tracks: weft.Repo[models.Track](db), albums: weft.Repo[models.Album](db), customers: weft.Repo[models.Customer](db),
		employees: weft.Repo[models.Employee](db), invoices: weft.Repo[models.Invoice](db), lines: weft.Repo[models.InvoiceLine](db),
		playlists: weft.Repo[models.Playlist](db),
	}
}

// open opens a file for reading only, or makes the sample when none is given.
func open(ctx context.Context, file string) (*Shop, error) {
	if file != "" {
		// snippet:open
		db, err := weft.Open(sqlite.Open(file, sqlite.ReadOnly()), all())
		// end:open
		if err != nil {
			return nil, err
		}
		s := newShop(db)
		s.readOnly = true
		return s, nil
	}
	dir, err := os.MkdirTemp("", "weft-shop-")
	if err != nil {
		return nil, err
	}
	db, err := weft.Open(sqlite.Open(filepath.Join(dir, "shop.db")), all(), weft.AutoMigrate())
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s := newShop(db)
	s.dir = dir
	if err := fill(ctx, db); err != nil {
		return nil, errors.Join(fmt.Errorf("make the sample: %w", err), s.Close())
	}
	return s, nil
}

// Close closes the database and takes the sample away.
func (s *Shop) Close() error {
	err := s.db.Close()
	if s.dir != "" {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}

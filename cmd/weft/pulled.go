package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/open"
	"github.com/weftdb/weft/pull"
)

// serverScheme is the scheme of an argument that names a database on a server.
func serverScheme(arg string) (string, bool) {
	switch scheme, _ := open.SchemeOf(arg); scheme {
	case "postgres", "postgresql", "mysql", "mariadb":
		return scheme, true
	}
	return "", false
}

// pulledFrom are the models of the database that an argument names, a SQLite
// file or a URL; label names it for people, without what is secret.
func pulledFrom(ctx context.Context, arg string) (r *pull.Result, label string, err error) {
	if _, server := serverScheme(arg); server {
		t, err := openServer(ctx, arg)
		if err != nil {
			return nil, "", err
		}
		r, err = t.pulled(ctx)
		return r, t.label, errors.Join(t.explain(err), t.close())
	}
	d, err := findDatabase(arg)
	if err != nil {
		return nil, "", err
	}
	r, err = d.pulled(ctx)
	return r, d.path, err
}

// pulled are models of the tables, and what differs between the two, which
// should be nothing.
func (t *target) pulled(ctx context.Context) (*pull.Result, error) {
	if t.file != nil {
		return t.file.pulled(ctx)
	}
	tx, err := t.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", t.label, err)
	}
	db, err := catalog.Inspect(ctx, tx, t.dialect, catalog.InspectOptions{})
	if err = errors.Join(err, tx.Rollback()); err != nil {
		return nil, err
	}
	r, err := pull.Models(db)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.label, err)
	}
	p, err := migrate.New(t.db, t.dialect, r.Set, migrate.Options{}).Plan(ctx)
	if err != nil {
		return nil, fmt.Errorf("the models made of %s do not fit it, which is a fault of this program: %w", t.label, err)
	}
	for _, s := range p.Steps {
		if !s.Own() {
			r.Notes = append(r.Notes, pull.Note{Table: s.Table, Message: "a migration would change it: " + s.Reason})
		}
	}
	return r, nil
}

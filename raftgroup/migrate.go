package raftgroup

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"os"
	"path/filepath"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/sqlengine/lite"
)

// migrateTries is how often a migration is planned again because the database
// changed meanwhile.
const migrateTries = 5

// migrate makes the models known and, when asked to, brings the tables to them.
//
// The migration is carried out on a copy of the database first, which finds out
// whether it can be done and what it does, and then once more in one entry of the
// log.
func (g *Group) migrate(ctx context.Context, m *op.Migration) error {
	if m == nil || m.Models == nil {
		return nil // that the group answers is all that was asked for
	}
	id := newID()
	_, err := led(ctx, g, func() (struct{}, error) {
		h, err := g.hashes.of(m.Models)
		if err == nil && !g.hashes.registered(h) {
			err = g.register(ctx, m.Models, h)
		}
		if err != nil || !m.Apply {
			return struct{}{}, err
		}
		return struct{}{}, g.bring(ctx, m.Models, h)
	}, func(ctx context.Context, r remote) (struct{}, error) {
		_, err := r.Do(ctx, op.Op{Kind: op.Migrate, ID: id, Migration: m})
		return struct{}{}, err
	})
	return err
}

// bring brings the tables to the models, on the leader.
func (g *Group) bring(ctx context.Context, models *schema.Set, h setHash) error {
	g.migrating.Lock()
	defer g.migrating.Unlock()
	for try := 1; ; try++ {
		was, err := g.schemaHash(ctx)
		if err != nil {
			return err
		}
		if g.fits.is(h, was) {
			return nil
		}
		rec, keysOff, err := g.rehearse(ctx, models)
		if err != nil {
			return err
		}
		if len(rec) == 0 {
			g.fits.set(h, was)
			return nil
		}
		c := &call{m: member{kind: memberSQL}, alone: keysOff}
		c.m.id, _ = keyOfID(newID())
		if c.m.body, err = encodeSystem(rec, keysOff); err != nil {
			return err
		}
		out, err := g.gather.submit(ctx, c)
		if err != nil {
			return err
		}
		failed := out.err
		for i := range out.answers {
			if out.answers[i].Err != nil {
				failed = out.answers[i].Err
			}
		}
		if failed == nil {
			continue // to see that nothing is left to do
		}
		if now, err := g.schemaHash(ctx); err != nil || now == was || try >= migrateTries {
			return failed
		}
	}
}

// schemaHash is a hash of the schema as it is committed here.
func (g *Group) schemaHash(ctx context.Context) (h setHash, err error) {
	err = g.view(ctx, func(v *viewer) error {
		rows, err := v.Ask(ctx, "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'weft\\_group\\_%' ESCAPE '\\' ORDER BY type, name")
		if err != nil {
			return err
		}
		sum := sha256.New()
		var b []byte
		for _, r := range rows {
			b = b[:0]
			for _, c := range r {
				b = appendBlock(b, c.Bytes())
			}
			sum.Write(b)
		}
		sum.Sum(h[:0])
		return nil
	})
	return h, err
}

// rehearse migrates a copy of the database and tells what was done there.
func (g *Group) rehearse(ctx context.Context, models *schema.Set) (done []recorded, keysOff bool, err error) {
	dir, err := os.MkdirTemp("", "weft-migrate-")
	if err != nil {
		return nil, false, op.Errorf(op.CodeDatabase, "migrate: %w", err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "copy.db")
	err = g.view(ctx, func(v *viewer) error {
		_ = os.Remove(path) // of an attempt that had to make room
		return v.Copy(ctx, path)
	})
	if err != nil {
		return nil, false, err
	}
	rec := &recorder{path: path}
	db := sql.OpenDB(rec)
	defer db.Close()
	mig := migrate.New(db, catalog.SQLite, models, migrate.Options{Additive: true})
	plan, err := mig.Plan(ctx)
	if err != nil || plan.Empty() {
		return nil, false, driverError(err)
	}
	if plan, err = mig.Auto(ctx); err != nil {
		return nil, false, driverError(err)
	}
	for _, s := range plan.Steps {
		if s.Kind != migrate.CreateTable {
			continue
		}
		if _, err := db.ExecContext(ctx, "INSERT OR REPLACE INTO "+lite.MetaTable+" (key, value) VALUES ('table:' || ?, '1')", s.Table); err != nil {
			return nil, false, driverError(err)
		}
	}
	return rec.done(), plan.KeysOff(), nil
}

// driverError says an error of the driver on the copy as one of ours.
func driverError(err error) error { return sqlengine.Explain(err, "migrate", nil) }

// encodeSystem makes a member of statements that this package wrote.
func encodeSystem(list []recorded, keysOff bool) ([]byte, error) {
	r := door.Request{Atomic: true}
	for _, s := range list {
		r.Statements = append(r.Statements, door.Statement{SQL: s.sql, Args: s.args})
	}
	b, err := encodeStatements(&r)
	if err != nil {
		return nil, err
	}
	b[0] |= statementsSystem
	if keysOff {
		b[0] |= statementsKeysOff
	}
	return b, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/migrate/seed"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/open/all"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// seededJSON is what was done to the seed rows of a model.
type seededJSON struct {
	Model     string `json:"model"`
	Rows      int    `json:"rows"`
	Inserted  int    `json:"inserted"`
	Updated   int    `json:"updated"`
	Unchanged int    `json:"unchanged"`
	Deleted   int    `json:"deleted"` // marked deleted, and left alone
}

// seeded are the models with seed rows.
func seeded(set *schema.Set) []*schema.Model {
	var out []*schema.Model
	for _, m := range set.Models {
		if m.Seed != nil && len(m.Seed.Rows) > 0 {
			out = append(out, m)
		}
	}
	return out
}

// seedable refuses seeds that need what only the program has: its functions and
// its keys.
func seedable(set *schema.Set) error {
	for _, m := range seeded(set) {
		var needs []string
		if m.NeedsHooks {
			needs = append(needs, "hooks")
		}
		for _, f := range m.Fields {
			switch {
			case f.Encrypted:
				needs = append(needs, "the key of the encrypted field "+f.Name)
			case f.Default != nil && f.Default.Func != "":
				needs = append(needs, "the function "+f.Default.Func+" for the default of "+f.Name)
			case f.Transform != "":
				needs = append(needs, "the function "+f.Transform+" of "+f.Name)
			case f.Validator != "":
				needs = append(needs, "the function "+f.Validator+" of "+f.Name)
			}
		}
		if len(needs) > 0 {
			return fmt.Errorf("the seed of %s needs %s, which only its program has; seed it there, by seed.Apply (package migrate/seed)", m.Name, strings.Join(needs, ", "))
		}
	}
	return nil
}

// engine opens the database again as one that rows are written to.
func (t *target) engine(address string) (op.Engine, error) {
	switch {
	case t.file != nil:
		return t.file.writable(), nil
	case t.absent:
		return sqlite.Open(t.label), nil
	}
	return all.URL(address)
}

// seedRows brings the seed rows of the models into the database.
func (a *applying) seedRows(ctx context.Context) (out []seededJSON, err error) {
	address, err := a.address()
	if err != nil {
		return nil, err
	}
	e, err := a.t.engine(address)
	if err != nil {
		return nil, err
	}
	forReading(a.set.Models) // models without seeds may need what this program has not
	list := make([]any, len(a.set.Models))
	for i, m := range a.set.Models {
		list[i] = m
	}
	db, err := weft.Open(e, weft.Models(list...))
	if err != nil {
		return nil, a.t.explain(err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	results, err := seed.Apply(ctx, db.Engine(), db.Schema())
	if err != nil {
		return nil, a.t.explain(err)
	}
	for _, r := range results {
		out = append(out, seededJSON{
			Model: r.Model, Rows: r.Inserted + r.Updated + r.Unchanged + r.Deleted,
			Inserted: r.Inserted, Updated: r.Updated, Unchanged: r.Unchanged, Deleted: r.Deleted,
		})
	}
	return out, nil
}

// willSeed are the seeds that would be brought in.
func (a *applying) willSeed() []seededJSON {
	out := []seededJSON{}
	if !a.seed {
		return out
	}
	for _, m := range seeded(a.set) {
		out = append(out, seededJSON{Model: m.Name, Rows: len(m.Seed.Rows)})
	}
	return out
}

func (s seededJSON) String() string {
	out := fmt.Sprintf("seed of %s: %d inserted, %d updated, %d unchanged", s.Model, s.Inserted, s.Updated, s.Unchanged)
	if s.Deleted > 0 {
		out += fmt.Sprintf(", %d marked deleted and left so", s.Deleted)
	}
	return out
}

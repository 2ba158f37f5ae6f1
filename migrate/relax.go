package migrate

import (
	"slices"
	"strings"

	atlas "ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"
)

// relaxed reports whether an index only differs in that it holds among all rows
// and is to hold among live ones: the model got soft delete since. Nothing is
// lost by it, unless a foreign key points at the columns, which need an index
// over all rows then.
func (p *planner) relaxed(t *table, c *atlas.ModifyIndex) (bool, error) {
	x := t.index(c.To.Name)
	if x == nil || x.all == nil || !c.From.Unique || partNames(c.From.Parts) != partNames(c.To.Parts) || !samePredicate(wherePart(c.From), *x.all) {
		return false, nil
	}
	pointed, err := p.pointedAt(t, x.columns)
	return !pointed, err
}

// wherePart is the condition of an index.
func wherePart(x *atlas.Index) string {
	for _, a := range x.Attrs {
		if pr, ok := a.(*sqlite.IndexPredicate); ok {
			return pr.P
		}
	}
	return ""
}

// pointedAt reports whether a foreign key of any table points at the columns.
func (p *planner) pointedAt(t *table, columns []string) (bool, error) {
	rows, err := p.conn.QueryContext(p.ctx, `SELECT k.id || ':' || m.name, lower(k."to") FROM sqlite_schema m, pragma_foreign_key_list(m.name) k
		WHERE m.type = 'table' AND lower(k."table") = lower(?) AND k."to" IS NOT NULL`, t.name)
	if err != nil {
		return false, fail(err, "look for foreign keys to "+t.name)
	}
	defer rows.Close()
	keys := map[string][]string{}
	for rows.Next() {
		var id, to string
		if err := rows.Scan(&id, &to); err != nil {
			return false, fail(err, "look for foreign keys to "+t.name)
		}
		keys[id] = append(keys[id], to)
	}
	if err := rows.Err(); err != nil {
		return false, fail(err, "look for foreign keys to "+t.name)
	}
	for _, to := range keys {
		if sameNames(to, columns) {
			return true, nil
		}
	}
	return false, nil
}

// relax replaces the index.
func (p *planner) relax(t *table, name string, rows int64) {
	x := t.index(name)
	p.Steps = append(p.Steps, Step{
		Kind: ReplaceIndex, Table: t.name, Name: x.name, SQL: []string{"DROP INDEX " + quote(x.name), x.sql(t.name)}, Rows: rows,
		Reason: strings.TrimSuffix(x.reason, amongLive) + " holds among live rows now that " + t.model.Name + " has soft delete",
	})
}

func (t *table) index(name string) *index {
	i := slices.IndexFunc(t.indexes, func(x *index) bool { return fold(x.name) == fold(name) })
	if i < 0 {
		return nil
	}
	return t.indexes[i]
}

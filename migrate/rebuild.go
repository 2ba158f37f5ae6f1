package migrate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/ddl"
)

// rebuild makes a table anew, for what SQLite's ALTER TABLE cannot do. The
// statement that made the table is changed where something is to be another
// way, and nowhere else, so that whatever stands in it stays: collations,
// checks, conflict clauses, generated columns, STRICT.
type rebuild struct {
	c       *tableDiff
	step    *Step
	reasons []string
	alters  map[string]*liteAlter // by folded name
	noUniq  [][]string            // UNIQUE that goes, by its columns
	after   []string              // statements at the end
}

type liteAlter struct {
	w, h *catalog.Column
	expr string // the value, of the old one; "" as it is
}

// rebuilding has the table made anew.
func (c *tableDiff) rebuilding() *rebuild {
	if c.rebuild == nil {
		c.rebuild = &rebuild{c: c, step: &Step{Kind: RebuildTable, Table: c.t.name, Rows: c.rows}, alters: map[string]*liteAlter{}}
	}
	return c.rebuild
}

func (r *rebuild) because(why string) { r.reasons = append(r.reasons, why) }

// alter takes over what is known of a column that changes.
func (r *rebuild) alter(w, h *catalog.Column, s Step, expr string) {
	r.alters[fold(h.Name)] = &liteAlter{w, h, expr}
	r.because("column " + w.Name + ": " + s.Reason)
	r.step.Destructive = r.step.Destructive || s.Destructive
	if s.Unsafe != "" {
		r.step.refuseUnless(false, s.Allow, "column "+w.Name+": "+s.Unsafe)
	}
	r.after = append(r.after, r.c.enumKept(w.Name)...)
}

func (r *rebuild) noUnique(h *catalog.Index) {
	var cols []string
	for _, p := range h.Parts {
		cols = append(cols, p.Column)
	}
	r.noUniq = append(r.noUniq, cols)
}

// rebuildPrefix begins the name that the table has until it is complete.
const rebuildPrefix = ownPrefix + "new_"

// finishRebuild makes the step, now that everything about it is known.
func (c *tableDiff) finishRebuild() error {
	r, s := c.rebuild, c.rebuild.step
	if c.o.Additive {
		return nil // what asked for it is refused
	}
	p := parseTable(c.have.SQL)
	if p == nil {
		c.refuse(c.t.name, "", "the statement that made the table cannot be read, so that the table cannot be made anew: %s", c.have.SQL)
		return nil
	}
	var into, from []string // what is copied
	for _, h := range c.have.Columns {
		if i := slices.IndexFunc(c.liteDrops, func(x *liteDrop) bool { return x.h == h }); i >= 0 {
			x := c.liteDrops[i]
			p.drop(h.Name)
			r.because("column " + h.Name + " goes: " + x.reason)
			s.Destructive = true
			s.refuseUnless(c.o.AllowDrop, AllowDrop, "column "+h.Name+": "+x.unsafe)
			continue
		}
		if h.Generated != "" {
			continue
		}
		expr := c.quote(h.Name)
		if a := r.alters[fold(h.Name)]; a != nil {
			p.alter(a, !slices.Contains(c.t.key, h.Name))
			if a.expr != "" {
				expr = a.expr
			}
		}
		into, from = append(into, c.quote(h.Name)), append(from, expr)
	}
	for _, a := range c.liteAdds {
		decl := *a.w
		decl.Default = a.fill
		p.add(c.quote(a.w.Name) + " " + ddl.Column(c.to.dialect, &decl))
		r.because(a.reason)
		if a.now != "" {
			into, from = append(into, c.quote(a.w.Name)), append(from, a.now)
		}
		r.after = append(r.after, c.enumKept(a.w.Name)...)
	}
	c.rebuildKey(p)
	for _, cols := range r.noUniq {
		p.dropUnique(cols)
	}
	p.foreign(c.finalForeign())
	fresh := rebuildPrefix + c.t.name
	p.name = c.quote(fresh)

	s.SQL = []string{p.sql()}
	c.rebuildCopy(s, fresh, into, from)
	wasAuto := slices.ContainsFunc(c.have.Columns, func(h *catalog.Column) bool { return h.Auto })
	isAuto := slices.ContainsFunc(c.want.Columns, func(w *catalog.Column) bool { return w.Auto })
	if wasAuto && isAuto { // keys that were handed out are not handed out again
		old, now := catalog.Text(catalog.SQLite, c.t.name), catalog.Text(catalog.SQLite, fresh)
		s.SQL = append(s.SQL, "DELETE FROM sqlite_sequence WHERE name = "+now,
			"INSERT INTO sqlite_sequence (name, seq) SELECT "+now+", seq FROM sqlite_sequence WHERE name = "+old)
	}
	s.SQL = append(s.SQL,
		"DROP TABLE "+c.quote(c.t.name),
		"PRAGMA legacy_alter_table = ON", // views and triggers of others name the table and are left alone
		"ALTER TABLE "+c.quote(fresh)+" RENAME TO "+c.quote(c.t.name),
		"PRAGMA legacy_alter_table = OFF")
	for _, x := range c.have.Indexes {
		if !x.Constraint && !c.goes(x) {
			s.SQL = append(s.SQL, ddl.CreateIndex(c.to.dialect, c.t.name, x))
		}
	}
	for _, t := range c.have.Triggers {
		s.SQL = append(s.SQL, t.SQL)
	}
	s.SQL = append(s.SQL, r.after...)
	s.Reason = strings.Join(r.reasons, "; ")
	c.add(*s)
	return nil
}

// goes reports whether another step drops or replaces an index. One that is
// replaced is not made in between.
func (c *tableDiff) goes(x *catalog.Index) bool {
	gone := false
	for i, s := range c.Steps {
		if s.Table != c.t.name || fold(s.Name) != fold(x.Name) {
			continue
		}
		switch s.Kind {
		case DropIndex:
			gone = true
		case ReplaceIndex:
			gone = true
			c.Steps[i].SQL = []string{s.SQL[len(s.SQL)-1]} // the old one went with the table
		}
	}
	return gone
}

// rebuildCopy copies the rows, in batches by the row's number where it has one,
// which is kept.
func (c *tableDiff) rebuildCopy(s *Step, fresh string, into, from []string) {
	number := ""
	if !strings.Contains(c.have.Options, "WITHOUT ROWID") && slices.EqualFunc(keyOf(c.have), c.t.key, func(a, b string) bool { return fold(a) == fold(b) }) {
		for _, n := range []string{"rowid", "_rowid_", "oid"} {
			if c.column(c.have, n) == nil && c.column(c.want, n) == nil {
				number = n
				break
			}
		}
	}
	q := c.quote
	if number == "" {
		s.SQL = append(s.SQL, fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s", q(fresh), strings.Join(into, ", "), strings.Join(from, ", "), q(c.t.name)))
		return
	}
	if c.numbered() {
		number = q(c.t.key[0])
	} else {
		into, from = append([]string{number}, into...), append([]string{number}, from...)
	}
	// The argument is 0 at first, which makes the smallest number there is.
	s.SQL = append(s.SQL, fmt.Sprintf("INSERT INTO %[1]s (%[2]s) SELECT %[3]s FROM %[4]s WHERE %[5]s >= coalesce((SELECT max(%[5]s) + 1 FROM %[1]s), ?1 - 9223372036854775807 - 1) ORDER BY %[5]s LIMIT 10000",
		q(fresh), strings.Join(into, ", "), strings.Join(from, ", "), q(c.t.name), number))
	s.Batch = &Batch{At: len(s.SQL) - 1, Last: "SELECT coalesce(max(" + number + "), 0) FROM " + q(fresh)}
}

// numbered reports whether the key is the row's number, before and after.
func (c *tableDiff) numbered() bool {
	if len(c.t.key) != 1 {
		return false
	}
	h, w := c.column(c.have, c.t.key[0]), c.column(c.want, c.t.key[0])
	return h != nil && h.RowID && (typeName(w.Type) == "INTEGER" || c.rebuild.alters[fold(h.Name)] == nil)
}

// rebuildKey says the key anew where it is another, or its column.
func (c *tableDiff) rebuildKey(p *tableText) {
	have := keyOf(c.have)
	changed := !slices.EqualFunc(have, c.t.key, func(a, b string) bool { return fold(a) == fold(b) })
	auto := ""
	for _, w := range c.want.Columns {
		h := c.column(c.have, w.Name)
		inKey := slices.Contains(c.t.key, w.Name)
		if w.Auto {
			auto = w.Name
		}
		if inKey && h != nil && c.rebuild.alters[fold(h.Name)] != nil {
			changed = true
		}
	}
	if !changed {
		return
	}
	p.dropKey()
	if auto != "" {
		p.constrain(auto, "PRIMARY KEY AUTOINCREMENT")
		return
	}
	p.add("PRIMARY KEY (" + ddl.Quotes(catalog.SQLite, c.t.key) + ")")
}

// finalForeign are the foreign keys that the table has in the end.
func (c *tableDiff) finalForeign() []*catalog.ForeignKey {
	var out []*catalog.ForeignKey
	for _, w := range c.want.Foreign {
		k := *w
		for _, h := range c.have.Foreign {
			if sameColumns(h.Columns, w.Columns) && fold(h.RefTable) == fold(w.RefTable) && sameColumns(h.RefColumns, w.RefColumns) {
				k.Deferrable = h.Deferrable
				if h.Name != "" {
					k.Name = h.Name
				}
			}
		}
		out = append(out, &k)
	}
	for _, h := range c.have.Foreign {
		if h.Deferrable != "" && !c.have.Made && !slices.ContainsFunc(out, func(k *catalog.ForeignKey) bool {
			return sameColumns(h.Columns, k.Columns) && fold(h.RefTable) == fold(k.RefTable)
		}) {
			out = append(out, h)
		}
	}
	return out
}

func sameColumns(a, b []string) bool {
	return slices.EqualFunc(a, b, func(x, y string) bool { return fold(x) == fold(y) })
}

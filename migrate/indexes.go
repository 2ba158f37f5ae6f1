package migrate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/ddl"
	"github.com/weftdb/weft/schema"
)

// indexes compares the indexes: by name, and where none has the name, by what
// they do.
func (c *tableDiff) indexes() error {
	used := map[*catalog.Index]bool{}
	byName := func(name string) *catalog.Index {
		for _, h := range c.have.Indexes {
			if c.to.fold(h.Name) == c.to.fold(name) && !h.Constraint || h.Name == name {
				return h
			}
		}
		return nil
	}
	for _, w := range c.want.Indexes {
		if h := byName(w.Name); h != nil {
			used[h] = true
		}
	}
	for i, w := range c.want.Indexes {
		x := c.t.indexes[i]
		h := byName(w.Name)
		if h == nil {
			k := slices.IndexFunc(c.have.Indexes, func(h *catalog.Index) bool { return !used[h] && c.does(h, w, x) })
			if k >= 0 {
				used[c.have.Indexes[k]] = true
				continue
			}
			if err := c.addIndex(w, x); err != nil {
				return err
			}
			continue
		}
		if c.does(h, w, x) && (h.Unique == w.Unique || !c.have.Made || c.o.Additive) {
			continue
		}
		if err := c.replaceIndex(h, w, x); err != nil {
			return err
		}
	}
	if c.o.Additive {
		return nil
	}
	for _, h := range c.have.Indexes {
		if used[h] || !c.plain(h) || c.forForeign(h) {
			continue
		}
		c.dropIndex(h)
	}
	return nil
}

// plain reports whether an index is one that a model could have asked for.
// What no model can say belongs to whoever made it.
func (c *tableDiff) plain(h *catalog.Index) bool {
	if !c.have.Made {
		columns, odd := c.differ.have.IndexColumns(c.have, h)
		return odd == "" && !sameNames(columns, keyOf(c.have)) && !slices.ContainsFunc(columns, func(name string) bool {
			f := c.field(name)
			return f == nil || f.Type.Kind() == schema.KindJSON
		})
	}
	if h.Method != "" || len(h.Include) > 0 || h.NullsEqual || h.Deferrable != "" || len(h.Parts) == 0 {
		return false
	}
	return !slices.ContainsFunc(h.Parts, func(p catalog.Part) bool {
		return p.Column == "" || p.Desc || p.Class != ""
	})
}

// forForeign reports whether MySQL needs the index for a foreign key: it makes
// one where there is none, and does not let it go.
func (c *tableDiff) forForeign(h *catalog.Index) bool {
	if c.to.dialect != catalog.MySQL {
		return false
	}
	for _, k := range slices.Concat(c.have.Foreign, c.want.Foreign) {
		if len(h.Parts) >= len(k.Columns) && slices.EqualFunc(h.Parts[:len(k.Columns)], k.Columns, func(p catalog.Part, col string) bool { return c.to.fold(p.Column) == c.to.fold(col) }) {
			return h.Name == k.Name || len(h.Parts) == len(k.Columns)
		}
	}
	return false
}

// does reports whether an index does what is wanted. A unique one also does
// where a plain one is wanted.
func (c *tableDiff) does(h, w *catalog.Index, x *index) bool {
	if w.Unique && !h.Unique || h.Method != "" || len(h.Parts) != len(w.Parts) || h.NullsEqual || h.Deferrable != "" || h.Invalid {
		return false
	}
	for i, p := range h.Parts {
		q := w.Parts[i]
		if c.to.fold(p.Column) != c.to.fold(q.Column) || p.Column == "" || p.Desc || p.Class != "" {
			return false
		}
		if c.to.dialect == catalog.Postgres && p.NullsFirst != q.NullsFirst && c.have.Made && !c.o.Additive {
			return false
		}
		if p.Prefix != q.Prefix && (c.have.Made || w.Unique) {
			return false
		}
	}
	if h.Where == "" || w.Where == "" {
		return h.Where == w.Where || h.Where != "" && x.where == h.Where
	}
	return sameWords(c.to.dialect, h.Where, w.Where) || c.sameWhere(h.Where, w)
}

func (c *tableDiff) addIndex(w *catalog.Index, x *index) error {
	if by := c.taken(w.Name); by != "" {
		c.refuse(c.t.name, w.Name, "the name of the index is taken by %s; give it another", by)
		return nil
	}
	s := c.step(AddIndex, w.Name, x.reason, ddl.CreateIndex(c.to.dialect, c.t.name, w))
	return c.unique(s, w, x)
}

// unique refuses a unique index over rows that are not.
func (c *tableDiff) unique(s *Step, w *catalog.Index, x *index) error {
	if !w.Unique {
		return nil
	}
	where := ""
	if x.where != "" || x.live {
		where = x.where
		if x.live {
			if del := c.t.model.DeletedF; c.added[del.Column] {
				where = ""
			} else {
				where = c.nowColumn(c.have, del.Column) + " IS NULL"
			}
			if x.all != nil && *x.all != "" {
				where = strings.TrimPrefix(where+" AND ("+*x.all+")", " AND ")
			}
		}
	}
	why, err := c.duplicates(x.columns, where)
	if err != nil || why == "" {
		return err
	}
	if c.o.Additive {
		c.refuse(c.t.name, w.Name, "%s", why)
		return nil
	}
	s.refuseUnless(false, AllowNothing, why)
	return nil
}

// taken says what has the name of an index or table already, "" for nothing.
func (d *differ) taken(name string) string {
	if d.to.dialect == catalog.MySQL {
		return "" // names of indexes are the table's own
	}
	for _, o := range d.have.Tables {
		if d.to.fold(o.Name) == d.to.fold(name) {
			return "the table " + o.Name
		}
		for _, h := range o.Indexes {
			if d.to.fold(h.Name) == d.to.fold(name) {
				return "the index " + h.Name + " of table " + o.Name
			}
		}
	}
	if v := d.view(name); v != nil {
		return "the view " + v.Name
	}
	return ""
}

func (c *tableDiff) replaceIndex(h, w *catalog.Index, x *index) error {
	reason := fmt.Sprintf("the index is %s, the model wants %s", indexText(h), indexText(w))
	if c.o.Additive {
		relaxes := x.all != nil && h.Unique && indexText(&catalog.Index{Unique: true, Parts: h.Parts, Where: h.Where}) == indexText(&catalog.Index{Unique: true, Parts: partsOf(x.columns), Where: *x.all})
		if !relaxes || c.pointedAtColumns(x.columns) {
			c.refuse(c.t.name, w.Name, "the index exists with %s, the model wants %s; drop it, and it is made again", indexText(h), indexText(w))
			return nil
		}
		reason = strings.TrimSuffix(x.reason, amongLive) + " holds among live rows now that " + c.t.model.Name + " has soft delete"
	}
	if h.Constraint && c.to.dialect == catalog.SQLite {
		c.rebuilding().because("unique (" + strings.Join(x.columns, ", ") + "): " + reason)
		return nil
	}
	if c.losesColumn(h) { // the column takes the index along, or refuses to go
		c.step(DropIndex, h.Name, reason, ddl.DropIndex(c.to.dialect, c.t.name, h))
		return c.unique(c.step(AddIndex, w.Name, reason, ddl.CreateIndex(c.to.dialect, c.t.name, w)), w, x)
	}
	s := c.step(ReplaceIndex, w.Name, reason, ddl.ReplaceIndex(c.to.dialect, c.t.name, h, w)...)
	return c.unique(s, w, x)
}

// losesColumn reports whether a column goes that the index has, so that the
// index must go before it. MySQL only shortens an index that is not unique and
// keeps its first column, and a foreign key may need what is left.
func (c *tableDiff) losesColumn(h *catalog.Index) bool {
	if c.o.Additive {
		return false
	}
	for i, p := range h.Parts {
		if p.Column != "" && c.column(c.want, p.Column) == nil && (c.to.dialect != catalog.MySQL || h.Unique || i == 0) {
			return true
		}
	}
	return slices.ContainsFunc(c.have.Columns, func(col *catalog.Column) bool {
		return c.column(c.want, col.Name) == nil && mentions(h.Where, col.Name)
	})
}

func partsOf(columns []string) []catalog.Part {
	out := make([]catalog.Part, len(columns))
	for i, c := range columns {
		out[i].Column = c
	}
	return out
}

// pointedAtColumns reports whether a foreign key of any table points at the columns.
func (c *tableDiff) pointedAtColumns(columns []string) bool {
	for _, o := range c.differ.have.Tables {
		for _, k := range o.Foreign {
			if c.to.foldTable(k.RefTable) == c.to.foldTable(c.have.Name) && sameNames(k.RefColumns, columns) {
				return true
			}
		}
	}
	return false
}

func (c *tableDiff) dropIndex(h *catalog.Index) {
	reason := "no model asks for " + indexText(h)
	if h.Constraint && c.to.dialect == catalog.SQLite {
		c.rebuilding().because(reason)
		c.rebuilding().noUnique(h)
		return
	}
	c.step(DropIndex, h.Name, reason, ddl.DropIndex(c.to.dialect, c.t.name, h))
}

// indexText says what an index is.
func indexText(x *catalog.Index) string {
	var out []string
	for _, p := range x.Parts {
		s := p.Column
		if s == "" {
			s = "an expression"
		}
		if p.Desc {
			s += " descending"
		}
		if p.NullsFirst {
			s += " nulls first"
		}
		if p.Prefix > 0 {
			s += fmt.Sprintf("(%d)", p.Prefix)
		}
		out = append(out, s)
	}
	s := "(" + strings.Join(out, ", ") + ")"
	if x.Unique {
		s = "unique " + s
	}
	if x.Method != "" {
		s = x.Method + " " + s
	}
	if x.Where != "" {
		s += " where " + x.Where
	}
	return s
}

// dropTables drops the tables that were named, and nothing else.
func (d *differ) dropTables() error {
	for _, name := range d.o.DropTables {
		h := d.table(name)
		switch {
		case d.o.Additive:
			continue
		case tableOf(d.want, name) != nil:
			d.refuse(name, "", "the table is to be dropped, but a model has it")
			continue
		case h == nil || h.Kind != catalog.Ordinary:
			d.note("%s: there is no such table to drop", name)
			continue
		}
		for _, o := range d.have.Tables {
			for _, k := range o.Foreign {
				if o != h && d.to.foldTable(k.RefTable) == d.to.foldTable(h.Name) && !slices.Contains(d.o.DropTables, o.Name) {
					d.refuse(name, "", "the table is to be dropped, but the foreign key %s of %s points at it", k.Name, o.Name)
				}
			}
		}
		n, err := d.rowsOf(h)
		if err != nil {
			return err
		}
		s := Step{Kind: DropTable, Table: h.Name, Rows: n, Destructive: true, Reason: "it was asked for", SQL: []string{"DROP TABLE " + d.quote(h.Name)}}
		if d.to.dialect != catalog.SQLite { // they may point at each other
			for _, k := range h.Foreign {
				if k.RefTable != h.Name {
					d.add(Step{Kind: DropForeignKey, Table: h.Name, Name: k.Name, Rows: n, Reason: "the table goes", SQL: []string{ddl.DropForeignKey(d.to.dialect, h.Name, k.Name)}})
				}
			}
		}
		for _, key := range []string{"table:" + h.Name, "names:" + h.Name} {
			if _, is := d.meta[key]; is {
				s.SQL = append(s.SQL, "DELETE FROM "+d.quote(metaTable)+" WHERE "+d.quote("key")+" = "+catalog.Text(d.to.dialect, key))
			}
		}
		if d.to.dialect == catalog.MySQL {
			slices.Reverse(s.SQL)
		}
		s.refuseUnless(d.o.AllowDrop, AllowDrop, "the table has "+plural(n, "row", "rows"))
		d.add(s)
		for _, v := range d.have.Views {
			if slices.Contains(v.Uses, h.Name) {
				d.refuse(name, "", "the table is to be dropped, but the view %s reads it; drop the view first", v.Name)
			}
		}
	}
	return nil
}

package migrate

import (
	"slices"
	"strings"

	"github.com/weftdb/weft/migrate/catalog"
)

// searcher plans the full-text indexes of SQLite.
type searcher struct{ *differ }

// search plans the full-text indexes: they are made, made again where they are
// not as the models want them, and dropped where nothing is searched any more.
func (p *searcher) search() error {
	for _, t := range p.want {
		o, exists := p.objects[fold(t.name)]
		switch {
		case exists && o.ordinary():
			p.dropFormer(t)
		case exists && len(t.search) > 0:
			p.note("%s: %s cannot have a full-text index; searches of %s are refused", t.name, o.words(), t.model.Name)
			t.search = nil
		}
	}
	for _, t := range p.want {
		o, exists := p.objects[fold(t.name)]
		if exists && !o.ordinary() {
			continue
		}
		if err := p.searchOf(t, exists); err != nil {
			return err
		}
	}
	return nil
}

// dropFormer drops indexes that the table had under another name: its triggers
// went with it when it was renamed.
func (p *searcher) dropFormer(t *table) {
	var former []string
	for _, o := range p.objects {
		if o.kind != "trigger" || fold(o.table) != fold(t.name) {
			continue
		}
		for _, end := range []string{"_insert", "_update", "_delete"} {
			name, found := strings.CutSuffix(o.name, end)
			if name, own := strings.CutPrefix(name, searchPrefix); own && found && name != t.name && !slices.Contains(former, name) {
				former = append(former, name)
			}
		}
	}
	slices.Sort(former)
	for _, name := range former {
		if drop, _, ok := p.dropSearch(t, name, nil); ok {
			p.Steps = append(p.Steps, Step{
				Kind: DropSearch, Table: t.name, Name: SearchOf(name).Words, SQL: drop, Reason: "the table was " + name + " when the index was made",
			})
		}
	}
}

// dropSearch are the statements that drop the index of a table name, as far as
// it is there. same reports that it is what parts say; without ok a name is
// taken by something else. What is dropped counts as gone from then on.
func (p *searcher) dropSearch(t *table, name string, parts []part) (drop []string, same, ok bool) {
	same = true
	gone := []string{}
	for _, x := range SearchOf(name).parts() {
		o, there := p.objects[fold(x.name)]
		if !there {
			same = false
			continue
		}
		if !x.owns(o, t) {
			if len(t.search) > 0 {
				p.refuse(t.name, x.name, "the name of a part of the full-text index is taken by %s; rename that", o.words())
			}
			return nil, false, false
		}
		drop, gone = append(drop, "DROP "+strings.ToUpper(x.kind)+" "+quote(o.name)), append(gone, fold(x.name))
		same = same && slices.ContainsFunc(parts, func(y part) bool { return y.name == o.name && y.sql == o.sql })
	}
	if !same {
		for _, name := range gone {
			delete(p.objects, name)
		}
	}
	return drop, same, true
}

func (p *searcher) searchOf(t *table, exists bool) error {
	var parts []part
	if len(t.search) > 0 {
		collations, generated, err := p.keyOf(t, exists)
		if err != nil {
			return err
		}
		parts = t.searchParts(collations, generated)
	}
	drop, same, ok := p.dropSearch(t, t.name, parts)
	if !ok || same || len(drop)+len(parts) == 0 {
		return nil
	}
	var rows int64
	if exists {
		if err := p.conn.QueryRowContext(p.ctx, "SELECT count(*) FROM "+quote(t.name)).Scan(&rows); err != nil {
			return fail(err, "count the rows of "+t.name)
		}
	}
	step := Step{Kind: DropSearch, Table: t.name, Name: SearchOf(t.name).Words, SQL: drop, Rows: rows, Reason: "no field of " + t.model.Name + " is searched"}
	if len(parts) > 0 {
		var names []string
		for _, c := range t.search {
			names = append(names, c.field.Name)
		}
		step.Kind, step.Reason = AddSearch, "searched are "+strings.Join(names, ", ")
		for _, x := range parts {
			step.SQL = append(step.SQL, x.sql)
		}
		if exists {
			step.SQL = append(step.SQL, t.searchFill()...)
		}
	}
	p.Steps = append(p.Steps, step)
	return nil
}

// parts are the objects of an index, in the order in which they are dropped.
func (s Search) parts() []part {
	return []part{
		{kind: "trigger", name: s.Triggers[0]},
		{kind: "trigger", name: s.Triggers[1]},
		{kind: "trigger", name: s.Triggers[2]},
		{kind: "table", name: s.Words, sql: "USING fts5("},
		{kind: "view", name: s.Rows, sql: `d."doc" AS "doc"`},
		{kind: "table", name: s.Docs, sql: `("doc" INTEGER PRIMARY KEY AUTOINCREMENT, "k0"`},
	}
}

// owns reports whether what has the name of a part is that part, of whatever
// fields. The trigger of another table is not.
func (x part) owns(o object, t *table) bool {
	return o.kind == x.kind && strings.Contains(o.sql, x.sql) && (o.kind != "trigger" || fold(o.table) == fold(t.name))
}

// keyOf looks at the key of a table that exists: its collations, and whether
// columns are generated.
func (p *searcher) keyOf(t *table, exists bool) (collations []string, generated bool, err error) {
	if !exists {
		return nil, false, nil
	}
	rows, err := p.conn.QueryContext(p.ctx, `SELECT x.name, x.coll FROM pragma_index_list(?) AS l, pragma_index_xinfo(l.name) AS x
		WHERE l.origin = 'pk' AND x.key AND upper(x.coll) <> 'BINARY'`, t.name)
	if err != nil {
		return nil, false, fail(err, "look at the key of "+t.name)
	}
	defer rows.Close()
	for rows.Next() {
		var name, collation string
		if err := rows.Scan(&name, &collation); err != nil {
			return nil, false, fail(err, "look at the key of "+t.name)
		}
		if collations == nil {
			collations = make([]string, len(t.key))
		}
		if i := slices.IndexFunc(t.key, func(k string) bool { return fold(k) == fold(name) }); i >= 0 {
			collations[i] = collation
		}
	}
	if err := rows.Err(); err != nil {
		return nil, false, fail(err, "look at the key of "+t.name)
	}
	var n int
	if err := p.conn.QueryRowContext(p.ctx, "SELECT count(*) FROM pragma_table_xinfo(?) WHERE hidden > 1", t.name).Scan(&n); err != nil {
		return nil, false, fail(err, "look at the columns of "+t.name)
	}
	return collations, n > 0, nil
}

// search plans the full-text indexes, which SQLite has.
func (d *differ) search() error {
	if d.to.dialect != catalog.SQLite {
		return nil
	}
	p := &searcher{differ: d}
	if err := p.search(); err != nil {
		return err
	}
	d.searchAround()
	return nil
}

// searchAround drops the full-text index of a table first where the table is
// made anew or loses columns, and makes it again in the end: its triggers would
// be in the way.
func (d *differ) searchAround() {
	for i := range d.Steps {
		s := &d.Steps[i]
		if s.Kind != AddSearch && s.Kind != DropSearch {
			continue
		}
		at := slices.IndexFunc(d.Steps, func(o Step) bool { return o.Table == s.Table && o.Kind == RebuildTable })
		if at < 0 && !slices.ContainsFunc(d.Steps, func(o Step) bool { return o.Table == s.Table && o.Kind == DropColumn }) {
			continue
		}
		var drops, rest []string
		for _, q := range s.SQL {
			if strings.HasPrefix(q, "DROP ") {
				drops = append(drops, q)
			} else {
				rest = append(rest, q)
			}
		}
		if len(drops) == 0 {
			continue
		}
		d.searchFirst[s.Table] = true
		if at >= 0 {
			d.Steps[at].SQL = slices.DeleteFunc(d.Steps[at].SQL, func(q string) bool {
				return slices.ContainsFunc(drops, func(drop string) bool {
					name, isTrigger := strings.CutPrefix(drop, "DROP TRIGGER ")
					return isTrigger && strings.HasPrefix(q, "CREATE TRIGGER "+name)
				})
			})
		}
		if s.Kind == AddSearch {
			s.SQL = rest
			d.add(Step{Kind: DropSearch, Table: s.Table, Name: s.Name, Rows: s.Rows, Reason: "it is made again when the table has changed", SQL: drops})
		}
	}
}

package migrate

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"

	"github.com/weftdb/weft/schema"
)

// Database is what a database holds, whoever made it: what models can be made
// of. Tables are in the order of their names.
type Database struct {
	Tables []*FoundTable
}

// FoundTable is a table, or something like one, as the database tells of it.
type FoundTable struct {
	Name         string
	Kind         TableKind
	Made         bool // Weft made it
	WithoutRowID bool
	Columns      []*FoundColumn
	Key          []string // the columns of the primary key, in its order
	Auto         bool     // the database hands out the key
	Indexes      []*FoundIndex
	ForeignKeys  []*FoundForeignKey
}

// TableKind says what a table is.
type TableKind string

// The kinds of tables. Of all but ordinary ones only the name is known.
const (
	OrdinaryTable TableKind = "table"
	ViewTable     TableKind = "view"
	VirtualTable  TableKind = "virtual"
	ShadowTable   TableKind = "shadow" // belongs to a virtual table
)

// FoundColumn is a column. Type is as declared, in capitals with single
// spaces; Default is SQL, empty for none.
type FoundColumn struct {
	Name      string
	Type      string
	NotNull   bool
	Default   string
	Generated bool
	made      bool
}

// FoundIndex is an index beside that of the key. Name is empty for one that
// a UNIQUE in the table stands for. Odd says what an index of a model cannot
// be, and is empty where a model can have the same; Columns are then complete.
type FoundIndex struct {
	Name    string
	Columns []string
	Unique  bool
	Where   string
	Odd     string
}

// FoundForeignKey is a foreign key. RefColumns are the parent's key where the
// declaration named none; they are empty where the parent does not exist.
type FoundForeignKey struct {
	Columns    []string
	RefTable   string
	RefColumns []string
	OnDelete   schema.Action
	OnUpdate   schema.Action
}

// Table returns the table of that name, whatever its case, or nil.
func (d *Database) Table(name string) *FoundTable {
	for _, t := range d.Tables {
		if fold(t.Name) == fold(name) {
			return t
		}
	}
	return nil
}

// Column returns the column of that name, whatever its case, or nil.
func (t *FoundTable) Column(name string) *FoundColumn {
	for _, c := range t.Columns {
		if fold(c.Name) == fold(name) {
			return c
		}
	}
	return nil
}

// Look reads what the SQLite database behind conn holds; tables of SQLite's
// own and of Weft's (weft_…) are left out. It changes nothing. The connection is used
// alone until Look returns and must not be in a transaction.
func Look(ctx context.Context, conn *sql.Conn) (*Database, error) {
	d := &Database{}
	err := inTx(ctx, conn, "BEGIN", func() error { // one view of the catalogue
		objects, err := catalogue(ctx, conn)
		if err != nil {
			return err
		}
		if _, known := objects[metaTable]; known {
			if err := checkFormat(ctx, conn); err != nil {
				return err
			}
		}
		l := &looker{ctx: ctx, conn: conn, objects: objects}
		return l.tables(d)
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// looker asks SQLite's pragmas. Atlas is not asked here: it stops at the first
// thing it does not know, and of a database that nobody has models for all
// tables are read.
type looker struct {
	ctx     context.Context
	conn    *sql.Conn
	objects map[string]object
}

// each runs a query and calls fn for every row with its columns as texts; NULL
// is the empty text.
func (l *looker) each(doing, query string, args []any, fn func(row []string)) error {
	rows, err := l.conn.QueryContext(l.ctx, query, args...)
	if err != nil {
		return fail(err, doing)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return fail(err, doing)
	}
	cells := make([]sql.NullString, len(names))
	to := make([]any, len(names))
	for i := range cells {
		to[i] = &cells[i]
	}
	for rows.Next() {
		if err := rows.Scan(to...); err != nil {
			return fail(err, doing)
		}
		row := make([]string, len(cells))
		for i, c := range cells {
			row[i] = c.String
		}
		fn(row)
	}
	if err := rows.Err(); err != nil {
		return fail(err, doing)
	}
	return nil
}

func (l *looker) tables(d *Database) error {
	err := l.each("list the tables", "SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main'", nil, func(r []string) {
		if name := fold(r[0]); !strings.HasPrefix(name, "sqlite_") && !strings.HasPrefix(name, ownPrefix) {
			d.Tables = append(d.Tables, &FoundTable{Name: r[0], Kind: TableKind(r[1]), WithoutRowID: r[2] == "1"})
		}
	})
	if err != nil {
		return err
	}
	slices.SortFunc(d.Tables, func(a, b *FoundTable) int { return strings.Compare(a.Name, b.Name) })
	if _, known := l.objects[metaTable]; known {
		err := l.each("read "+metaTable, "SELECT key FROM "+metaTable+" WHERE key LIKE 'table:%'", nil, func(r []string) {
			if t := d.Table(strings.TrimPrefix(r[0], "table:")); t != nil {
				t.Made = true
			}
		})
		if err != nil {
			return err
		}
	}
	for _, t := range d.Tables {
		if t.Kind != OrdinaryTable {
			continue
		}
		for _, read := range []func(*FoundTable) error{l.columns, l.indexes, l.foreignKeys} {
			if err := read(t); err != nil {
				return err
			}
		}
	}
	for _, t := range d.Tables {
		for _, k := range t.ForeignKeys {
			k.complete(d)
		}
	}
	return nil
}

func (l *looker) columns(t *FoundTable) error {
	byPlace := map[string]string{}
	err := l.each("read the columns of "+t.Name,
		`SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?)`, []any{t.Name}, func(r []string) {
			t.Columns = append(t.Columns, &FoundColumn{
				Name: r[0], Type: typeName(r[1]), NotNull: r[2] == "1", Default: r[3], Generated: r[5] > "1", made: t.Made,
			})
			if r[4] != "0" {
				byPlace[r[4]] = r[0]
			}
		})
	if err != nil {
		return err
	}
	for range byPlace {
		t.Key = append(t.Key, byPlace[strconv.Itoa(len(t.Key)+1)])
	}
	return nil
}

func (l *looker) indexes(t *FoundTable) error {
	ownKey := false // the key has an index, so it is not the row's id
	err := l.each("list the indexes of "+t.Name, `SELECT name, "unique", origin FROM pragma_index_list(?) ORDER BY seq DESC`, []any{t.Name}, func(r []string) {
		x := &FoundIndex{Name: r[0], Unique: r[1] == "1", Where: withoutComments(predicate(l.objects[fold(r[0])].sql))}
		if r[2] == "pk" {
			ownKey = true
			return
		}
		t.Indexes = append(t.Indexes, x)
	})
	if err != nil {
		return err
	}
	for _, x := range t.Indexes {
		if err := l.index(x); err != nil {
			return err
		}
	}
	if len(t.Key) == 1 && t.Column(t.Key[0]).Type == "INTEGER" && !ownKey && !t.WithoutRowID {
		// Of its own tables Weft knows which keys were meant to be handed out.
		t.Auto = !t.Made || slices.ContainsFunc(tokens(l.objects[fold(t.Name)].sql), func(s string) bool { return strings.EqualFold(s, "AUTOINCREMENT") })
	}
	return nil
}

func (l *looker) index(x *FoundIndex) error {
	err := l.each("read the index "+x.Name,
		`SELECT cid, name, "desc", coll FROM pragma_index_xinfo(?) WHERE key = 1 ORDER BY seqno`, []any{x.Name}, func(r []string) {
			switch {
			case r[0] == "-2":
				x.Odd = "goes by an expression"
				return
			case r[0] == "-1":
				x.Odd = "goes by the row's number"
				return
			case r[2] == "1":
				x.Odd = "is descending in " + r[1]
			}
			x.Columns = append(x.Columns, r[1])
		})
	if strings.HasPrefix(fold(x.Name), "sqlite_autoindex_") {
		x.Name = ""
	}
	return err
}

func (l *looker) foreignKeys(t *FoundTable) error {
	last := ""
	return l.each("read the foreign keys of "+t.Name,
		`SELECT id, "table", "from", "to", on_delete, on_update FROM pragma_foreign_key_list(?) ORDER BY id DESC, seq`, []any{t.Name}, func(r []string) {
			if r[0] != last || len(t.ForeignKeys) == 0 {
				last = r[0]
				t.ForeignKeys = append(t.ForeignKeys, &FoundForeignKey{RefTable: r[1], OnDelete: foundAction(r[4]), OnUpdate: foundAction(r[5])})
			}
			k := t.ForeignKeys[len(t.ForeignKeys)-1]
			k.Columns = append(k.Columns, r[2])
			if r[3] != "" {
				k.RefColumns = append(k.RefColumns, r[3])
			}
		})
}

func foundAction(s string) schema.Action {
	if s == "NO ACTION" {
		return schema.NoAction
	}
	return schema.Action(strings.ToLower(s))
}

// complete spells the parent's names as the parent does and fills in its key.
func (k *FoundForeignKey) complete(d *Database) {
	p := d.Table(k.RefTable)
	if p == nil || p.Kind != OrdinaryTable {
		k.RefColumns = nil
		return
	}
	k.RefTable = p.Name
	if len(k.RefColumns) == 0 {
		k.RefColumns = slices.Clone(p.Key)
	}
	for i, name := range k.RefColumns {
		c := p.Column(name)
		if c == nil {
			k.RefColumns = nil
			return
		}
		k.RefColumns[i] = c.Name
	}
	if len(k.RefColumns) != len(k.Columns) {
		k.RefColumns = nil
	}
}

package migrate

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	atlas "ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// Difference is something in the database that is not as the models want it
// and that adding cannot bring about.
type Difference struct {
	Table   string `json:"table"`
	Name    string `json:"name,omitempty"` // of the column or index
	Message string `json:"message"`
}

// Differences are all that were found, as one error.
type Differences []Difference

func (d Differences) Error() string {
	parts := make([]string, len(d))
	for i, x := range d {
		who := x.Table
		if x.Name != "" {
			who += "." + x.Name
		}
		parts[i] = who + ": " + x.Message
	}
	return strings.Join(parts, "; ")
}

// plan looks and compares. It runs inside a transaction, so that what it looks
// at does not move.
func plan(ctx context.Context, conn *sql.Conn, set *schema.Set) (*Plan, error) {
	set = set.Stored() // columns hold ciphertexts, whoever asks
	want, err := desire(set)
	if err != nil {
		return nil, err
	}
	have, err := inspect(ctx, conn, want)
	if err != nil {
		return nil, err
	}
	p := &planner{ctx: ctx, conn: conn, want: want, have: have, Plan: &Plan{Steps: []Step{}, set: set}}
	_, known := have.objects[metaTable]
	if known {
		if err := checkFormat(ctx, conn); err != nil {
			return nil, err
		}
	}
	if err := p.compare(); err != nil {
		return nil, err
	}
	if err := p.search(); err != nil {
		return nil, err
	}
	if len(p.diffs) > 0 {
		return nil, op.Errorf(op.CodeValidation, "migrate: the models do not fit the database, and AutoMigrate only adds tables, columns and indexes; "+
			"nothing was done; change the models or the tables: %w", p.diffs)
	}
	slices.SortStableFunc(p.Steps, func(a, b Step) int { return order(a.Kind) - order(b.Kind) })
	if !known && len(p.Steps) > 0 { // what already fits is left without a trace
		p.Steps = slices.Insert(p.Steps, 0, metaStep())
	}
	return p.Plan, nil
}

// order puts tables before columns and these before indexes.
func order(k Kind) int {
	return slices.Index([]Kind{CreateTable, AddColumn, ReplaceIndex, AddIndex, DropSearch, AddSearch}, k)
}

type planner struct {
	*Plan
	ctx   context.Context
	conn  *sql.Conn
	want  []*table
	have  *found
	diffs Differences
}

func (p *planner) differs(table, name, format string, args ...any) {
	p.diffs = append(p.diffs, Difference{Table: table, Name: name, Message: fmt.Sprintf(format, args...)})
}

func (p *planner) note(format string, args ...any) {
	p.Notes = append(p.Notes, fmt.Sprintf(format, args...))
}

// compare has atlas find the differences and makes steps, notes and refusals
// of them.
func (p *planner) compare() error {
	to := &atlas.Schema{Name: "main"}
	for _, t := range p.want {
		if o, ok := p.have.objects[fold(t.name)]; ok && !o.ordinary() {
			if o.kind == "index" {
				p.differs(t.name, "", "the name is taken by an index")
			} else {
				p.note("%s: there is %s; it is used as it is", t.name, o.words())
			}
			continue
		}
		to.AddTables(t.atlas())
	}
	for _, t := range p.have.schema.Tables {
		p.normalise(t, tableOf(p.want, t.Name))
	}
	changes, err := sqlite.DefaultDiff.SchemaDiff(p.have.schema, to, atlas.DiffNormalized())
	if err != nil {
		return fail(err, "compare")
	}
	for _, c := range changes {
		switch c := c.(type) {
		case *atlas.AddTable:
			p.create(tableOf(p.want, c.T.Name))
		case *atlas.ModifyTable:
			if err := p.modify(tableOf(p.want, c.T.Name), c.Changes); err != nil {
				return err
			}
		default:
			return op.Errorf(op.CodeInternal, "migrate: a difference of kind %T was not expected", c)
		}
	}
	return nil
}

func (p *planner) create(t *table) {
	p.Steps = append(p.Steps, Step{
		Kind: CreateTable, Table: t.name, SQL: []string{
			t.createSQL(),
			// The engine may rely on how Weft stores things in its own tables.
			fmt.Sprintf("INSERT OR REPLACE INTO %s (\"key\", \"value\") VALUES (%s, '1')", quote(metaTable), quoteText("table:"+t.name)),
		},
		Reason: "model " + t.model.Name + " has no table",
	})
	for _, x := range t.indexes {
		p.addIndex(t, x, 0)
	}
}

func (p *planner) addIndex(t *table, x *index, rows int64) {
	if o, taken := p.have.objects[fold(x.name)]; taken {
		p.differs(t.name, x.name, "the name of the index is taken by %s; give it another", o.words())
		return
	}
	p.Steps = append(p.Steps, Step{Kind: AddIndex, Table: t.name, Name: x.name, SQL: []string{x.sql(t.name)}, Rows: rows, Reason: x.reason})
}

// modify goes through what atlas found in a table that exists.
func (p *planner) modify(t *table, changes []atlas.Change) error {
	var rows int64
	if err := p.conn.QueryRowContext(p.ctx, "SELECT count(*) FROM "+quote(t.name)).Scan(&rows); err != nil {
		return fail(err, "count the rows of "+t.name)
	}
	added := map[string]bool{}
	for _, c := range changes {
		switch c := c.(type) {
		case *atlas.AddColumn:
			added[c.C.Name] = true
			if err := p.addColumn(t, t.column(c.C.Name), rows); err != nil {
				return err
			}
		case *atlas.AddIndex:
			i := slices.IndexFunc(t.indexes, func(x *index) bool { return x.name == c.I.Name })
			x := t.indexes[i]
			if x.unique {
				if err := p.checkUnique(t, x, added, rows); err != nil {
					return err
				}
			}
			p.addIndex(t, x, rows)
		case *atlas.ModifyColumn:
			p.modifyColumn(t, c)
		case *atlas.ModifyIndex:
			if ok, err := p.relaxed(t, c); err != nil {
				return err
			} else if ok {
				p.relax(t, c.To.Name, rows)
				continue
			}
			p.differs(t.name, c.To.Name, "the index exists with %s; drop it, and it is made again", indexWords(c))
		case *atlas.AddPrimaryKey:
			p.differs(t.name, "", "the table has no primary key, the model's is (%s)", strings.Join(t.key, ", "))
		case *atlas.ModifyPrimaryKey:
			p.differs(t.name, "", "the primary key is (%s), the model's (%s)", partNames(c.From.Parts), strings.Join(t.key, ", "))
		case *atlas.DropColumn:
			// Left alone: it may be another program's.
		case *atlas.DropIndex, *atlas.DropForeignKey:
		case *atlas.AddForeignKey:
			p.note("%s: the foreign key (%s) to %s is missing; AutoMigrate adds none to a table that exists",
				t.name, columnNames(c.F.Columns), c.F.RefTable.Name)
		case *atlas.ModifyForeignKey:
			p.note("%s: the foreign key (%s) to %s does %q on delete and %q on update, the model wants %q and %q; AutoMigrate does not change it",
				t.name, columnNames(c.From.Columns), c.From.RefTable.Name, orNoAction(c.From.OnDelete), orNoAction(c.From.OnUpdate), orNoAction(c.To.OnDelete), orNoAction(c.To.OnUpdate))
		default:
			return op.Errorf(op.CodeInternal, "migrate: %s: a difference of kind %T was not expected", t.name, c)
		}
	}
	return nil
}

func (p *planner) addColumn(t *table, c *column, rows int64) error {
	if slices.Contains(t.key, c.name) {
		return nil // told as a difference of the primary key
	}
	q, err := c.addSQL(t.name, rows)
	if err != nil {
		return op.Errorf(op.CodeValidation, "migrate: %s.%s: %v", t.model.Name, c.field.Name, err)
	}
	p.Steps = append(p.Steps, Step{
		Kind: AddColumn, Table: t.name, Name: c.name, SQL: q, Rows: rows,
		Reason: "field " + c.field.Name + " of " + t.model.Name + " has no column",
	})
	return nil
}

func (p *planner) modifyColumn(t *table, c *atlas.ModifyColumn) {
	w := t.column(c.To.Name)
	who := t.model.Name + "." + w.field.Name
	if c.Change.Is(atlas.ChangeType) {
		p.differs(t.name, c.To.Name, "the column is %s, field %s (%s) needs %s", orUntyped(c.From.Type.Raw), who, w.field.Type, c.To.Type.Raw)
	}
	if c.Change.Is(atlas.ChangeNull) {
		if w.null {
			p.differs(t.name, c.To.Name, "the column is NOT NULL, field %s can be NULL", who)
		} else {
			p.differs(t.name, c.To.Name, "the column can be NULL, field %s cannot; make it a pointer (nullable)", who)
		}
	}
}

// checkUnique refuses a unique index over rows that are not.
func (p *planner) checkUnique(t *table, x *index, added map[string]bool, rows int64) error {
	var group, conds []string
	for _, name := range x.columns {
		switch c := t.column(name); {
		case !added[name]:
			group = append(group, quote(name))
			conds = append(conds, quote(name)+" IS NOT NULL")
		default:
			if v, err := fill(c.field); err != nil || v == "" {
				return nil // NULL in every row: never equal
			}
		}
	}
	if del := t.model.DeletedF; x.where != "" && (del == nil || !added[del.Column]) {
		conds = append(conds, "("+x.where+")")
	}
	q := "SELECT 1 FROM " + quote(t.name)
	if len(conds) > 0 {
		q += " WHERE " + strings.Join(conds, " AND ")
	}
	if len(group) > 0 {
		q += " GROUP BY " + strings.Join(group, ", ")
	} else {
		q += " GROUP BY NULL"
	}
	var n int64
	if err := p.conn.QueryRowContext(p.ctx, "SELECT count(*) FROM ("+q+" HAVING count(*) > 1)").Scan(&n); err != nil {
		return fail(err, "look for equal rows in "+t.name)
	}
	switch {
	case n > 0 && len(group) == 0:
		p.differs(t.name, x.name, "a unique column that must have a value cannot be added to %d rows, all would have the same; make it a pointer (nullable) first", rows)
	case n > 0:
		p.differs(t.name, x.name, "(%s) is to be unique, but %d values of it are in several rows", strings.Join(x.columns, ", "), n)
	}
	return nil
}

// metaStep makes Weft's own table.
func metaStep() Step {
	return Step{
		Kind: CreateTable, Table: metaTable, Reason: "Weft keeps the format of the database there",
		SQL: []string{
			"CREATE TABLE " + quote(metaTable) + " (\n  \"key\" TEXT NOT NULL,\n  \"value\" TEXT,\n  PRIMARY KEY (\"key\")\n)",
			fmt.Sprintf("INSERT INTO %s (\"key\", \"value\") VALUES ('format', '%d')", quote(metaTable), format),
		},
	}
}

func indexWords(c *atlas.ModifyIndex) string {
	words := func(x *atlas.Index) string {
		s := "(" + partNames(x.Parts) + ")"
		if x.Unique {
			s = "unique " + s
		}
		if where := wherePart(x); where != "" {
			s += " where " + where
		}
		return s
	}
	return words(c.From) + ", the model wants " + words(c.To)
}

func partNames(ps []*atlas.IndexPart) string {
	var out []string
	for _, p := range ps {
		s := "an expression"
		if p.C != nil {
			s = p.C.Name
		}
		if p.Desc {
			s += " descending"
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

func columnNames(cs []*atlas.Column) string {
	var out []string
	for _, c := range cs {
		out = append(out, c.Name)
	}
	return strings.Join(out, ", ")
}

func orNoAction(o atlas.ReferenceOption) atlas.ReferenceOption {
	if o == "" {
		return atlas.NoAction
	}
	return o
}

func orUntyped(s string) string {
	if s == "" {
		return "without a type"
	}
	return s
}

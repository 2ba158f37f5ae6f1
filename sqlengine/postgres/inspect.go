package postgres

import (
	"context"
	"hash/fnv"
	"regexp"
	"slices"
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine"
)

// columns of a table, in its order, and what orders their text.
const findColumns = `SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, coalesce(array_position(k.conkey, a.attnum), 0),
  coalesce(CASE WHEN l.collname = 'default' THEN CASE to_jsonb(d) ->> 'datlocprovider' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'C' ELSE d.datcollate END ELSE l.collname END, ''),
  a.attgenerated <> '', a.attidentity <> '' OR pg_get_serial_sequence(quote_ident(n.nspname) || '.' || quote_ident(r.relname), a.attname) IS NOT NULL,
  coalesce(pg_get_serial_sequence(quote_ident(n.nspname) || '.' || quote_ident(r.relname), a.attname), ''),
  b.typname, b.typtype, CASE WHEN b.typtype = 'e' THEN (SELECT string_agg(e.enumlabel, E'\n') FROM pg_enum e WHERE e.enumtypid = b.oid) ELSE '' END,
  l.collisdeterministic
FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace JOIN pg_attribute a ON a.attrelid = r.oid JOIN pg_type t ON t.oid = a.atttypid
  JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
  JOIN pg_database d ON d.datname = current_database()
  LEFT JOIN pg_collation l ON l.oid = a.attcollation LEFT JOIN pg_constraint k ON k.conrelid = r.oid AND k.contype = 'p'
WHERE n.nspname = current_schema() AND r.relname = $1 AND r.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum`

// findUniques are the unique indexes of a table and their columns.
const findUniques = `SELECT i.relname, x.indisprimary, string_agg(a.attname, E'\n' ORDER BY array_position(x.indkey::int2[], a.attnum))
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class r ON r.oid = x.indrelid JOIN pg_namespace n ON n.oid = r.relnamespace
  JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = ANY(x.indkey)
WHERE n.nspname = current_schema() AND r.relname = $1 AND x.indisunique GROUP BY 1, 2`

// inspect looks at a model's table.
func (e *Engine) inspect(ctx context.Context, s sqlengine.Session, m *schema.Model) (*sqlengine.Table, error) {
	if len(m.Table) > 63 {
		return nil, op.Errorf(op.CodeValidation, "the table %s of model %s cannot exist: names have at most 63 bytes in PostgreSQL", m.Table, m.Name)
	}
	c := s.(*conn)
	rows, err := c.ask(ctx, findColumns, m.Table)
	if err != nil {
		return nil, err
	}
	var found []sqlengine.FoundColumn
	sequence := ""
	for _, r := range rows {
		f := sqlengine.FoundColumn{
			Name: r[0], Type: r[1], NotNull: r[2] == "t", Collation: r[4], Generated: r[5] == "t", Auto: r[6] == "t",
		}
		if f.Auto && r[3] != "0" {
			sequence = r[7]
		}
		describe(&f, r[8], r[9], strings.Split(r[10], "\n"))
		found = append(found, f)
	}
	made := false
	if len(rows) > 0 {
		if made, err = c.made(ctx, m.Table); err != nil {
			return nil, err
		}
	}
	for i := range found {
		if made && found[i].Type == "json" { // what Weft wrote is canonical
			found[i].Store = sqlengine.StoreJSON
		}
	}
	t, err := sqlengine.NewTable(c.e.core.Dialect(), m, found, made)
	if err != nil {
		return nil, err
	}
	t.Sequence = sequence
	if rows, err = c.ask(ctx, findUniques, m.Table); err != nil {
		return nil, err
	}
	for _, r := range rows {
		e.uniques.Store(m.Table+"."+r[0], unique{columns: strings.Split(r[2], "\n"), key: r[1] == "t"})
	}
	return t, nil
}

// bytewise are the collations that sort by bytes, or by code points, which in
// UTF-8 is the same.
var bytewise = []string{"", "C", "POSIX", "ucs_basic", "C.UTF-8", "C.utf8", "pg_c_utf8"}

var uuids = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// describe says how a column of a type is used.
func describe(f *sqlengine.FoundColumn, typ, kind string, labels []string) {
	ordered := slices.Contains(bytewise, f.Collation)
	if ordered {
		f.Collation = ""
	}
	switch typ {
	case "int2", "int4":
		f.Bind, f.Store = "::bigint", sqlengine.StoreInt
	case "int8":
		f.Store = sqlengine.StoreInt
	case "float4":
		f.Bind, f.Store = "::double precision", sqlengine.StoreFloat
	case "float8":
		f.Store = sqlengine.StoreFloat
	case "numeric":
		f.Exact, f.Store = true, sqlengine.StoreExact
	case "money":
		f.Exact, f.Store, f.Read = true, sqlengine.StoreExact, "::numeric"
	case "bool":
		f.Store = sqlengine.StoreBool
	case "bytea":
		f.Store = sqlengine.StoreBytes
	case "timestamp", "timestamptz", "date":
		f.Store = sqlengine.StoreTime
	case "json":
		f.Store, f.Read = sqlengine.StoreFoundJSON, "::text"
	case "jsonb":
		f.Store = sqlengine.StoreFoundJSON
	case "uuid":
		f.Text, f.Valid = "::text", uuids.MatchString
	case "time", "timetz":
		f.Text = "::text"
	case "bpchar":
		f.Text, f.Read, f.Loose = "::text", `::text COLLATE "C"`, true
	case "text", "varchar", "name":
		if !ordered {
			f.Read, f.Loose = ` COLLATE "C"`, true
		}
	default:
		f.Text = `::text COLLATE "C"`
		f.Read = f.Text
		if kind == "e" {
			f.Valid = func(s string) bool { return slices.Contains(labels, s) }
		}
	}
}

// made reports whether Weft made the table.
func (c *conn) made(ctx context.Context, table string) (bool, error) {
	rows, err := c.ask(ctx, "SELECT to_regclass(quote_ident(current_schema()) || '.weft_meta') IS NOT NULL")
	if err != nil || rows[0][0] != "t" {
		return false, err
	}
	rows, err = c.ask(ctx, "SELECT 1 FROM weft_meta WHERE key = $1", "table:"+table)
	return len(rows) > 0, err
}

// ask runs a statement that is needed once, inside what is open, and gives its
// rows as text.
func (c *conn) ask(ctx context.Context, text string, args ...string) ([][]string, error) {
	if err := c.settle(); err != nil {
		return nil, err
	}
	if c.depth > 0 {
		if err := c.flush(ctx); err != nil {
			return nil, c.fail(ctx, err)
		}
	}
	rows, err := ask(ctx, c.pg, text, args...)
	if err != nil {
		return nil, c.fail(ctx, err)
	}
	return rows, nil
}

// keepKeys lets the sequence of a key go on behind the highest that was given.
// Only one transaction does that at a time, or a lower one might come last.
func keepKeys(ctx context.Context, s sqlengine.Session, t *sqlengine.Table, high int64) error {
	if t.Sequence == "" {
		return nil
	}
	c := s.(*conn)
	h := fnv.New64a()
	h.Write([]byte("weft:" + t.Sequence))
	st := c.e.keepers.statement("SELECT CASE WHEN pg_advisory_xact_lock($2) IS NOT NULL THEN (SELECT setval('" + strings.ReplaceAll(t.Sequence, "'", "''") +
		"', $1) FROM " + t.Sequence + " WHERE last_value < $1 OR (last_value = $1 AND NOT is_called)) END")
	_, _, err := c.Exec(ctx, st, []sqlengine.Value{sqlengine.IntValue(high), sqlengine.IntValue(int64(h.Sum64()))})
	return err
}

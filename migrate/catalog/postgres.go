package catalog

import (
	"slices"
	"strings"

	"ariga.io/atlas/sql/postgres"
	atlas "ariga.io/atlas/sql/schema"
)

// postgresRewrites keep from atlas what it takes apart and stumbles over: the
// keys of partitions and the storage parameters of indexes. Columns come from
// the catalogue, which is many times faster than the view over it, and without
// what is read here anyway.
var postgresRewrites = []string{
	`"information_schema"."columns" AS t1`, `(SELECT n.nspname AS table_schema, c.relname AS table_name, a.attname AS column_name, 'integer' AS data_type,
		CASE WHEN a.attnotnull OR t.typtype = 'd' AND t.typnotnull THEN 'NO' ELSE 'YES' END AS is_nullable, NULL::text AS column_default, NULL::int AS character_maximum_length,
		NULL::int AS numeric_precision, NULL::int AS datetime_precision, NULL::int AS numeric_scale, NULL::text AS interval_type, NULL::text AS character_set_name,
		NULL::text AS collation_name, 'NO' AS is_identity, NULL::text AS identity_start, NULL::text AS identity_increment, NULL::text AS identity_generation,
		NULL::text AS generation_expression, a.attnum AS ordinal_position
	FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_type t ON t.oid = a.atttypid
	WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p')) AS t1`,
	"t4.partattrs AS partition_attrs", "NULL::text AS partition_attrs",
	"i.reloptions AS options", "NULL::text AS options",
}

// relations are what has a name in pg_class. Those of extensions are not the
// database's own.
const pgRelations = `SELECT c.relname, c.relkind::text, CASE WHEN c.relispartition THEN 'y' END,
	concat_ws(' ', CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED' END,
		CASE WHEN c.relkind = 'p' THEN 'PARTITION BY ' || pg_get_partkeydef(c.oid) END,
		'INHERITS (' || (SELECT string_agg(h.inhparent::regclass::text, ', ' ORDER BY h.inhseqno) FROM pg_inherits h WHERE h.inhrelid = c.oid AND NOT c.relispartition) || ')',
		'WITH (' || array_to_string(c.reloptions, ', ') || ')')
FROM pg_class c
WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND c.relkind IN ('r', 'p', 'f', 'S')
	AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('e', 'i', 'a') AND (d.deptype = 'e' OR c.relkind = 'S'))`

const pgColumns = `SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid), a.attidentity::text, %s,
	CASE WHEN a.attcollation <> t.typcollation THEN
		(SELECT CASE WHEN n.nspname = 'pg_catalog' THEN '' ELSE quote_ident(n.nspname) || '.' END || k.collname FROM pg_collation k JOIN pg_namespace n ON n.oid = k.collnamespace WHERE k.oid = a.attcollation) END
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
	LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped`

const pgChecks = `SELECT c.relname, k.conname, pg_get_expr(k.conbin, k.conrelid)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE k.contype = 'c' AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)`

const pgDeferrable = `SELECT c.relname, k.conname, k.condeferred::text
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE k.condeferrable AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)`

const pgPartCollations = `SELECT c.relname, i.relname, n.ord::text, k.collname
FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
	CROSS JOIN LATERAL unnest(x.indcollation::oid[]) WITH ORDINALITY n(coll, ord)
	JOIN pg_collation k ON k.oid = n.coll
	LEFT JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[n.ord - 1] AND a.attnum > 0
WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND n.coll <> coalesce(a.attcollation, 'pg_catalog."default"'::regcollation)`

const pgInvalid = `SELECT c.relname, i.relname
FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND NOT x.indisvalid`

const pgTriggers = `SELECT c.relname, t.tgname, pg_get_triggerdef(t.oid, true)
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)`

const pgViews = `SELECT c.relname, c.relkind::text, pg_get_viewdef(c.oid), array_to_string(c.reloptions, ', ')
FROM pg_class c
WHERE c.relkind IN ('v', 'm') AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)
	AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`

const pgUses = `SELECT DISTINCT v.relname, t.relname
FROM pg_rewrite r JOIN pg_class v ON v.oid = r.ev_class
	JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
	JOIN pg_class t ON t.oid = d.refobjid
WHERE v.relkind IN ('v', 'm') AND v.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND t.relnamespace = v.relnamespace AND t.oid <> v.oid`

func (i *inspector) postgres() error {
	generated := "a.attgenerated::text"
	var number string
	err := i.each("ask for the version", `SELECT current_setting('server_version'), current_setting('server_version_num'), quote_ident(current_schema()), current_schema()`, nil, func(r []string) {
		i.db.Version, number, i.db.Schema = r[0], r[1], r[3]
	})
	if err != nil {
		return err
	}
	if i.db.Schema == "" {
		return errNoSchema
	}
	if len(number) < 6 || number < "120000" {
		generated = "''"
	}
	schema := []any{i.db.Schema}
	var names []string
	options := map[string]string{}
	meta := false
	err = i.each("list the tables", pgRelations, schema, func(r []string) {
		meta = meta || r[0] == MetaTable
		if !i.wants(r[0]) {
			return
		}
		switch {
		case r[1] == "S":
			i.db.Tables = append(i.db.Tables, &Table{Name: r[0], Kind: Sequence})
		case r[1] == "f":
			i.db.Tables = append(i.db.Tables, &Table{Name: r[0], Kind: Foreign})
		case r[2] != "":
			i.db.Tables = append(i.db.Tables, &Table{Name: r[0], Kind: Partition})
		default:
			names = append(names, r[0])
			options[r[0]] = r[3]
		}
	})
	if err != nil {
		return err
	}
	if err := i.atlasPostgres(names); err != nil {
		return err
	}
	for _, t := range i.db.Tables {
		t.Options = options[t.Name]
	}
	if meta {
		if err := i.made(); err != nil {
			return err
		}
	}
	if err := i.pgColumns(strings.Replace(pgColumns, "%s", generated, 1), schema); err != nil {
		return err
	}
	if err := i.pgRest(schema); err != nil {
		return err
	}
	return i.pgViews(schema)
}

// atlasPostgres has atlas read tables, their columns, keys, indexes and foreign
// keys, and the enum types.
func (i *inspector) atlasPostgres(names []string) error {
	drv, err := postgres.Open(&reader{Querier: i.q, ctx: i.ctx, rewrite: strings.NewReplacer(postgresRewrites...)})
	if err != nil {
		return err
	}
	o := &atlas.InspectOptions{Mode: atlas.InspectTables | atlas.InspectTypes, Tables: names}
	if len(names) == 0 { // no names would mean all
		o.Mode = atlas.InspectTypes
	}
	s, err := drv.InspectSchema(i.ctx, i.db.Schema, o)
	if err != nil {
		return err
	}
	for _, x := range s.Objects {
		if e, ok := x.(*atlas.EnumType); ok {
			i.db.Enums = append(i.db.Enums, &Enum{Name: e.T, Values: slices.Clone(e.Values)})
		}
	}
	for _, a := range s.Tables {
		t := fromAtlas(a)
		for _, x := range a.Indexes {
			t.Indexes = append(t.Indexes, pgIndex(x))
		}
		i.db.Tables = append(i.db.Tables, t)
	}
	return nil
}

func pgIndex(a *atlas.Index) *Index {
	x := &Index{Name: a.Name, Unique: a.Unique}
	for _, at := range a.Attrs {
		switch at := at.(type) {
		case *postgres.IndexType:
			if m := strings.ToLower(at.T); m != "btree" && x.Method == "" {
				x.Method = m
			}
		case *postgres.Constraint:
			x.Constraint = x.Constraint || at.IsUnique() || at.IsExclude()
			if at.IsExclude() {
				x.Method = "exclude"
			}
		case *postgres.IndexPredicate:
			x.Where = CanonExpr(Postgres, at.P)
		case *postgres.IndexInclude:
			for _, c := range at.Columns {
				x.Include = append(x.Include, c.Name)
			}
		case *postgres.IndexNullsDistinct:
			x.NullsEqual = !at.V
		}
	}
	for _, p := range a.Parts {
		part := Part{Desc: p.Desc}
		if p.C != nil {
			part.Column = p.C.Name
		} else if e, ok := p.X.(*atlas.RawExpr); ok {
			part.Expr = CanonExpr(Postgres, e.X)
		}
		for _, at := range p.Attrs {
			switch at := at.(type) {
			case *postgres.IndexColumnProperty:
				part.NullsFirst = at.NullsFirst
			case *postgres.IndexOpClass:
				part.Class = at.String()
			}
		}
		x.Parts = append(x.Parts, part)
	}
	return x
}

func (i *inspector) pgColumns(query string, schema []any) error {
	return i.perTable("read the columns", query, schema, func(t *Table, r []string) {
		c := t.Column(r[1])
		if c == nil {
			return
		}
		c.Type, c.Collation = CanonType(Postgres, r[2]), r[6]
		switch {
		case r[5] != "":
			c.Generated, c.Stored = CanonExpr(Postgres, r[3]), r[5] == "s"
		case r[4] != "":
			c.Auto = true
			if r[4] == "a" {
				c.Serial = "ALWAYS"
			}
		default:
			if toks := Tokens(Postgres, r[3]); len(toks) > 3 && toks[0] == "nextval" && toks[1] == "(" {
				if s, ok := text(Postgres, toks[2]); ok {
					c.Auto, c.Serial = true, s
					return
				}
			}
			c.Default = CanonDefault(Postgres, c.Type, r[3])
		}
	})
}

// pgRest reads what atlas does not.
func (i *inspector) pgRest(schema []any) error {
	err := i.perTable("read the checks", pgChecks, schema, func(t *Table, r []string) {
		t.Checks = append(t.Checks, &Check{Name: r[1], Expr: CanonExpr(Postgres, r[2])})
	})
	if err != nil {
		return err
	}
	err = i.perTable("read when constraints are checked", pgDeferrable, schema, func(t *Table, r []string) {
		how := "DEFERRABLE"
		if r[2] == "true" {
			how = "DEFERRABLE INITIALLY DEFERRED"
		}
		for _, k := range t.Foreign {
			if k.Name == r[1] {
				k.Deferrable = how
			}
		}
		if x := t.Index(r[1]); x != nil {
			x.Deferrable = how
		}
		if t.Key != nil && t.Key.Name == r[1] {
			t.Key.Deferrable = how
		}
	})
	if err != nil {
		return err
	}
	err = i.perTable("read the collations of indexes", pgPartCollations, schema, func(t *Table, r []string) {
		if x := t.Index(r[1]); x != nil {
			if n := int(r[2][0] - '1'); len(r[2]) == 1 && n < len(x.Parts) {
				x.Parts[n].Collation = r[3]
			}
		}
	})
	if err != nil {
		return err
	}
	return i.perTable("look for unfinished indexes", pgInvalid, schema, func(t *Table, r []string) {
		if x := t.Index(r[1]); x != nil {
			x.Invalid = true
		}
	})
}

func (i *inspector) pgViews(schema []any) error {
	byName := map[string]*View{}
	err := i.each("read the views", pgViews, schema, func(r []string) {
		v := &View{Name: r[0], Materialized: r[1] == "m"}
		what := "CREATE VIEW "
		if v.Materialized {
			what = "CREATE MATERIALIZED VIEW "
		}
		if r[3] != "" {
			r[3] = " WITH (" + r[3] + ")"
		}
		v.SQL = what + Quote(Postgres, v.Name) + r[3] + " AS " + strings.TrimSuffix(strings.TrimSpace(r[2]), ";")
		i.db.Views = append(i.db.Views, v)
		byName[v.Name] = v
	})
	if err != nil {
		return err
	}
	err = i.each("read what the views use", pgUses, schema, func(r []string) {
		if v := byName[r[0]]; v != nil {
			v.Uses = append(v.Uses, r[1])
		}
	})
	if err != nil {
		return err
	}
	return i.triggers("read the triggers", pgTriggers, schema, func(r []string) string { return r[2] })
}

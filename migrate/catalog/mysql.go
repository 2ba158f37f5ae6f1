package catalog

import (
	"regexp"
	"slices"
	"strings"

	"ariga.io/atlas/sql/mysql"
	atlas "ariga.io/atlas/sql/schema"
)

// mysqlRewrites keep from atlas what it stops at: types, defaults and extras
// that it does not know, and full-text indexes, for which it asks for the
// statement of a table whose name it does not quote. These are read from the
// catalogue here. Tables whose collation is in no list are not left out.
var mysqlRewrites = []string{
	"`COLUMN_TYPE`, `COLUMN_COMMENT`", "'int', `COLUMN_COMMENT`",
	"`COLUMN_DEFAULT`, `EXTRA`, `CHARACTER_SET_NAME`, `COLLATION_NAME`, `GENERATION_EXPRESSION`", "NULL, '', NULL, NULL, NULL",
	"`SEQ_IN_INDEX`, `INDEX_TYPE`", "`SEQ_IN_INDEX`, 'BTREE'",
	"\tJOIN INFORMATION_SCHEMA.COLLATIONS", "\tLEFT JOIN INFORMATION_SCHEMA.COLLATIONS",
	"TABLE_TYPE = 'BASE TABLE'", "TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')",
	"ON t1.CONSTRAINT_NAME = t2.CONSTRAINT_NAME\nWHERE", "ON t1.CONSTRAINT_NAME = t2.CONSTRAINT_NAME AND t1.TABLE_NAME = t2.TABLE_NAME\nWHERE",
}

const (
	myTables = "SELECT TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_COLLATION, CREATE_OPTIONS FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = DATABASE()"

	myColumns = "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, COLUMN_DEFAULT, EXTRA, GENERATION_EXPRESSION, COLLATION_NAME, COLUMN_DEFAULT IS NOT NULL " +
		"FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = DATABASE()"

	myIndexTypes = "SELECT DISTINCT TABLE_NAME, INDEX_NAME, INDEX_TYPE FROM INFORMATION_SCHEMA.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND INDEX_TYPE <> 'BTREE'"

	myChecks = "SELECT t.TABLE_NAME, c.CONSTRAINT_NAME, c.CHECK_CLAUSE, '' FROM INFORMATION_SCHEMA.CHECK_CONSTRAINTS c " +
		"JOIN INFORMATION_SCHEMA.TABLE_CONSTRAINTS t ON t.CONSTRAINT_SCHEMA = c.CONSTRAINT_SCHEMA AND t.CONSTRAINT_NAME = c.CONSTRAINT_NAME AND t.CONSTRAINT_TYPE = 'CHECK' " +
		"WHERE c.CONSTRAINT_SCHEMA = DATABASE()"
	mariaChecks = "SELECT TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE, LEVEL FROM INFORMATION_SCHEMA.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE()"

	myTriggers = "SELECT EVENT_OBJECT_TABLE, TRIGGER_NAME, ACTION_TIMING, EVENT_MANIPULATION, ACTION_STATEMENT FROM INFORMATION_SCHEMA.TRIGGERS " +
		"WHERE EVENT_OBJECT_SCHEMA = DATABASE() ORDER BY ACTION_ORDER"

	myViews = "SELECT TABLE_NAME, VIEW_DEFINITION, CHECK_OPTION, SECURITY_TYPE FROM INFORMATION_SCHEMA.VIEWS WHERE TABLE_SCHEMA = DATABASE()"

	myPartitions = "SELECT TABLE_NAME, PARTITION_METHOD, PARTITION_EXPRESSION, SUBPARTITION_METHOD, SUBPARTITION_EXPRESSION, COUNT(*) FROM INFORMATION_SCHEMA.PARTITIONS " +
		"WHERE TABLE_SCHEMA = DATABASE() AND PARTITION_METHOD IS NOT NULL GROUP BY 1, 2, 3, 4, 5"
)

func (i *inspector) mysql() error {
	err := i.each("ask for the version", "SELECT VERSION(), DATABASE()", nil, func(r []string) {
		i.db.Version, i.db.Schema = r[0], r[1]
		i.db.MariaDB = strings.Contains(strings.ToLower(r[0]), "mariadb")
	})
	if err != nil {
		return err
	}
	if i.db.Schema == "" {
		return errNoSchema
	}
	var names []string
	options, collations := map[string]string{}, map[string]string{}
	meta := false
	err = i.each("list the tables", myTables, nil, func(r []string) {
		meta = meta || r[0] == MetaTable
		if !i.wants(r[0]) {
			return
		}
		switch r[1] {
		case "BASE TABLE", "SYSTEM VERSIONED":
			names = append(names, r[0])
			collations[r[0]] = r[3]
			options[r[0]] = tableOptions(r[1], r[2], r[4])
		case "SEQUENCE":
			i.db.Tables = append(i.db.Tables, &Table{Name: r[0], Kind: Sequence})
		}
	})
	if err != nil {
		return err
	}
	if err := i.atlasMySQL(names); err != nil {
		return err
	}
	for _, t := range i.db.Tables {
		t.Options, t.Collation = options[t.Name], collations[t.Name]
	}
	if meta {
		if err := i.made(); err != nil {
			return err
		}
	}
	for _, read := range []func() error{i.myColumns, i.myRest, i.myViews} {
		if err := read(); err != nil {
			return err
		}
	}
	return nil
}

var autoRowFormat = regexp.MustCompile(`(?i)\s*(row_format=dynamic|partitioned|transactional=\d|stats_persistent=\d)`)

// tableOptions are what is not as ever.
func tableOptions(kind, engine, created string) string {
	var out []string
	if !strings.EqualFold(engine, "InnoDB") {
		out = append(out, "ENGINE="+engine)
	}
	if s := strings.TrimSpace(autoRowFormat.ReplaceAllString(created, "")); s != "" {
		out = append(out, s)
	}
	if kind == "SYSTEM VERSIONED" {
		out = append(out, "WITH SYSTEM VERSIONING")
	}
	return strings.Join(out, " ")
}

// atlasMySQL has atlas read tables, the order of their columns, keys, indexes
// and foreign keys.
func (i *inspector) atlasMySQL(names []string) error {
	if len(names) == 0 { // no names would mean all
		return nil
	}
	drv, err := mysql.Open(&reader{Querier: i.q, ctx: i.ctx, rewrite: strings.NewReplacer(mysqlRewrites...)})
	if err != nil {
		return err
	}
	s, err := drv.InspectSchema(i.ctx, i.db.Schema, &atlas.InspectOptions{Mode: atlas.InspectTables, Tables: names})
	if err != nil {
		return err
	}
	for _, a := range s.Tables {
		t := fromAtlas(a)
		if t.Key != nil {
			t.Key.Name = "PRIMARY"
		}
		for _, k := range t.Foreign { // one and the same for InnoDB
			if k.OnDelete == "RESTRICT" {
				k.OnDelete = ""
			}
			if k.OnUpdate == "RESTRICT" {
				k.OnUpdate = ""
			}
		}
		for _, x := range a.Indexes {
			t.Indexes = append(t.Indexes, myIndex(x))
		}
		i.db.Tables = append(i.db.Tables, t)
	}
	return nil
}

func myIndex(a *atlas.Index) *Index {
	x := &Index{Name: a.Name, Unique: a.Unique}
	for _, p := range a.Parts {
		part := Part{Desc: p.Desc}
		if p.C != nil {
			part.Column = p.C.Name
		} else if e, ok := p.X.(*atlas.RawExpr); ok {
			part.Expr = CanonExpr(MySQL, e.X)
		}
		for _, at := range p.Attrs {
			if s, ok := at.(*mysql.SubPart); ok {
				part.Prefix = s.Len
			}
		}
		x.Parts = append(x.Parts, part)
	}
	return x
}

var onUpdate = regexp.MustCompile(`(?i)on update (current_timestamp(?:\((\d?)\))?)`)

func (i *inspector) myColumns() error {
	return i.perTable("read the columns", myColumns, nil, func(t *Table, r []string) {
		c := t.Column(r[1])
		if c == nil {
			return
		}
		c.Type = CanonType(MySQL, r[2])
		if r[6] != t.Collation {
			c.Collation = r[6]
		}
		extra := strings.ToUpper(r[4])
		c.Auto = strings.Contains(extra, "AUTO_INCREMENT")
		c.Invisible = strings.Contains(extra, "INVISIBLE")
		if m := onUpdate.FindStringSubmatch(r[4]); m != nil {
			c.OnUpdate = CanonDefault(MySQL, "datetime", m[1])
		}
		switch {
		case strings.Contains(extra, "STORED GENERATED"), strings.Contains(extra, "PERSISTENT"), strings.Contains(extra, "VIRTUAL GENERATED"):
			c.Generated, c.Stored = i.myExpr(r[5]), !strings.Contains(extra, "VIRTUAL")
		case r[7] != "1":
		case i.db.MariaDB:
			c.Default = CanonDefault(MySQL, c.Type, r[3])
		case strings.Contains(extra, "DEFAULT_GENERATED"):
			c.Default = CanonDefault(MySQL, c.Type, i.myExpr(r[3]))
		default:
			c.Default = myLiteral(c.Type, r[3])
		}
	})
}

// myLiteral is a literal default as MySQL 8 tells it, without quotes.
func myLiteral(typ, s string) string {
	low := strings.ToLower(s)
	switch c := classOf(MySQL, typ); {
	case c == moment && strings.HasPrefix(low, "current_timestamp"), c == whole, c == exact, c == inexact, strings.HasPrefix(low, "b'"), c == bytes && strings.HasPrefix(low, "0x"):
		return CanonDefault(MySQL, typ, s)
	}
	return Text(MySQL, s)
}

// myExpr is an expression as it is written. MySQL escapes the quotes and
// backslashes of the texts in what its catalogue tells; MariaDB does not.
func (i *inspector) myExpr(s string) string {
	if !i.db.MariaDB {
		s = strings.NewReplacer(`\'`, `'`, `\\`, `\`).Replace(s)
	}
	return CanonExpr(MySQL, s)
}

// myRest reads what atlas does not.
func (i *inspector) myRest() error {
	err := i.perTable("read the kinds of indexes", myIndexTypes, nil, func(t *Table, r []string) {
		if x := t.Index(r[1]); x != nil {
			x.Method = strings.ToLower(r[2])
			if x.Method == "spatial" || x.Method == "fulltext" {
				for k := range x.Parts {
					x.Parts[k].Prefix = 0
				}
			}
		}
	})
	if err != nil {
		return err
	}
	query := myChecks
	if i.db.MariaDB {
		query = mariaChecks
	}
	err = i.perTable("read the checks", query, nil, func(t *Table, r []string) {
		expr := i.myExpr(r[2])
		// The check of a column keeps the name that the column had at first.
		at := slices.IndexFunc(t.Columns, func(c *Column) bool { return strings.EqualFold(expr, "json_valid("+Quote(MySQL, c.Name)+")") })
		if r[3] == "Column" && at >= 0 && t.Columns[at].Type == "longtext" {
			// MariaDB's JSON is another name for this.
			c := t.Columns[at]
			c.Type = "json"
			if c.Collation == "utf8mb4_bin" {
				c.Collation = ""
			} else if c.Collation == "" {
				c.Collation = t.Collation
			}
			if c.Collation == "utf8mb4_bin" {
				c.Collation = ""
			}
			return
		}
		t.Checks = append(t.Checks, &Check{Name: r[1], Expr: expr})
	})
	if err != nil {
		return err
	}
	err = i.triggers("read the triggers", myTriggers, nil, func(r []string) string {
		return "CREATE TRIGGER " + Quote(MySQL, r[1]) + " " + r[2] + " " + r[3] + " ON " + Quote(MySQL, r[0]) + " FOR EACH ROW " + r[4]
	})
	if err != nil {
		return err
	}
	return i.perTable("read the partitions", myPartitions, nil, func(t *Table, r []string) {
		by := "PARTITION BY " + r[1] + " (" + r[2] + ")"
		if r[3] != "" {
			by += " SUBPARTITION BY " + r[3] + " (" + r[4] + ")"
		}
		t.Options = strings.TrimSpace(t.Options + " " + by + " PARTITIONS " + r[5])
	})
}

func (i *inspector) myViews() error {
	known := map[string]bool{}
	err := i.each("list the tables", myTables, nil, func(r []string) { known[r[0]] = true })
	if err != nil {
		return err
	}
	return i.each("read the views", myViews, nil, func(r []string) {
		v := &View{Name: r[0]}
		toks := Tokens(MySQL, r[1])
		var out []string
		for k := 0; k < len(toks); k++ {
			if k+1 < len(toks) && toks[k+1] == "." && toks[k] == Quote(MySQL, i.db.Schema) && (len(out) == 0 || out[len(out)-1] != ".") {
				k++ // the database's own name says nothing
				if k+1 < len(toks) {
					if name := strings.ReplaceAll(strings.Trim(toks[k+1], "`"), "``", "`"); known[name] && name != v.Name {
						v.Uses = append(v.Uses, name)
					}
				}
				continue
			}
			out = append(out, toks[k])
		}
		v.SQL = "CREATE "
		if r[3] == "INVOKER" {
			v.SQL += "SQL SECURITY INVOKER "
		}
		v.SQL += "VIEW " + Quote(MySQL, v.Name) + " AS " + joined(out)
		if r[2] != "NONE" {
			v.SQL += " WITH " + r[2] + " CHECK OPTION"
		}
		i.db.Views = append(i.db.Views, v)
	})
}

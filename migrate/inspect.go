package migrate

import (
	"context"
	"database/sql"
	"strings"
)

// object is a row of the catalogue.
type object struct{ kind, name, table, sql string }

// catalogue reads the names of everything that the database holds.
func catalogue(ctx context.Context, conn *sql.Conn) (map[string]object, error) {
	rows, err := conn.QueryContext(ctx, "SELECT type, name, tbl_name, ifnull(sql, '') FROM sqlite_master")
	if err != nil {
		return nil, fail(err, "read the catalogue")
	}
	defer rows.Close()
	objects := map[string]object{}
	for rows.Next() {
		var o object
		if err := rows.Scan(&o.kind, &o.name, &o.table, &o.sql); err != nil {
			return nil, fail(err, "read the catalogue")
		}
		objects[fold(o.name)] = o
	}
	if err := rows.Err(); err != nil {
		return nil, fail(err, "read the catalogue")
	}
	return objects, nil
}

// words names the object in messages.
func (o object) words() string {
	switch {
	case o.kind == "table" && !o.ordinary():
		return "the virtual table " + o.name
	case o.kind == "index" || o.kind == "trigger":
		return "the " + o.kind + " " + o.name + " of table " + o.table
	}
	return "the " + o.kind + " " + o.name
}

// ordinary reports whether the object is a table that can be altered.
func (o object) ordinary() bool {
	toks := tokens(o.sql)
	return o.kind == "table" && (len(toks) < 2 || !strings.EqualFold(toks[1], "VIRTUAL"))
}

func tableOf(ts []*table, name string) *table {
	for _, t := range ts {
		if fold(t.name) == fold(name) {
			return t
		}
	}
	return nil
}

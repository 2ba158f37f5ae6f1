package pull

import (
	"fmt"
	"strings"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/schema"
)

// describe sets the type of a field, with its size, digits and values, to one
// that the column serves as it is. Where something of the column is lost
// thereby the note says what; it is empty otherwise. The type is empty where no
// field can live in the column.
func (p *puller) describe(t *catalog.Table, c *catalog.Column, f *schema.Field) (note string) {
	if p.db.Dialect == catalog.SQLite {
		return describeSQLite(t, c, f)
	}
	if values, _ := p.db.Values(t, c); len(values) > 0 && !hasRepeated(values) {
		f.Type, f.Enum = schema.Enum, values // engines compare and sort them as texts
		return ""
	}
	args := catalog.TypeArgs(c.Type)
	if p.db.Dialect == catalog.Postgres {
		describePostgres(c, f, args)
	} else {
		note = describeMySQL(t, c, f, args)
	}
	if f.Type != "" {
		return note
	}
	f.Unsigned = false
	if migrate.CheckSpecific(c.Type) != nil {
		return fmt.Sprintf("is declared as %s, which no model can say", c.Type)
	}
	f.Type, f.DBType = schema.Specific, c.Type
	return note
}

func hasRepeated(list []string) bool {
	seen := map[string]bool{}
	for _, s := range list {
		if seen[s] {
			return true
		}
		seen[s] = true
	}
	return false
}

// serves reports whether values of the field can live in the column as it is.
func (p *puller) serves(t *catalog.Table, c *catalog.Column, f *schema.Field) bool {
	if p.db.Dialect == catalog.SQLite {
		return migrate.FitsSQLite(c.Type, f)
	}
	return p.db.Serves(t, c, f)
}

// auto reports whether the database hands out the key that the column is.
func (p *puller) auto(t *catalog.Table, c *catalog.Column, f *schema.Field) bool {
	if len(t.Key.Columns) != 1 || f.Type.Kind() != schema.KindInt {
		return false
	}
	if p.db.Dialect == catalog.SQLite {
		return c.RowID && (c.Auto || !t.Made) // of its own tables Weft knows which keys were meant to be handed out
	}
	return c.Auto
}

// sized sets the size of a text.
func sized(f *schema.Field, args []int) {
	f.Type = schema.Text
	if len(args) == 1 {
		f.Type = schema.String
		if args[0] != 255 { // the default
			f.Size = args[0]
		}
	}
}

// exact sets the digits of a decimal. Without digits, or with such that a
// decimal cannot have, it stays of the database's own type.
func exact(f *schema.Field, args []int, most int) {
	if len(args) == 1 {
		args = append(args, 0)
	}
	if len(args) != 2 || args[0] > most || args[1] < 0 || args[1] > args[0] {
		return
	}
	f.Type = schema.Decimal
	if args[0] != 10 || args[1] != 2 { // the default
		f.Precision, f.Scale = args[0], args[1]
	}
}

// postgresTypes are those that need no more words.
var postgresTypes = map[string]schema.Type{
	"text": schema.Text, "smallint": schema.Integer, "integer": schema.Integer, "bigint": schema.BigInteger, "double precision": schema.Float,
	"boolean": schema.Boolean, "date": schema.Date, "timestamp without time zone": schema.DateTime, "timestamp with time zone": schema.Timestamp,
	"time without time zone": schema.Time, "bytea": schema.Binary, "json": schema.JSON, "jsonb": schema.JSONB, "uuid": schema.UUID,
}

func describePostgres(c *catalog.Column, f *schema.Field, args []int) {
	switch base := catalog.BaseType(c.Type); base {
	case "varchar":
		sized(f, args)
	case "numeric":
		exact(f, args, 1000)
	default:
		f.Type = postgresTypes[base]
	}
}

var mysqlTypes = map[string]schema.Type{
	"tinytext": schema.Text, "text": schema.Text, "mediumtext": schema.Text, "longtext": schema.Text, "json": schema.JSON,
	"tinyint": schema.Integer, "smallint": schema.Integer, "mediumint": schema.Integer, "int": schema.Integer, "year": schema.Integer, "bigint": schema.BigInteger,
	"date": schema.Date, "datetime": schema.DateTime, "timestamp": schema.Timestamp, "time": schema.Time,
	"tinyblob": schema.Binary, "blob": schema.Binary, "mediumblob": schema.Binary, "longblob": schema.Binary, "uuid": schema.UUID,
}

func describeMySQL(t *catalog.Table, c *catalog.Column, f *schema.Field, args []int) (note string) {
	base := catalog.BaseType(c.Type)
	plain := strings.TrimSuffix(base, " unsigned")
	f.Unsigned = plain != base && plain != "decimal" && plain != "float"
	switch {
	case c.Type == "tinyint(1)":
		f.Type = schema.Boolean
	case base == "varchar":
		sized(f, args)
	case base == "char" && t.Made && c.Type == "char(36)":
		f.Type = schema.UUID
	case base == "char":
		sized(f, args)
		note = "is " + c.Type + ", which loses spaces at the end of a text"
	case base == "varbinary":
		f.Type, f.Size = schema.Binary, args[0]
	case base == "decimal":
		exact(f, args, 65)
	case base == "longtext" && t.IsJSON(c):
		f.Type = schema.JSON
	case plain == "double" && len(args) == 0:
		f.Type = schema.Float
	default:
		f.Type = mysqlTypes[plain]
	}
	return note
}

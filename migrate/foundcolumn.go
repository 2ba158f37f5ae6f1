package migrate

import (
	"strings"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/schema"
)

// found is the type that a column has, in the words of models: what its values
// are now.
func (to target) found(c *catalog.Column, made bool) schema.Field {
	f := schema.Field{}
	if to.dialect == catalog.SQLite {
		return foundLite(c, made)
	}
	word, rest, _ := strings.Cut(c.Type, "(")
	args, tail, _ := strings.Cut(rest, ")")
	n := numbers(args)
	f.Unsigned = strings.HasSuffix(c.Type, "unsigned")
	word = strings.TrimSpace(strings.TrimSuffix(word, " unsigned"))
	if to.dialect == catalog.Postgres {
		word += tail
	}
	size := func(t, unbounded schema.Type) {
		f.Type, f.Size = unbounded, -1
		if len(n) == 1 {
			f.Type, f.Size = t, n[0]
		}
	}
	switch word {
	case "varchar", "char", "bpchar":
		size(schema.String, schema.Text)
	case "text", "citext", "name", "tinytext", "mediumtext", "longtext", "enum", "set":
		f.Type = schema.Text
	case "tinyint":
		f.Type = schema.Integer
		if len(n) == 1 && n[0] == 1 && !f.Unsigned {
			f.Type = schema.Boolean
		}
	case "smallint", "mediumint", "int", "integer", "year":
		f.Type = schema.Integer
	case "bigint":
		f.Type = schema.BigInteger
	case "real", "double precision", "float", "double":
		f.Type = schema.Float
	case "numeric", "decimal":
		f.Type = schema.Decimal
		if len(n) > 0 {
			f.Precision = n[0]
		}
		if len(n) > 1 {
			f.Scale = n[1]
		}
	case "boolean":
		f.Type = schema.Boolean
	case "date":
		f.Type = schema.Date
	case "timestamp without time zone", "datetime":
		f.Type = schema.DateTime
	case "timestamp with time zone", "timestamp":
		f.Type = schema.Timestamp
	case "time without time zone", "time":
		f.Type = schema.Time
	case "bytea", "blob", "tinyblob", "mediumblob", "longblob", "varbinary", "binary":
		f.Type = schema.Binary
		if strings.HasSuffix(word, "binary") && len(n) == 1 {
			f.Size = n[0]
		}
	case "json":
		f.Type = schema.JSON
	case "jsonb":
		f.Type = schema.JSONB
	case "uuid":
		f.Type = schema.UUID
	default:
		f.Type, f.DBType = schema.Specific, c.Type
	}
	return f
}

// foundLite reads the words that Weft declares columns with, and takes others
// for what SQLite does.
func foundLite(c *catalog.Column, made bool) schema.Field {
	f := schema.Field{}
	name := typeName(c.Type)
	word, rest, _ := strings.Cut(name, "(")
	n := numbers(strings.TrimSuffix(rest, ")"))
	bare := strings.TrimSuffix(strings.TrimSpace(word), " UNSIGNED")
	f.Unsigned = bare != strings.TrimSpace(word)
	known := false
	if f.Type, known = meant[bare], meant[bare] != ""; !known {
		switch affinity(name) {
		case "INTEGER":
			f.Type = schema.BigInteger
			if made && bare == "INT" {
				f.Type = schema.Integer
			}
		case "TEXT":
			f.Type = schema.Text
			if strings.Contains(bare, "CHAR") {
				f.Type = schema.String
			}
		case "REAL":
			f.Type = schema.Float
		case "BLOB":
			f.Type = schema.Binary
		default: // NUMERIC: numbers as they are, and what programs take for dates
			f.Type = schema.Float
			switch {
			case strings.HasPrefix(bare, "DATETIME"), strings.HasPrefix(bare, "TIMESTAMP"):
				f.Type = schema.DateTime
			case strings.HasPrefix(bare, "DATE"):
				f.Type = schema.Date
			case strings.HasPrefix(bare, "BOOL"):
				f.Type = schema.Boolean
			}
		}
	}
	switch {
	case f.Type == schema.Decimal && len(n) == 2:
		f.Precision, f.Scale = n[0], n[1]
	case f.Type == schema.String && len(n) == 0:
		f.Size = -1
	case len(n) == 1 && (f.Type == schema.String || f.Type == schema.Binary || f.Type == schema.NanoID):
		f.Size = n[0]
	}
	return f
}

// serves reports whether a column that was made elsewhere holds the values of a
// field as it is.
func (c *tableDiff) serves(h *catalog.Column, f *schema.Field) bool {
	if c.to.dialect == catalog.SQLite {
		return fits(typeName(h.Type), f)
	}
	return c.differ.have.Serves(c.have, h, f)
}

// textSize is how many characters fit; -1 for any number.
func textSize(f *schema.Field) int {
	switch f.Type {
	case schema.Text:
		return -1
	case schema.NanoID:
		return sizeOf(f, 21)
	case schema.UUID:
		return 36
	}
	return sizeOf(f, 255)
}

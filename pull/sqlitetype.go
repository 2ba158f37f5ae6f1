package pull

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/schema"
)

// maxDecimal is the number of digits that always fit an int64.
const maxDecimal = 18

// foundWords are the types behind single words that other programs use, where
// the affinity does not tell.
var foundWords = map[string]schema.Type{
	"BOOL": schema.Boolean, "BOOLEAN": schema.Boolean, "BIT": schema.Boolean,
	"DATE": schema.Date, "SMALLDATETIME": schema.DateTime, "TIME": schema.Time,
	"UUID": schema.UUID, "GUID": schema.UUID, "UNIQUEIDENTIFIER": schema.UUID,
	"JSON": schema.JSON, "JSONB": schema.JSONB,
	"YEAR": schema.BigInteger, "SERIAL": schema.BigInteger, "BIGSERIAL": schema.BigInteger,
	"NUMERIC": schema.Decimal, "DECIMAL": schema.Decimal, "DEC": schema.Decimal, "FIXED": schema.Decimal, "NUMBER": schema.Decimal,
	"MONEY": schema.Decimal, "SMALLMONEY": schema.Decimal, "CURRENCY": schema.Decimal,
}

// integerWords are the words that a declared integer is made of.
var integerWords = []string{
	"INT", "INTEGER", "TINYINT", "SMALLINT", "MEDIUMINT", "BIGINT", "HUGEINT", "LONGINT", "INT1", "INT2", "INT4", "INT8", "INT16", "INT32", "INT64",
	"UINT", "UINT8", "UINT16", "UINT32", "UINT64", "BIG", "BIGINTEGER", "SIGNED", "UNSIGNED", "LONG", "SHORT", "UNSIGNEDINT",
}

// describeSQLite is describe for SQLite, where words are free.
func describeSQLite(t *catalog.Table, c *catalog.Column, f *schema.Field) (note string) {
	word, rest, _ := strings.Cut(c.Type, "(")
	word = strings.TrimSpace(word)
	args := catalog.TypeArgs("(" + rest)
	bare := strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(word, "UNSIGNED "), "UNSIGNED"))
	f.Unsigned = bare != word
	switch {
	case t.Made && bare == "INT":
		f.Type = schema.Integer
	case migrate.MeantSQLite(bare) != "":
		f.Type = migrate.MeantSQLite(bare)
	case foundWords[bare] != "":
		f.Type = foundWords[bare]
	default:
		f.Type = byAffinity(word)
	}
	switch f.Type {
	case schema.Boolean:
		if word == "BIT" && len(args) == 1 && args[0] > 1 {
			f.Type = schema.BigInteger
		}
	case schema.BigInteger:
		if word == "TINYINT" && slices.Equal(args, []int{1}) { // what others write for a boolean
			f.Type = schema.Boolean
		}
	case schema.String:
		switch {
		case len(args) != 1 || args[0] < 1:
			f.Type = schema.Text
		case args[0] != 255: // the default
			f.Size = args[0]
		}
	case schema.NanoID, schema.Binary:
		if len(args) == 1 && args[0] > 0 {
			f.Size = args[0]
		}
	case schema.Decimal:
		note = digits(f, c, args)
	case schema.Enum:
		if f.Enum = slices.Clone(c.Enum); len(f.Enum) == 0 {
			f.Type = schema.Text // the values are not in the table
		}
	case schema.Text:
		if c.Type == "" || c.Type == "ANY" {
			note = "has no type; it is read as text"
		}
	case "":
		if migrate.CheckSpecific(c.Type) != nil {
			return fmt.Sprintf("is declared as %s, which no model can say", c.Type)
		}
		f.Type, f.DBType = schema.Specific, c.Type
	}
	if k := f.Type.Kind(); k != schema.KindInt && k != schema.KindFloat {
		f.Unsigned = false
	}
	return note
}

// digits sets precision and scale. Numbers with none, or with more than fit,
// are read as floats, which is what SQLite keeps them as.
func digits(f *schema.Field, c *catalog.Column, args []int) string {
	p, s := 0, 0
	switch len(args) {
	case 1:
		p = args[0]
	case 2:
		p, s = args[0], args[1]
	}
	f.Type = schema.Float
	switch {
	case p == 0:
		return fmt.Sprintf("is declared as %s without digits and read as a float; where it holds money, declare them in the model (precision, scale)", c.Type)
	case p < 0 || s < 0 || s > p:
		return fmt.Sprintf("is declared as %s, which are no digits that a decimal can have; it is read as a float", c.Type)
	case p > maxDecimal:
		return fmt.Sprintf("is declared as %s; decimals have at most %d digits on SQLite, so it is read as a float", c.Type, maxDecimal)
	}
	f.Type, f.Precision, f.Scale = schema.Decimal, p, s
	if p == 10 && s == 2 {
		f.Precision, f.Scale = 0, 0 // the default
	}
	return ""
}

// byAffinity is the type for words that say nothing beyond SQLite's own rules,
// "" for those that only the database understands.
func byAffinity(word string) schema.Type {
	switch catalog.Affinity(word) {
	case "INTEGER":
		for _, w := range strings.Fields(word) {
			if !slices.Contains(integerWords, w) {
				return ""
			}
		}
		return schema.BigInteger
	case "TEXT":
		if strings.Contains(word, "CHAR") {
			return schema.String
		}
		return schema.Text
	case "REAL":
		return schema.Float
	case "BLOB":
		if word == "" {
			return schema.Text
		}
		return schema.Binary
	}
	switch {
	case word == "ANY":
		return schema.Text
	case strings.HasPrefix(word, "TIMESTAMP"):
		return schema.Timestamp
	case strings.HasPrefix(word, "DATE"):
		return schema.DateTime
	case strings.HasPrefix(word, "TIME"):
		return schema.Time
	case strings.Contains(word, "BINARY"):
		return schema.Binary
	}
	return ""
}

package mysql

import (
	"context"
	"regexp"
	"strconv"
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine"
)

// metaTable holds what Weft knows of a database: "format", and "table:name"
// for each table that it made.
const metaTable = "weft_meta"

// format is the newest format that this version can use.
const format = 1

// meta reads one value of the table, "" where there is none.
func (c *conn) meta(ctx context.Context, key string) (string, error) {
	found, err := c.ask(ctx, "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '"+metaTable+"'")
	if err != nil || found[0][0].Int() == 0 && found[0][0].Bytes() != "1" {
		return "", err
	}
	rows, err := c.ask(ctx, "SELECT `value` FROM `"+metaTable+"` WHERE `key` = ?", sqlengine.TextValue(key))
	if err != nil || len(rows) == 0 {
		return "", err
	}
	return rows[0][0].Bytes(), nil
}

func (c *conn) checkFormat(ctx context.Context) error {
	text, err := c.meta(ctx, "format")
	if err != nil || text == "" {
		return err
	}
	n, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return op.Errorf(op.CodeDatabase, "%s: the format %q of the database cannot be read", c.e.database(), text)
	case n > format:
		return op.Errorf(op.CodeDatabase, "%s was written by a newer version of Weft (format %d, this one knows up to %d): update this program", c.e.database(), n, format)
	}
	return nil
}

// inspect looks at a model's table.
func inspect(ctx context.Context, s sqlengine.Session, m *schema.Model) (*sqlengine.Table, error) {
	c := s.(*conn)
	rows, err := c.ask(ctx, "SELECT COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_KEY, COALESCE(COLLATION_NAME, ''), EXTRA FROM information_schema.COLUMNS "+
		"WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION", sqlengine.TextValue(m.Table))
	if err != nil {
		return nil, err
	}
	made, err := c.meta(ctx, "table:"+m.Table)
	if err != nil {
		return nil, err
	}
	documents := map[string]bool{}
	for _, f := range m.Fields {
		documents[f.Column] = f.Type.Kind() == schema.KindJSON
	}
	var found []sqlengine.FoundColumn
	for _, r := range rows {
		extra := strings.ToUpper(r[5].Bytes())
		f := sqlengine.FoundColumn{
			Name: r[0].Bytes(), Type: r[1].Bytes(), NotNull: r[2].Bytes() == "NO",
			Generated: strings.Contains(extra, "GENERATED") && !strings.Contains(extra, "DEFAULT_GENERATED"),
			Collation: r[4].Bytes(),
			Auto:      strings.Contains(extra, "AUTO_INCREMENT"),
		}
		c.e.server.Load().kind(&f)
		if documents[f.Name] && f.Collation == "utf8mb4_bin" {
			// It differs from the bytes in padding alone, and no document ends in spaces.
			f.Collation, f.Read, f.Loose = "", "", made == ""
		}
		found = append(found, f)
	}
	return sqlengine.NewTable(newDialect(c.e.server.Load()), m, found, made != "")
}

// clock is a time of day in canonical form.
var clock = regexp.MustCompile(`^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{0,5}[1-9])?$`)

// decimalType is the type of an exact decimal.
var decimalType = regexp.MustCompile(`(?i)^(?:decimal|numeric)\((\d+),(\d+)\)`)

// kind notes what a column's type means for statements.
func (s *server) kind(f *sqlengine.FoundColumn) {
	word, _, _ := strings.Cut(strings.ToLower(f.Type), "(")
	word, _, _ = strings.Cut(word, " ")
	f.Loose = f.Collation != "" && f.Collation != s.collation
	switch word {
	case "tinyint", "smallint", "mediumint", "int", "bigint", "year", "bit":
		f.Store = sqlengine.StoreInt
	case "float", "double", "real":
		f.Store = sqlengine.StoreFloat
	case "decimal", "numeric":
		f.Store = sqlengine.StoreExact
		if m := decimalType.FindStringSubmatch(f.Type); m != nil {
			f.Exact = true
			f.Digits, _ = strconv.Atoi(m[1])
			f.Lead, f.Bind = "CAST(", " AS DECIMAL(65,"+m[2]+"))"
		}
	case "date", "datetime", "timestamp":
		f.Store = sqlengine.StoreTime
	case "time":
		// As text it has no trailing zeros.
		f.Store, f.Valid = sqlengine.StoreText, clock.MatchString
		f.TextLead, f.Text = "TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM CAST(", " AS CHAR(17)) COLLATE "+s.collation+"))"
		if !strings.HasSuffix(f.Type, ")") {
			f.TextLead, f.Text = "(CAST(", " AS CHAR(17)) COLLATE "+s.collation+")"
		}
	case "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob":
		f.Store = sqlengine.StoreBytes
	case "json":
		f.Store = sqlengine.StoreFoundJSON
	default:
		f.Store = sqlengine.StoreText
		if f.Loose || word == "enum" || word == "set" { // which sort by the order of their values
			f.Read = " COLLATE " + s.byteOrder(f.Collation)
		}
	}
}

// byteOrder is the collation that sorts texts by bytes in the character set of
// another collation, whose name begins with that of the set.
func (s *server) byteOrder(collation string) string {
	set, _, _ := strings.Cut(collation, "_")
	switch {
	case set == "utf8mb4":
		return s.collation
	case s.maria:
		return set + "_nopad_bin"
	}
	return set + "_bin"
}

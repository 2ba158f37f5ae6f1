package migrate

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// maxVarchar is the longest text on MySQL that is a varchar: all columns of a
// row share 65,535 bytes, and each character may take four.
const maxVarchar = 16000

// declare returns the type that a column of the field has, or why the database
// cannot hold it. keyed says that the column is part of a key or an index.
func (to target) declare(f *schema.Field, keyed bool) (string, error) {
	if to.dialect == catalog.SQLite {
		return declare(f)
	}
	if f.Type == schema.Specific {
		return f.DBType, checkSpecific(f.DBType)
	}
	if f.Type == schema.Decimal {
		p, s := f.Decimals()
		if maxP, maxS := map[catalog.Dialect]int{catalog.Postgres: 1000, catalog.MySQL: 65}[to.dialect], map[catalog.Dialect]int{catalog.Postgres: 1000, catalog.MySQL: 30}[to.dialect]; p > maxP || s > maxS {
			return "", fmt.Errorf("decimal(%d,%d) does not fit %s, which holds %d digits, %d of them behind the point", p, s, to, maxP, maxS)
		}
	}
	if to.dialect == catalog.Postgres {
		return postgresType(f)
	}
	if to.maria && f.Type.Kind() == schema.KindJSON {
		return "json", nil // a text that is checked
	}
	return mysqlType(f, keyed)
}

func postgresType(f *schema.Field) (string, error) {
	switch f.Type {
	case schema.String:
		if n := sizeOf(f, 255); n > 0 {
			return fmt.Sprintf("varchar(%d)", n), nil
		}
		return "text", nil
	case schema.NanoID:
		return fmt.Sprintf("varchar(%d)", sizeOf(f, 21)), nil
	case schema.Enum:
		return "varchar(255)", nil
	case schema.Text:
		return "text", nil
	case schema.Integer:
		if f.Unsigned {
			return "bigint", nil
		}
		return "integer", nil
	case schema.BigInteger:
		return "bigint", nil
	case schema.Float:
		return "double precision", nil
	case schema.Decimal:
		p, s := f.Decimals()
		return fmt.Sprintf("numeric(%d,%d)", p, s), nil
	case schema.Boolean:
		return "boolean", nil
	case schema.Date:
		return "date", nil
	case schema.DateTime:
		return "timestamp(6) without time zone", nil
	case schema.Timestamp:
		return "timestamp(6) with time zone", nil
	case schema.Time:
		return "time(6) without time zone", nil
	case schema.Binary:
		return "bytea", nil
	case schema.JSONB:
		return "jsonb", nil
	case schema.JSON, schema.Array, schema.Object:
		return "json", nil
	case schema.UUID:
		return "uuid", nil
	}
	return "", fmt.Errorf("type %q is unknown", f.Type)
}

func mysqlType(f *schema.Field, keyed bool) (string, error) {
	unsigned := ""
	if f.Unsigned {
		unsigned = " unsigned"
	}
	switch f.Type {
	case schema.String:
		if n := sizeOf(f, 255); n > 0 && n <= maxVarchar {
			return fmt.Sprintf("varchar(%d)", n), nil
		}
		return "longtext", nil
	case schema.NanoID:
		return fmt.Sprintf("varchar(%d)", sizeOf(f, 21)), nil
	case schema.Enum:
		return "varchar(255)", nil
	case schema.Text, schema.JSON, schema.JSONB, schema.Array, schema.Object:
		return "longtext", nil
	case schema.Integer:
		return "int" + unsigned, nil
	case schema.BigInteger:
		return "bigint" + unsigned, nil
	case schema.Float:
		return "double", nil
	case schema.Decimal:
		p, s := f.Decimals()
		return fmt.Sprintf("decimal(%d,%d)", p, s), nil
	case schema.Boolean:
		return "tinyint(1)", nil
	case schema.Date:
		return "date", nil
	case schema.DateTime, schema.Timestamp:
		return "datetime(6)", nil
	case schema.Time:
		return "time(6)", nil
	case schema.Binary:
		switch {
		case f.Size > 0 && f.Size <= 4*maxVarchar:
			return fmt.Sprintf("varbinary(%d)", f.Size), nil
		case keyed:
			return "varbinary(255)", nil
		}
		return "longblob", nil
	case schema.UUID:
		return "char(36)", nil
	}
	return "", fmt.Errorf("type %q is unknown", f.Type)
}

// sizeOf is the number of characters of a text; -1 for any number.
func sizeOf(f *schema.Field, otherwise int) int {
	if f.Size == 0 {
		return otherwise
	}
	return f.Size
}

// bytewise is the collation that text columns are declared with.
func (to target) bytewise(f *schema.Field) string {
	if to.dialect != catalog.Postgres {
		return "" // SQLite's own, and the table's on MySQL
	}
	switch f.Type {
	case schema.String, schema.Text, schema.NanoID, schema.Enum:
		return "C"
	}
	return ""
}

// standing is the DEFAULT of a column of a new table, "" for none.
func (to target) standing(f *schema.Field) (string, error) {
	switch {
	case to.dialect == catalog.SQLite:
		return standing(f)
	case f.Default == nil && f.ReadOnly && !f.Nullable && !f.Auto:
		return to.fill(f) // nobody else gives it a value, and NULL it cannot be
	case f.Default == nil || f.Default.Func != "":
		return "", nil
	case !f.Default.Now:
		return to.literal(f, f.Default.Value)
	}
	return to.now(f), nil
}

// now is the present time, in UTC, as the default of a column.
func (to target) now(f *schema.Field) string {
	if to.dialect == catalog.Postgres {
		switch f.Type {
		case schema.Date:
			return "((now() AT TIME ZONE 'UTC')::date)"
		case schema.Time:
			return "((now() AT TIME ZONE 'UTC')::time(6))"
		case schema.DateTime:
			return "(now() AT TIME ZONE 'UTC')"
		}
		return "now()"
	}
	switch f.Type {
	case schema.Date:
		return "(UTC_DATE())"
	case schema.Time:
		return "(UTC_TIME(6))"
	}
	return "CURRENT_TIMESTAMP(6)"
}

// fill is the literal that rows which are there get in an added column, ""
// for NULL.
func (to target) fill(f *schema.Field) (string, error) {
	switch {
	case to.dialect == catalog.SQLite:
		return fill(f)
	case f.Default != nil && f.Default.Value != nil:
		return to.literal(f, f.Default.Value)
	case f.Nullable:
		return "", nil
	case f.Type.Kind() == schema.KindAny:
		return "", fmt.Errorf("a column of type %s that cannot be NULL can only be added with a default", f.DBType)
	case to.fillsNow(f):
		return to.now(f), nil
	case f.Type == schema.UUID:
		return "'00000000-0000-0000-0000-000000000000'", nil
	}
	return to.literal(f, op.Zero(f))
}

// fillsNow reports whether rows that are there get the present time.
func (to target) fillsNow(f *schema.Field) bool {
	now := f.Default != nil && f.Default.Now || f.Role == schema.RoleCreated || f.Role == schema.RoleUpdated
	return now && (f.Type.Kind() == schema.KindTime || f.Type == schema.Time)
}

// literal writes a canonical value as SQL of a server. Literals of texts that
// MySQL keeps outside the row stand in parentheses, as it wants.
func (to target) literal(f *schema.Field, v any) (string, error) {
	if to.dialect == catalog.SQLite {
		return literal(f, v)
	}
	text := func(s string) (string, error) {
		if strings.ContainsRune(s, 0) {
			return "", fmt.Errorf("default %q has a zero byte, which %s does not take", s, to)
		}
		q := catalog.Text(to.dialect, s)
		if typ, err := to.declare(f, false); err == nil && to.dialect == catalog.MySQL && (strings.HasPrefix(typ, "long") || typ == "json") {
			q = "(" + q + ")"
		}
		return q, nil
	}
	switch x := v.(type) {
	case bool:
		if to.dialect == catalog.Postgres {
			return strconv.FormatBool(x), nil
		}
		return map[bool]string{true: "1", false: "0"}[x], nil
	case int64:
		return strconv.FormatInt(x, 10), nil
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64), nil
	case decimal.Decimal:
		_, scale := f.Decimals()
		return x.Truncate(int32(scale)).StringFixed(int32(scale)), nil
	case time.Time:
		return text(to.timeText(f, x.UTC()))
	case json.RawMessage:
		return text(string(x))
	case []byte:
		if to.dialect == catalog.Postgres {
			return `'\x` + hex.EncodeToString(x) + "'", nil
		}
		if len(x) == 0 {
			return text("")
		}
		return "(x'" + hex.EncodeToString(x) + "')", nil
	}
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.String {
		return text(rv.String())
	}
	return "", fmt.Errorf("default %v (%T) is not a value of type %s", v, v, f.Type)
}

func (to target) timeText(f *schema.Field, t time.Time) string {
	switch {
	case f.Type == schema.Date:
		return t.Format("2006-01-02")
	case to.dialect == catalog.MySQL:
		return t.Format("2006-01-02 15:04:05.000000")
	case f.Type == schema.Timestamp:
		return t.Format("2006-01-02 15:04:05.999999") + "+00"
	}
	return t.Format("2006-01-02 15:04:05.999999")
}

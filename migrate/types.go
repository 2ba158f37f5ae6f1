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

// maxDecimal is the number of digits that always fit an int64.
const maxDecimal = 18

// declared are the words that columns of Weft's own tables are declared with.
// The first word gives SQLite's affinity, the rest says what the column is, so
// that the models can be read back from the tables.
var declared = map[schema.Type]string{
	schema.String: "VARCHAR", schema.Text: "TEXT", schema.UUID: "TEXT UUID", schema.NanoID: "TEXT NANOID",
	schema.Enum: "TEXT ENUM", schema.Time: "TEXT TIME", schema.Date: "TEXT DATE", schema.DateTime: "TEXT DATETIME",
	schema.Timestamp: "TEXT TIMESTAMP", schema.Array: "TEXT ARRAY", schema.Object: "TEXT OBJECT",
	schema.JSON: "TEXT JSON", schema.JSONB: "TEXT JSONB", schema.Integer: "INT", schema.BigInteger: "INTEGER",
	schema.Boolean: "INTEGER BOOLEAN", schema.Float: "REAL", schema.Binary: "BLOB", schema.Decimal: "INTEGER DECIMAL",
}

// declare returns the type a column is declared with, or why SQLite cannot
// hold the field. Text has no COLLATE: SQLite's own is BINARY, which sorts by
// bytes.
func declare(f *schema.Field) (string, error) {
	if f.Type == schema.Specific {
		return f.DBType, checkSpecific(f.DBType)
	}
	words, known := declared[f.Type]
	if !known {
		return "", fmt.Errorf("type %q is unknown", f.Type)
	}
	size := f.Size
	switch f.Type {
	case schema.String:
		if size == 0 {
			size = 255
		}
	case schema.Decimal:
		p, s := f.Decimals()
		if p > maxDecimal {
			return "", fmt.Errorf("decimal(%d,%d) does not fit SQLite, which holds %d digits exactly; use at most decimal(%d,%d)",
				p, s, maxDecimal, maxDecimal, min(s, maxDecimal))
		}
		return fmt.Sprintf("%s(%d,%d)", words, p, s), nil
	}
	if size > 0 {
		words += fmt.Sprintf("(%d)", size)
	}
	if f.Unsigned {
		words += " UNSIGNED"
	}
	return words, nil
}

// checkSpecific refuses text that would end the column's declaration.
func checkSpecific(t string) error {
	depth := 0
	for _, tok := range tokens(t) {
		switch tok {
		case "(":
			depth++
		case ")":
			depth--
		case ";":
			return fmt.Errorf("specificType %q has a semicolon", t)
		case ",":
			if depth == 0 {
				return fmt.Errorf("specificType %q has a comma outside parentheses", t)
			}
		}
		if depth < 0 {
			break
		}
	}
	switch {
	case depth != 0:
		return fmt.Errorf("specificType %q has unbalanced parentheses", t)
	case typeName(t) == "":
		return fmt.Errorf("specificType %q names no type", t)
	}
	return nil
}

// typeName is the part of a column declaration that SQLite reports as its
// type: one or more words and perhaps numbers in parentheses, up to the first
// constraint. It comes in capitals with single spaces.
func typeName(decl string) string { return catalog.CanonType(catalog.SQLite, decl) }

// affinity is how SQLite treats values of a column with that declared type
// (the rules of its documentation, in their order).
func affinity(typ string) string {
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(typ, p) {
				return true
			}
		}
		return false
	}
	switch {
	case has("INT"):
		return "INTEGER"
	case has("CHAR", "CLOB", "TEXT"):
		return "TEXT"
	case has("BLOB") || typ == "":
		return "BLOB"
	case has("REAL", "FLOA", "DOUB"):
		return "REAL"
	}
	return "NUMERIC"
}

// fits reports whether values of the field can live in a column that was
// declared elsewhere: SQLite must not turn them into something else, and
// Weft must be able to read what other programs put there.
func fits(have string, f *schema.Field) bool {
	want, err := declare(f)
	if err != nil {
		return false
	}
	switch {
	case have == typeName(want):
		return true
	case f.Type == schema.Specific, strings.HasPrefix(have, "INTEGER DECIMAL("):
		return false // the first is meant literally, the second is ours and holds scaled integers
	case have == "" || have == "ANY":
		return true // values stay as they are
	}
	word, _, _ := strings.Cut(have, "(")
	aff := affinity(have)
	dateLike := strings.HasPrefix(word, "DATE") || strings.HasPrefix(word, "TIME") || strings.HasSuffix(word, "DATETIME")
	uuidLike := word == "UUID" || word == "GUID" || word == "UNIQUEIDENTIFIER"
	number := aff == "NUMERIC" && !dateLike && !uuidLike && !strings.HasPrefix(word, "JSON") && !strings.Contains(word, "BINARY")
	switch f.Type.Kind() {
	case schema.KindString:
		return aff == "TEXT" || f.Type == schema.UUID && uuidLike || f.Type == schema.Time && dateLike
	case schema.KindTime:
		return aff == "TEXT" || dateLike
	case schema.KindJSON:
		return aff == "TEXT" || word == "JSON" || word == "JSONB"
	case schema.KindInt, schema.KindBool:
		return aff == "INTEGER" || number
	case schema.KindFloat:
		return aff == "REAL" || number
	case schema.KindBytes:
		return aff == "BLOB" || strings.Contains(word, "BINARY")
	case schema.KindDecimal:
		p, s := f.Decimals()
		if word == have { // no digits given
			return number || aff == "REAL" || aff == "TEXT" || aff == "INTEGER"
		}
		return number && (have == fmt.Sprintf("%s(%d,%d)", word, p, s) || s == 0 && have == fmt.Sprintf("%s(%d)", word, p))
	}
	return false
}

// fill is the SQL literal that existing rows get in an added column, "" for
// NULL.
func fill(f *schema.Field) (string, error) {
	if f.Default != nil && f.Default.Value != nil {
		return literal(f, f.Default.Value)
	}
	if f.Nullable {
		return "", nil
	}
	if f.Type.Kind() == schema.KindAny {
		switch affinity(typeName(f.DBType)) {
		case "TEXT":
			return "''", nil
		case "BLOB":
			return "x''", nil
		}
		return "0", nil
	}
	return literal(f, op.Zero(f))
}

// standing is the DEFAULT of a column of a new table, "" for none.
func standing(f *schema.Field) (string, error) {
	switch {
	case f.Default == nil && f.ReadOnly && !f.Nullable:
		return fill(f) // nobody else gives it a value, and NULL it cannot be
	case f.Default == nil || f.Default.Func != "":
		return "", nil
	case !f.Default.Now:
		return literal(f, f.Default.Value)
	case f.Type == schema.Date:
		return "CURRENT_DATE", nil
	case f.Type == schema.Time:
		return "CURRENT_TIME", nil
	}
	return "CURRENT_TIMESTAMP", nil
}

// fillNow is an expression for the present time as Weft stores it, for fields
// whose default it is; "" for others. It cannot be the DEFAULT of an added
// column, so rows are updated after it.
func fillNow(f *schema.Field) string {
	now := f.Default != nil && f.Default.Now || f.Role == schema.RoleCreated || f.Role == schema.RoleUpdated
	switch {
	case !now || f.Nullable:
		return ""
	case f.Type == schema.Date:
		return "date('now')"
	case f.Type == schema.Time:
		return "time('now')"
	case f.Type.Kind() == schema.KindTime:
		return "datetime('now')"
	}
	return ""
}

// literal writes a canonical value as SQL, in the form it is stored in.
func literal(f *schema.Field, v any) (string, error) {
	switch x := v.(type) {
	case bool:
		if x {
			return "1", nil
		}
		return "0", nil
	case int64:
		return strconv.FormatInt(x, 10), nil
	case float64:
		s := strconv.FormatFloat(x, 'g', -1, 64)
		if !strings.ContainsAny(s, ".e") {
			s += ".0"
		}
		return s, nil
	case decimal.Decimal:
		_, scale := f.Decimals()
		return x.Shift(int32(scale)).Truncate(0).String(), nil
	case time.Time:
		if f.Type == schema.Date {
			return "'" + x.UTC().Format("2006-01-02") + "'", nil
		}
		return "'" + x.UTC().Format("2006-01-02 15:04:05.999999") + "'", nil
	case json.RawMessage:
		return quoteText(string(x)), nil
	case []byte:
		return "x'" + hex.EncodeToString(x) + "'", nil
	}
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.String {
		return quoteText(rv.String()), nil
	}
	return "", fmt.Errorf("default %v (%T) is not a value of type %s", v, v, f.Type)
}

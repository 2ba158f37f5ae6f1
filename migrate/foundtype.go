package migrate

import (
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/schema"
)

// meant are the types behind the words that Weft declares columns with. INT is
// only known by the table: elsewhere it holds 64 bits as every integer does.
var meant = func() map[string]schema.Type {
	out := map[string]schema.Type{}
	for t, words := range declared {
		if t != schema.Integer {
			out[words] = t
		}
	}
	return out
}()

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

// Describe sets the type of a field, with its size and digits, to one that
// the column serves as it is. Where something of the column is lost thereby
// the note says what; it is empty otherwise. The type is empty where no field
// can live in the column.
func (c *FoundColumn) Describe(f *schema.Field) (note string) {
	word, rest, _ := strings.Cut(c.Type, "(")
	word = strings.TrimSpace(word)
	args := numbers(strings.TrimSuffix(rest, ")"))
	bare := strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(word, "UNSIGNED "), "UNSIGNED"))
	f.Unsigned = bare != word
	switch {
	case c.made && bare == "INT":
		f.Type = schema.Integer
	case meant[bare] != "":
		f.Type = meant[bare]
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
	case schema.Enum: // the values are not in the table
		f.Type = schema.Text
	case schema.Text:
		if c.Type == "" || c.Type == "ANY" {
			note = "has no type; it is read as text"
		}
	case "":
		if checkSpecific(c.Type) != nil {
			return fmt.Sprintf("is declared as %s, which no model can say", c.Type)
		}
		f.Type, f.DBType = schema.Specific, c.Type
	}
	if k := f.Type.Kind(); k != schema.KindInt && k != schema.KindFloat {
		f.Unsigned = false
	}
	return note
}

// Serves reports whether values of the field can live in the column as it is.
func (c *FoundColumn) Serves(f *schema.Field) bool { return fits(c.Type, f) }

// digits sets precision and scale. Numbers with none, or with more than fit,
// are read as floats, which is what SQLite keeps them as.
func digits(f *schema.Field, c *FoundColumn, args []int) string {
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
	switch affinity(word) {
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

func numbers(s string) []int {
	var out []int
	for part := range strings.SplitSeq(s, ",") {
		if n, err := strconv.Atoi(strings.TrimSpace(part)); err == nil {
			out = append(out, n)
		}
	}
	return out
}

// DefaultFor reads the column's DEFAULT as one of the field, whose type is
// set. It is nil where there is none; the note says why one that is there
// cannot be the model's.
func (c *FoundColumn) DefaultFor(f *schema.Field) (d *schema.Default, note string) {
	toks := tokens(c.Default)
	for len(toks) > 2 && toks[0] == "(" && toks[len(toks)-1] == ")" {
		toks = toks[1 : len(toks)-1]
	}
	if len(toks) == 0 || len(toks) == 1 && strings.EqualFold(toks[0], "NULL") {
		return nil, ""
	}
	if saysNow(toks) && (f.Type.Kind() == schema.KindTime || f.Type == schema.Time) {
		return &schema.Default{Now: true}, ""
	}
	if v, ok := literalValue(toks); ok {
		if b, is := v.([]byte); v == any(schema.NoValue) || is && string(b) == schema.NoValue {
			return nil, "holds ciphertexts of an encrypted field, whose type cannot be seen here: give it that type and the tag encrypted"
		}
		if v, ok = c.forField(f, v); ok {
			if canon, err := f.Literal(v); err == nil {
				return &schema.Default{Value: canon}, ""
			}
		}
	}
	return nil, fmt.Sprintf("has the default %s, which is left to programs that write without the models", c.Default)
}

// saysNow reports whether an expression is the present time, in UTC.
func saysNow(toks []string) bool {
	switch strings.ToUpper(toks[0]) {
	case "CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME":
		return len(toks) == 1
	case "DATETIME", "DATE", "TIME", "STRFTIME":
		now := strings.EqualFold(toks[0], "STRFTIME") || len(toks) == 3 // datetime()
		for _, t := range toks[1:] {
			switch up := strings.ToUpper(t); {
			case up == "'NOW'":
				now = true
			case strings.HasPrefix(up, "'%"), up == "'SUBSEC'", up == "'SUBSECOND'", up == "(", up == ")", up == ",":
			default:
				return false // another time, or one of another zone
			}
		}
		return now
	}
	return false
}

// rawNumber is a number as it is written.
type rawNumber string

// literalValue reads a literal: a rawNumber, text, bytes or a boolean.
func literalValue(toks []string) (any, bool) {
	// A doubled quote is two tokens side by side.
	all := strings.Join(toks, "")
	first := toks[0]
	switch {
	case first[0] == '\'' || first[0] == '"':
		q := first[:1]
		for _, t := range toks {
			if len(t) < 2 || t[:1] != q || t[len(t)-1:] != q {
				return nil, false
			}
		}
		return strings.ReplaceAll(all[1:len(all)-1], q+q, q), true
	case strings.EqualFold(first, "x") && len(toks) == 2 && toks[1][0] == '\'':
		b, err := hex.DecodeString(strings.Trim(toks[1], "'"))
		return b, err == nil
	case len(toks) == 1 && strings.EqualFold(first, "TRUE"):
		return true, true
	case len(toks) == 1 && strings.EqualFold(first, "FALSE"):
		return false, true
	}
	if _, err := strconv.ParseFloat(all, 64); err == nil && strings.Trim(all, "+-.0123456789eE") == "" {
		return rawNumber(all), true
	}
	if n, err := strconv.ParseInt(all, 0, 64); err == nil && strings.HasPrefix(strings.ToLower(strings.TrimLeft(all, "+-")), "0x") {
		return rawNumber(strconv.FormatInt(n, 10)), true
	}
	return nil, false
}

// forField turns a literal into what SQLite would keep in the column, read as
// the field reads it.
func (c *FoundColumn) forField(f *schema.Field, v any) (any, bool) {
	text := ""
	switch x := v.(type) {
	case rawNumber:
		text = string(x)
	case string:
		text = strings.TrimSpace(x)
	case bool:
		text = "0"
		if x {
			text = "1"
		}
	}
	_, isBytes := v.([]byte)
	switch k := f.Type.Kind(); {
	case isBytes:
		return v, k == schema.KindBytes
	case k == schema.KindInt:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n, true
		}
		x, err := strconv.ParseFloat(text, 64)
		return int64(x), err == nil && x == math.Trunc(x) && math.Abs(x) < 1<<53
	case k == schema.KindFloat:
		x, err := strconv.ParseFloat(text, 64)
		return x, err == nil
	case k == schema.KindDecimal:
		d, err := decimal.NewFromString(text)
		if err != nil || len(text) > 100 {
			return nil, false
		}
		if strings.HasPrefix(c.Type, declared[schema.Decimal]+"(") { // a scaled integer
			_, scale := f.Decimals()
			d = d.Shift(int32(-scale))
		}
		return d, true
	case k == schema.KindBool:
		switch strings.ToLower(text) {
		case "1", "t", "true", "y", "yes", "on":
			return true, true
		case "0", "f", "false", "n", "no", "off":
			return false, true
		}
		return nil, false
	}
	if s, isText := v.(string); isText { // with its spaces
		return s, true
	}
	return text, true // of a database's own type too: it reads a number in a text
}

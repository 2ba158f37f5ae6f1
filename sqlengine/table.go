package sqlengine

import (
	"strconv"
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// Storage says how a column keeps the values of its field.
type Storage uint8

// The storages.
const (
	StoreAny Storage = iota
	StoreText
	StoreInt
	StoreFloat
	StoreBool
	StoreTime // text "2006-01-02 15:04:05[.ffffff]", UTC
	StoreDate // text "2006-01-02"
	StoreBytes
	StoreJSON      // canonical text
	StoreFoundJSON // any JSON text
	StoreScaled    // decimal × 10^scale as an integer
	StoreNumeric   // decimal in a numeric column of somebody else's
	StoreExact     // decimal in a column that keeps decimals exactly
)

// Column is a field in a table that exists.
type Column struct {
	Field *schema.Field
	Name  string // quoted
	Type  string // declared, as the database says it
	Store Storage
	scale int32
	// loose is true when values of other storage classes may stand in the
	// column (a table that Weft did not make).
	loose bool
	null  bool // may be NULL

	// What stands behind the column's name: where it is read, sorted or grouped
	// by, and where it must be text. bind stands behind what it is compared with.
	read, text, bind string
	// textLead stands before the name where the column must be text; lead stands
	// before what it is compared with. digits is how many a decimal
	// may have there; 0 is any number.
	textLead, lead string
	digits         int
	// valid tells what texts the column can hold; nil is any.
	valid func(string) bool
}

// FoundColumn is what a database says of one column.
type FoundColumn struct {
	Name      string
	Type      string // declared type
	NotNull   bool
	Key       int // position in the primary key from 1, 0 is none
	Collation string
	Generated bool
	Auto      bool // the database hands out its values, one after the other

	// Of databases whose columns have types of many kinds. Suffixes stand behind
	// the column's name.
	Store Storage // of a field whose type only the database knows
	Exact bool    // keeps decimals exactly
	Loose bool    // sorts otherwise than by bytes, so that no range serves a prefix
	Read  string  // suffix where the column is read, sorted or grouped by
	Text  string  // suffix that makes text of what is none
	// TextLead stands before the column's name where Text stands behind it.
	TextLead string
	Bind     string // suffix of what the column is compared with
	Lead     string // what stands before that
	// Digits is how many digits a decimal has that the column is compared with, as
	// many behind the point as the field has; 0 is any number.
	Digits int
	Valid  func(string) bool // tells what texts it can hold; nil is any
}

// Table is a model's table as it is in the database.
type Table struct {
	Model *schema.Model
	Name  string // quoted
	Cols  []*Column
	// Made is true for a table that Weft made: it keeps canonical values only.
	Made  bool
	Notes []string // what is different here, for plans
	// Search is the full-text index; nil where there is none, or none that is kept.
	Search *SearchIndex

	// Sequence is what hands out the key, in the dialect's words.
	Sequence string

	auto *Column // the key that the database hands out
}

// NewTable matches a model with the columns found. A column that is missing is
// an error that says to migrate.
func NewTable(d *Dialect, m *schema.Model, found []FoundColumn, made bool) (*Table, error) {
	if len(found) == 0 {
		return nil, op.Errorf(op.CodeDatabase, "the table %s of model %s does not exist: migrate first (weft.AutoMigrate())", m.Table, m.Name)
	}
	t := &Table{Model: m, Name: d.Quote(m.Table), Made: made}
	for _, f := range m.Fields {
		if f.Encrypted { // it would be stored in the clear
			return nil, op.Errorf(op.CodeUnsupported, "%s.%s is encrypted, and no layer between here and the application encrypts: open the database with weft.Encrypt(keys)",
				m.Name, f.Name)
		}
		fc := findColumn(found, f.Column)
		if fc == nil {
			names := make([]string, len(found))
			for i := range found {
				names[i] = found[i].Name
			}
			return nil, op.Errorf(op.CodeDatabase, "the table %s has no column %s for %s.%s (it has %s): migrate first (weft.AutoMigrate())",
				m.Table, f.Column, m.Name, f.Name, strings.Join(names, ", "))
		}
		c := &Column{Field: f, Name: d.Quote(fc.Name), Type: fc.Type, null: !fc.NotNull, loose: !made, read: fc.Read, text: fc.Text, textLead: fc.TextLead, bind: fc.Bind, lead: fc.Lead, digits: fc.Digits, valid: fc.Valid}
		if d.Typed {
			c.loose = fc.Loose
		}
		if f.Primary && len(m.Primary) == 1 && strings.EqualFold(fc.Type, "INTEGER") {
			c.null = false
		}
		if err := c.choose(d, m, fc); err != nil {
			return nil, err
		}
		if fc.Collation != "" && !strings.EqualFold(fc.Collation, d.Binary) {
			t.Notes = append(t.Notes, "column "+fc.Name+" of "+m.Table+" sorts and compares by "+fc.Collation+", not by bytes")
		}
		if f.Auto && fc.Auto && len(m.Primary) == 1 {
			t.auto = c
		}
		t.Cols = append(t.Cols, c)
	}
	return t, nil
}

func findColumn(found []FoundColumn, name string) *FoundColumn {
	for i := range found {
		if strings.EqualFold(found[i].Name, name) {
			return &found[i]
		}
	}
	return nil
}

// ScaledType reads the declared type of a scaled decimal: "INTEGER DECIMAL(p,s)".
func ScaledType(decl string) (scale int32, ok bool) {
	rest, ok := strings.CutPrefix(strings.ToUpper(strings.TrimSpace(decl)), "INTEGER DECIMAL(")
	if !ok {
		return 0, false
	}
	_, s, ok := strings.Cut(strings.TrimSuffix(rest, ")"), ",")
	n, err := strconv.Atoi(strings.TrimSpace(s))
	return int32(n), ok && err == nil && n >= 0 && n <= 18
}

func (c *Column) choose(d *Dialect, m *schema.Model, fc *FoundColumn) error {
	decl := fc.Type
	switch c.Field.Type.Kind() {
	case schema.KindAny:
		c.Store = fc.Store
	case schema.KindString:
		c.Store = StoreText
	case schema.KindInt:
		c.Store = StoreInt
	case schema.KindFloat:
		c.Store = StoreFloat
	case schema.KindBool:
		c.Store = StoreBool
	case schema.KindTime:
		c.Store = StoreTime
		if c.Field.Type == schema.Date {
			c.Store = StoreDate
			// A date in a column made for points in time is written as one.
			if !d.Typed && c.loose && strings.Contains(strings.ToUpper(decl), "TIME") {
				c.Store = StoreTime
			}
		}
	case schema.KindBytes:
		c.Store = StoreBytes
	case schema.KindJSON:
		c.Store = StoreJSON
		if c.loose || fc.Store == StoreFoundJSON {
			c.Store = StoreFoundJSON
		}
	case schema.KindDecimal:
		precision, scale := c.Field.Decimals()
		if fc.Exact {
			c.Store, c.scale = StoreExact, int32(scale)
			return nil
		}
		if s, ok := ScaledType(decl); ok {
			if precision > 18 {
				return op.Errorf(op.CodeUnsupported, "%s.%s: a decimal of %d digits does not fit this database, which keeps at most 18 (scale %d)",
					m.Name, c.Field.Name, precision, scale)
			}
			c.Store, c.scale = StoreScaled, s
			return nil
		}
		c.Store, c.scale = StoreNumeric, int32(scale)
	}
	return nil
}

// column finds the column of a field name.
func (t *Table) column(name string) *Column {
	if f := t.Model.Field(name); f != nil && f.Pos < len(t.Cols) {
		return t.Cols[f.Pos]
	}
	return nil
}

package sqlengine

import (
	"strconv"
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// storage says how a column keeps the values of its field.
type storage uint8

const (
	storeAny storage = iota
	storeText
	storeInt
	storeFloat
	storeBool
	storeTime // text "2006-01-02 15:04:05[.ffffff]", UTC
	storeDate // text "2006-01-02"
	storeBytes
	storeJSON      // canonical text
	storeFoundJSON // any JSON text
	storeScaled    // decimal × 10^scale as an integer
	storeNumeric   // decimal in a numeric column of somebody else's
)

// Column is a field in a table that exists.
type Column struct {
	Field *schema.Field
	Name  string // quoted
	store storage
	scale int32
	// loose is true when values of other storage classes may stand in the
	// column (a table that Weft did not make).
	loose bool
	null  bool // may be NULL
}

// FoundColumn is what a database says of one column.
type FoundColumn struct {
	Name      string
	Type      string // declared type
	NotNull   bool
	Key       int // position in the primary key from 1, 0 is none
	Collation string
	Generated bool
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

	auto *Column // the key that the database hands out as its row id
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
		c := &Column{Field: f, Name: d.Quote(fc.Name), null: !fc.NotNull, loose: !made}
		if f.Primary && len(m.Primary) == 1 && strings.EqualFold(fc.Type, "INTEGER") {
			c.null = false
		}
		if err := c.choose(m, fc.Type); err != nil {
			return nil, err
		}
		if fc.Collation != "" && !strings.EqualFold(fc.Collation, d.Binary) {
			t.Notes = append(t.Notes, "column "+fc.Name+" of "+m.Table+" sorts and compares by "+fc.Collation+", not by bytes")
		}
		if f.Auto && fc.Key == 1 && len(m.Primary) == 1 && strings.EqualFold(fc.Type, "INTEGER") {
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

func (c *Column) choose(m *schema.Model, decl string) error {
	switch c.Field.Type.Kind() {
	case schema.KindString:
		c.store = storeText
	case schema.KindInt:
		c.store = storeInt
	case schema.KindFloat:
		c.store = storeFloat
	case schema.KindBool:
		c.store = storeBool
	case schema.KindTime:
		c.store = storeTime
		if c.Field.Type == schema.Date {
			c.store = storeDate
			// A date in a column made for points in time is written as one.
			if c.loose && strings.Contains(strings.ToUpper(decl), "TIME") {
				c.store = storeTime
			}
		}
	case schema.KindBytes:
		c.store = storeBytes
	case schema.KindJSON:
		c.store = storeJSON
		if c.loose {
			c.store = storeFoundJSON
		}
	case schema.KindDecimal:
		precision, scale := c.Field.Decimals()
		if s, ok := ScaledType(decl); ok {
			if precision > 18 {
				return op.Errorf(op.CodeUnsupported, "%s.%s: a decimal of %d digits does not fit this database, which keeps at most 18 (scale %d)",
					m.Name, c.Field.Name, precision, scale)
			}
			c.store, c.scale = storeScaled, s
			return nil
		}
		c.store, c.scale = storeNumeric, int32(scale)
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

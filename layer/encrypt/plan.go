package encrypt

import (
	"io"
	"slices"
	"sync"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// layer is what all engines and transactions that it is around share.
type layer struct {
	ring *KeyRing
	rand io.Reader
	sets sync.Map // *schema.Set → map[*schema.Model]*model
}

// model is a model in both its forms.
type model struct {
	clear, stored *schema.Model
	cells         []*cell
	at            []*cell // by position of the field; nil for one that is not encrypted
	whole         *view   // of all fields; nil without cells
}

// model gives both forms of a model; nil for one of a set without encrypted
// fields, which the layer leaves alone.
func (l *layer) model(m *schema.Model) *model {
	if m == nil || m.Set() == nil || m.Set().Stored() == m.Set() {
		return nil
	}
	models, ok := l.sets.Load(m.Set())
	if !ok {
		models, _ = l.sets.LoadOrStore(m.Set(), bothForms(m.Set()))
	}
	return models.(map[*schema.Model]*model)[m]
}

func bothForms(set *schema.Set) map[*schema.Model]*model {
	out := make(map[*schema.Model]*model, len(set.Models))
	for _, m := range set.Models {
		x := &model{clear: m, stored: set.Stored().Model(m.Name), at: make([]*cell, len(m.Fields))}
		for i, f := range m.Fields {
			if f.Encrypted {
				x.at[i] = newCell(x, f)
				x.cells = append(x.cells, x.at[i])
			}
		}
		x.whole = x.newView(nil)
		out[m] = x
	}
	return out
}

// stored is the stored form of any model.
func (l *layer) stored(m *schema.Model) *schema.Model {
	if x := l.model(m); x != nil {
		return x.stored
	}
	return m
}

// key are the values of a row's key, false when one is not known yet. The row
// has all fields.
func (m *model) key(row []any) ([]any, bool) {
	key := make([]any, len(m.clear.Primary))
	for i, f := range m.clear.Primary {
		switch v := row[f.Pos].(type) {
		case nil, op.Unset:
			return nil, false
		default:
			key[i] = v
		}
	}
	return key, true
}

// keyIs is the condition that finds a row by its key.
func (m *model) keyIs(key []any) op.Cond {
	conds := make([]op.Cond, len(key))
	for i, f := range m.clear.Primary {
		conds[i] = op.Cmp(f.Name, op.Eq, key[i])
	}
	return op.AllOf(conds...)
}

// cell is the cell of a field's name; nil for one that is not encrypted.
func (m *model) cell(name string) *cell {
	if f := m.clear.Field(name); f != nil {
		return m.at[f.Pos]
	}
	return nil
}

// view is how the rows of a result become clear.
type view struct {
	m      *model
	fields []string // to ask for below; nil is all
	extra  int      // of which so many lead and are the key's, not asked for
	cells  []*cell  // by column below; nil is clear
	key    []int    // columns below of the key
	isKey  []bool   // by column below
	ready  bool     // the key comes before what is encrypted
}

// view is the view of a result with these fields; nil when nothing in it is
// encrypted.
func (m *model) view(fields []string) *view {
	if fields == nil {
		return m.whole
	}
	return m.newView(fields)
}

func (m *model) newView(fields []string) *view {
	v := &view{m: m, fields: fields}
	var list []*schema.Field
	if fields == nil {
		list = m.clear.Fields
	}
	for _, n := range fields {
		c, err := op.ColumnOf(m.clear, n)
		if err != nil {
			return nil // refused below
		}
		list = append(list, c.As()) // of another row, which is never encrypted, a field of its own
	}
	if !slices.ContainsFunc(list, func(f *schema.Field) bool { return f.Encrypted }) {
		return nil
	}
	var missing []*schema.Field
	for _, k := range m.clear.Primary {
		if !slices.Contains(list, k) {
			missing = append(missing, k)
		}
	}
	if v.extra = len(missing); v.extra > 0 {
		list = append(missing, list...)
		v.fields = make([]string, len(list))
		for i, f := range list {
			v.fields[i] = f.Name
		}
	}
	first := -1
	v.isKey = make([]bool, len(list))
	for i, f := range list {
		v.cells = append(v.cells, m.cell(f.Name))
		if f.Encrypted && first < 0 {
			first = i
		}
	}
	v.ready = true
	for _, k := range m.clear.Primary {
		at := slices.Index(list, k)
		v.key = append(v.key, at)
		v.isKey[at] = true
		v.ready = v.ready && at < first
	}
	return v
}

// zero is the value of a field that cannot be NULL and has none.
func zero(f *schema.Field) any {
	switch f.Type {
	case schema.Time:
		return "00:00:00"
	case schema.Array:
		return op.JSON("[]")
	case schema.Object:
		return op.JSON("{}")
	case schema.UUID:
		return "00000000-0000-0000-0000-000000000000"
	case schema.Enum:
		if len(f.Enum) > 0 {
			return f.Enum[0]
		}
	}
	switch f.Type.Kind() {
	case schema.KindInt:
		return int64(0)
	case schema.KindFloat:
		return float64(0)
	case schema.KindDecimal:
		return decimal.Decimal{}
	case schema.KindBool:
		return false
	case schema.KindTime:
		return time.Time{}
	case schema.KindBytes:
		return []byte{}
	case schema.KindJSON:
		return op.JSON("null")
	}
	return ""
}

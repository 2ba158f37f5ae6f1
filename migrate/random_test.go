package migrate_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/schema"
)

// edits makes random models and changes them.
type edits struct {
	*rand.Rand
	names int
}

func (r *edits) one(n int) bool { return r.IntN(n) == 0 }

func (r *edits) name(prefix string) string {
	r.names++
	return fmt.Sprintf("%s%d", prefix, r.names)
}

// widening are chains of types in which each holds all values of those before.
var widening = [][]schema.Type{
	{schema.Boolean, schema.Integer, schema.BigInteger, schema.String, schema.Text},
	{schema.Integer, schema.BigInteger, schema.Text},
	{schema.Enum, schema.String, schema.Text},
	{schema.UUID, schema.String, schema.Text},
	{schema.Date, schema.DateTime},
	{schema.Decimal},
	{schema.JSON},
	{schema.Binary},
	{schema.Float},
	{schema.Time},
	{schema.NanoID, schema.Text},
}

func (r *edits) field() *schema.Field {
	chain := widening[r.IntN(len(widening))]
	f := &schema.Field{Name: r.name("f"), Type: chain[r.IntN(len(chain))], Nullable: r.one(2)}
	if f.Type == schema.Enum {
		f.Enum = []string{"a", "b'c"}
	}
	f.Index = r.one(3) && f.Type.Kind() != schema.KindJSON
	r.def(f)
	if r.one(4) {
		f.Comment = "it's " + f.Name
	}
	if r.one(2) && f.Nullable && f.Default == nil && slices.Contains([]schema.Type{schema.Integer, schema.BigInteger, schema.UUID, schema.NanoID, schema.Date}, f.Type) {
		f.Unique, f.Index = true, false
	}
	return f
}

func (r *edits) def(f *schema.Field) {
	f.Default = nil
	if r.one(2) {
		return
	}
	var v any
	switch f.Type.Kind() {
	case schema.KindInt:
		v = int64(r.IntN(5))
	case schema.KindBool:
		v = r.one(2)
	case schema.KindString:
		v = "D'" + strconv.Itoa(r.IntN(3))
		if f.Type == schema.Enum {
			v = "a"
		}
		if f.Type == schema.UUID || f.Type == schema.Time || f.Type == schema.NanoID {
			return
		}
	case schema.KindFloat:
		v = 1.5
	default:
		return
	}
	f.Default = &schema.Default{Value: v}
}

func (r *edits) models() []*schema.Model {
	var ms []*schema.Model
	for range 2 + r.IntN(2) {
		m := &schema.Model{Name: r.name("M")}
		m.Table = "t" + m.Name
		k := &schema.Field{Name: "id", Type: schema.BigInteger, Primary: true, Auto: r.one(2)}
		m.Fields = append(m.Fields, k)
		for range 2 + r.IntN(5) {
			m.Fields = append(m.Fields, r.field())
		}
		if r.one(2) {
			m.Fields = append(m.Fields, mark())
		}
		if len(ms) > 0 {
			m.Fields = append(m.Fields, &schema.Field{Name: r.name("ref"), Type: schema.BigInteger, Nullable: true, References: &schema.Reference{Table: ms[0].Table, Column: "id", OnDelete: r.action()}})
		}
		if r.one(2) {
			m.Indexes = append(m.Indexes, schema.Index{Fields: []string{m.Fields[1].Name, "id"}, Unique: true, Name: r.name("by_")})
			if k := m.Fields[1].Type; k == schema.Text || k.Kind() == schema.KindJSON {
				m.Indexes = nil
			}
		}
		ms = append(ms, m)
	}
	return ms
}

// mark is the field of soft delete.
func mark() *schema.Field {
	return &schema.Field{Name: "deletedAt", Type: schema.DateTime, Nullable: true, Role: schema.RoleDeleted}
}

func (r *edits) action() schema.Action {
	return []schema.Action{schema.NoAction, schema.Cascade, schema.SetNull, schema.Restrict}[r.IntN(4)]
}

// changed is a copy of the models with some changes. kept says under which
// names columns that keep their values were and are: table.column.
func (r *edits) changed(ms []*schema.Model) (out []*schema.Model, kept map[string]string) {
	kept = map[string]string{}
	tables := map[string]string{}
	for _, m := range ms {
		n := &schema.Model{Name: m.Name, Table: m.Table, Comment: m.Comment}
		if r.one(3) {
			n.RenamedFrom, n.Table = m.Table, r.name("renamed ")
		}
		tables[m.Table] = n.Table
		for _, f := range m.Fields {
			g := *f
			g.Column = ""
			if g.References != nil {
				ref := *g.References
				g.References = &ref
				if r.one(3) {
					ref.OnDelete = r.action()
				}
				if r.one(6) {
					g.References = nil
				}
			}
			col := func(f *schema.Field) string { return schema.Snake(f.Name) }
			if !f.Primary {
				if r.one(6) && !slices.ContainsFunc(m.Indexes, func(x schema.Index) bool { return slices.Contains(x.Fields, f.Name) }) {
					continue // goes
				}
				if r.one(4) {
					g.Name, g.RenamedFrom = r.name("g"), col(f)
				}
				r.alter(&g)
			}
			kept[m.Table+"\x00"+col(f)] = col(&g)
			n.Fields = append(n.Fields, &g)
		}
		for range r.IntN(3) {
			n.Fields = append(n.Fields, r.field())
		}
		if r.one(3) && !slices.ContainsFunc(m.Fields, func(f *schema.Field) bool { return f.Role == schema.RoleDeleted }) {
			n.Fields = append(n.Fields, mark())
		}
		for _, x := range m.Indexes {
			y := x
			y.Fields = []string{n.Fields[1].Name, "id"}
			if r.one(3) {
				slices.Reverse(y.Fields)
			}
			if k := n.Fields[1].Type; k != schema.Text && k.Kind() != schema.KindJSON && !r.one(4) {
				n.Indexes = append(n.Indexes, y)
			}
		}
		out = append(out, n)
	}
	for _, m := range out {
		for _, f := range m.Fields {
			if f.References != nil {
				f.References.Table = tables[f.References.Table]
			}
		}
	}
	return out, kept
}

func (r *edits) alter(f *schema.Field) {
	if f.References != nil || f.Role == schema.RoleDeleted {
		return
	}
	if f.Unique {
		f.Unique = !r.one(3)
		return
	}
	if r.one(3) {
		for _, chain := range widening {
			if i := slices.Index(chain, f.Type); i >= 0 {
				f.Type = chain[i+r.IntN(len(chain)-i)]
				break
			}
		}
		f.Enum, f.NanoID = nil, false
		if f.Type == schema.Enum {
			f.Enum = []string{"a", "b'c", "new"}
		}
		r.def(f)
	}
	if r.one(4) {
		f.Nullable = true
	}
	if r.one(3) && f.Type.Kind() != schema.KindJSON {
		f.Index = !f.Index
	}
	if r.one(4) {
		r.def(f)
	}
}

// value is a literal of the field's type that every dialect takes.
func (r *edits) value(d catalog.Dialect, f *schema.Field, i int) string {
	if f.Nullable && r.one(3) {
		return "NULL"
	}
	switch f.Type {
	case schema.Boolean:
		if d == catalog.Postgres {
			return strconv.FormatBool(i%2 == 0)
		}
		return strconv.Itoa(i % 2)
	case schema.Integer, schema.BigInteger, schema.Decimal, schema.Float:
		return strconv.Itoa(i - 1)
	case schema.Enum:
		return []string{"'a'", "'b''c'"}[i%2]
	case schema.UUID:
		return fmt.Sprintf("'0190c6a1-0000-7000-8000-%012d'", i)
	case schema.Date:
		return fmt.Sprintf("'2024-02-%02d'", i+1)
	case schema.DateTime:
		if d == catalog.SQLite {
			return fmt.Sprintf("'2024-02-%02d 10:00:00'", i+1)
		}
		return fmt.Sprintf("'2024-02-%02d 10:00:00'", i+1)
	case schema.Time:
		return fmt.Sprintf("'10:00:%02d'", i)
	case schema.JSON:
		return fmt.Sprintf("'[%d]'", i)
	case schema.Binary:
		if d == catalog.Postgres {
			return fmt.Sprintf(`'\x%02x'`, i)
		}
		return fmt.Sprintf("x'%02x'", i)
	}
	return fmt.Sprintf("'it''s %d'", i)
}

// shown makes values of different types comparable: what a value is as text.
func shown(s string) string {
	s = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(s, "T00:00:00Z"), " 00:00:00.000000"), " 00:00:00")
	switch s {
	case "true":
		return "1"
	case "false":
		return "0"
	}
	return s
}

// TestRandomChanges plans and applies random changes of random models over
// rows: nothing is left to do afterwards, and no value is lost that was to stay.
func TestRandomChanges(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("WEFT_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("WEFT_SEED=%d", seed)
	places(t, func(t *testing.T, p place) {
		r := &edits{Rand: rand.New(rand.NewPCG(seed, 1))}
		rounds := map[catalog.Dialect]int{catalog.SQLite: 40, catalog.Postgres: 8, catalog.MySQL: 4}[p.dialect]
		for range rounds {
			p.wipe(t)
			ms := r.models()
			o := migrate.Options{AllowDrop: true}
			p.apply(t, build(t, ms...), o)
			q := func(s string) string { return catalog.Quote(p.dialect, s) }
			for _, m := range ms {
				for i := range 3 {
					var cols, vals []string
					for _, f := range m.Fields {
						cols = append(cols, q(f.Column))
						v := r.value(p.dialect, f, i)
						if f.Primary {
							v = strconv.Itoa(i + 1)
						} else if f.References != nil {
							v = "NULL"
							if i > 0 {
								v = strconv.Itoa(i)
							}
						}
						vals = append(vals, v)
					}
					p.exec(t, "INSERT INTO "+q(m.Table)+" ("+strings.Join(cols, ", ")+") VALUES ("+strings.Join(vals, ", ")+")")
				}
			}
			later, kept := r.changed(ms)
			before := map[string][]string{}
			for key := range kept {
				table, col, _ := strings.Cut(key, "\x00")
				before[key] = p.ask(t, "SELECT "+q(col)+" FROM "+q(table)+" ORDER BY id")
			}
			plan := p.apply(t, build(t, later...), o)
			for _, m := range later {
				old := m.Table
				if m.RenamedFrom != "" {
					old = m.RenamedFrom
				}
				for key, now := range kept {
					table, col, _ := strings.Cut(key, "\x00")
					if table != old {
						continue
					}
					got := p.ask(t, "SELECT "+q(now)+" FROM "+q(m.Table)+" ORDER BY id")
					if !slices.EqualFunc(got, before[key], func(a, b string) bool { return shown(a) == shown(b) }) {
						t.Fatalf("%s.%s was %q and is %q in %s.%s, after\n%s", table, col, before[key], got, m.Table, now, plan)
					}
				}
			}
		}
		t.Logf("%d random changes", rounds)
	})
}

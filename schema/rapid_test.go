package schema_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/weftdb/weft/schema"
)

var types = []schema.Type{
	schema.String, schema.Text, schema.Integer, schema.BigInteger, schema.Float, schema.Decimal, schema.Boolean, schema.Date,
	schema.DateTime, schema.Timestamp, schema.Time, schema.Binary, schema.UUID, schema.NanoID, schema.Enum, schema.Array,
	schema.Object, schema.JSON, schema.JSONB, schema.Specific,
}

// words is text of all sorts: plain, looking like other YAML, unicode, control.
func words() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[a-z]{0,8}`),
		rapid.SampledFrom([]string{"true", "null", "~", "no", "0x10", "1e3", "2024-01-01", "12:30", "- a", "a: b", "#", "'", "\"", "a\nb\t", " x ", "{", "%", "&a", "*a", "!!str", "é\u2028\ufeff\x7f", "<<", "now()", "\\"}),
		rapid.String(),
	).Filter(func(s string) bool { return !strings.ContainsRune(s, 0) })
}

func idents() *rapid.Generator[string] {
	return rapid.OneOf(rapid.StringMatching(`[a-z][a-zA-Z0-9]{0,6}`), rapid.StringMatching(`[A-Za-z_][A-Za-z0-9_]{0,6}`),
		rapid.SampledFrom([]string{"no", "on", "y", "null", "true", "timestamps", "model", "größe"}))
}

func texts() *rapid.Generator[[]string] {
	return rapid.Custom(func(t *rapid.T) []string {
		if l := rapid.SliceOfN(idents(), 0, 3).Draw(t, "list"); len(l) > 0 {
			return l
		}
		return nil
	})
}

func jsonTrees(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		n := 5
		if depth > 0 {
			n = 7
		}
		switch rapid.IntRange(0, n-1).Draw(t, "json") {
		case 0:
			return nil
		case 1:
			return rapid.Bool().Draw(t, "b")
		case 2:
			return json.Number(rapid.SampledFrom([]string{"0", "-1", "1.50", "1e400", "9007199254740993", "-0.0", "1E+2"}).Draw(t, "n"))
		case 3, 4:
			return words().Draw(t, "s")
		case 5:
			return rapid.SliceOfN(jsonTrees(depth-1), 0, 3).Draw(t, "a")
		}
		return rapid.MapOfN(words(), jsonTrees(depth-1), 0, 3).Draw(t, "o")
	})
}

func moments() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		return time.UnixMicro(rapid.Int64Range(-62135596800000000, 253402300799999999).Draw(t, "µs")).UTC()
	})
}

// value draws a canonical value of a field.
func value(t *rapid.T, f *schema.Field) any {
	switch f.Type {
	case schema.String, schema.Text, schema.NanoID:
		return words().Filter(func(s string) bool { return len(s) < 200 }).Draw(t, "text")
	case schema.Integer:
		return int64(rapid.Int32Range(0, math.MaxInt32).Draw(t, "int"))
	case schema.BigInteger:
		return rapid.Int64Range(0, math.MaxInt64).Draw(t, "int")
	case schema.Float:
		return rapid.Float64().Filter(func(x float64) bool { return !math.IsInf(x, 0) && !math.IsNaN(x) }).Draw(t, "float")
	case schema.Decimal:
		_, s := f.Decimals()
		d, err := decimal.NewFromString(decimal.New(rapid.Int64Range(-99, 99).Draw(t, "dec"), -int32(s)).String())
		if err != nil {
			t.Fatal(err)
		}
		return d
	case schema.Boolean:
		return rapid.Bool().Draw(t, "bool")
	case schema.Date:
		return moments().Draw(t, "date").Truncate(24 * time.Hour)
	case schema.DateTime, schema.Timestamp:
		return moments().Draw(t, "time")
	case schema.Time:
		return moments().Draw(t, "clock").Format("15:04:05.999999")
	case schema.Binary:
		return rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "bytes")
	case schema.UUID:
		return rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`).Draw(t, "uuid")
	case schema.Enum:
		return rapid.SampledFrom(f.Enum).Draw(t, "enum")
	case schema.Specific:
		return rapid.OneOf(words().AsAny(), rapid.Int64().AsAny(), rapid.Bool().AsAny(), moments().AsAny(),
			rapid.Float64().Filter(func(x float64) bool { return !math.IsInf(x, 0) && !math.IsNaN(x) }).AsAny(),
			rapid.SliceOfN(rapid.Byte(), 0, 9).AsAny()).Draw(t, "any")
	}
	var tree any
	switch f.Type {
	case schema.Array:
		tree = rapid.SliceOfN(jsonTrees(2), 0, 3).Draw(t, "array")
	case schema.Object:
		tree = rapid.MapOfN(words(), jsonTrees(2), 0, 3).Draw(t, "object")
	default:
		tree = jsonTrees(3).Filter(func(x any) bool { return x != nil }).Draw(t, "json")
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(tree); err != nil {
		t.Fatal(err)
	}
	return json.RawMessage(strings.TrimSpace(b.String()))
}

func fieldsOf(name string) *rapid.Generator[*schema.Field] {
	return rapid.Custom(func(t *rapid.T) *schema.Field {
		yes := func(what string) bool { return rapid.IntRange(0, 3).Draw(t, what) == 0 }
		text := func(what string) string {
			if yes(what) {
				return words().Draw(t, what)
			}
			return ""
		}
		f := &schema.Field{
			Name: name, Column: schema.Snake(name), Type: rapid.SampledFrom(types).Draw(t, "type"),
			Nullable: yes("nullable"), Unsigned: yes("unsigned"), Comment: text("comment"), RenamedFrom: text("renamed"),
			Required: yes("required"), Unique: yes("unique"), Index: yes("index"), Search: yes("search"), Immutable: yes("immutable"),
			Encrypted: yes("encrypted"), ReadOnly: yes("readonly"), Hidden: yes("hidden"), Validator: text("validator"),
			Transform: text("transform"), Validate: text("validate"), EmbedPrefix: text("embed"),
		}
		if yes("column") {
			f.Column = rapid.StringMatching(`[A-Za-z ]{1,5}`).Draw(t, "column name")
		}
		if f.Index && yes("global") {
			f.IndexGlobal = true
		}
		for _, rule := range strings.Split(f.Validate, ",") {
			f.Required = f.Required || strings.TrimSpace(rule) == "required"
		}
		switch f.Type {
		case schema.String, schema.Binary:
			f.Size = rapid.SampledFrom([]int{0, 1000, 255}).Draw(t, "size")
		case schema.Decimal:
			f.Precision = rapid.IntRange(0, 20).Draw(t, "precision")
			if f.Precision > 1 {
				f.Scale = rapid.IntRange(0, f.Precision-2).Draw(t, "scale")
			}
		case schema.Enum:
			f.Enum = rapid.SliceOfNDistinct(words().Filter(func(s string) bool { return s != "" }), 1, 4, rapid.ID).Draw(t, "values")
		case schema.Specific:
			f.DBType = "numeric(10, 2)"
		case schema.NanoID:
			f.NanoID = true
		}
		switch k := f.Type.Kind(); rapid.IntRange(0, 4).Draw(t, "default") {
		case 0:
			if f.Type != schema.Decimal || f.Precision != 1 {
				f.Default = &schema.Default{Value: value(t, f)}
			}
		case 1:
			f.Default = &schema.Default{Func: "M." + name}
		case 2:
			if k == schema.KindTime || f.Type == schema.Time {
				f.Default = &schema.Default{Now: true}
			}
		}
		if yes("references") {
			f.References = &schema.Reference{Table: rapid.StringMatching(`[a-z ]{1,4}`).Draw(t, "table"), Column: "id"}
			f.References.OnDelete = rapid.SampledFrom([]schema.Action{"", schema.Cascade, schema.SetNull, schema.SetDefault, schema.Restrict}).Draw(t, "delete")
			f.References.OnUpdate = rapid.SampledFrom([]schema.Action{"", schema.Cascade, schema.SetNull}).Draw(t, "update")
		}
		return f
	})
}

func models() *rapid.Generator[*schema.Model] {
	return rapid.Custom(func(t *rapid.T) *schema.Model {
		yes := func(what string) bool { return rapid.Bool().Draw(t, what) }
		m := &schema.Model{
			Name: idents().Draw(t, "name"), Table: rapid.StringMatching(`[a-z]{0,5}`).Draw(t, "table"), Comment: words().Draw(t, "comment"),
			RenamedFrom: words().Draw(t, "renamed"), Version: rapid.IntRange(0, 3).Draw(t, "version"), NeedsHooks: yes("hooks"),
			Kind:     rapid.SampledFrom([]schema.Kind{"", schema.DocStore, schema.EventLog}).Draw(t, "kind"),
			Scope:    rapid.SampledFrom([]schema.Scope{schema.GlobalScope, schema.UserScope}).Draw(t, "scope"),
			Implicit: yes("implicit"),
		}
		names := rapid.SliceOfNDistinct(idents(), 1, 8, rapid.ID).Draw(t, "names")
		for i, n := range names {
			m.Fields = append(m.Fields, fieldsOf(n).Draw(t, n))
			m.Fields[i].Role = schema.Role(rapid.IntRange(0, 3).Draw(t, "role"))
		}
		m.Fields[0].Primary = true
		if last := m.Fields[len(m.Fields)-1]; yes("owned") {
			last.Role = schema.RoleOwner
		}
		for i := range rapid.IntRange(0, 3).Draw(t, "relations") {
			m.Relations = append(m.Relations, &schema.Relation{
				Name: fmt.Sprintf("r%d", i), Kind: schema.RelationKind(rapid.IntRange(1, 4).Draw(t, "kind")), Model: idents().Draw(t, "model"),
				FK: texts().Draw(t, "fk"), LK: texts().Draw(t, "lk"), Through: rapid.StringMatching(`[A-Z]?`).Draw(t, "through"),
				OnDelete: rapid.SampledFrom([]schema.Action{"", schema.SetNull}).Draw(t, "delete"), Eager: yes("eager"), Hidden: yes("hidden"),
				OnUpdate: rapid.SampledFrom([]schema.Action{"", schema.Cascade}).Draw(t, "update"), References: yes("references"),
			})
		}
		for i := range rapid.IntRange(0, 2).Draw(t, "counts") {
			m.Counts = append(m.Counts, &schema.Count{Name: fmt.Sprintf("c%d", i), Relation: idents().Draw(t, "relation"), Hidden: yes("hidden")})
		}
		for range rapid.IntRange(0, 2).Draw(t, "indexes") {
			m.Indexes = append(m.Indexes, schema.Index{
				Fields: rapid.SliceOfN(idents(), 1, 3).Draw(t, "fields"), Unique: yes("unique"), Global: yes("global"),
				Name: words().Draw(t, "name"), Where: words().Draw(t, "where"),
			})
		}
		if yes("sharding") {
			m.Sharding = &schema.Sharding{
				Strategy: "range", Count: rapid.IntRange(0, 3).Draw(t, "count"), Key: idents().Draw(t, "key"),
				Splits: rapid.SliceOfN(words(), 1, 3).Draw(t, "splits"),
			}
		}
		if yes("pin") {
			m.Pin = schema.Pin{Strategy: schema.Fixed, Factor: rapid.IntRange(0, 5).Draw(t, "factor")}
		}
		if yes("events") {
			m.Events = schema.Events{On: schema.EventMask(rapid.IntRange(1, 7).Draw(t, "on")), Channels: texts().Draw(t, "channels")}
		}
		if yes("cache") {
			m.Cache = &schema.Cache{TTL: time.Duration(rapid.Int64Range(0, 1<<50).Draw(t, "ttl"))}
		}
		if yes("seed") {
			m.Seed = &schema.Seed{Key: names[0]}
			for range rapid.IntRange(0, 2).Draw(t, "rows") {
				row := map[string]any{}
				for _, f := range m.Fields {
					switch {
					case f.Type == schema.Decimal && f.Precision == 1:
					case yes("null"):
						row[f.Name] = nil
					default:
						row[f.Name] = value(t, f)
					}
				}
				m.Seed.Rows = append(m.Seed.Rows, row)
			}
		}
		return m
	})
}

// TestYAMLIsLossless writes and reads random models.
func TestYAMLIsLossless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { roundTrip(t, models().Draw(t, "model")) })
}

package optest

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// runes are what random texts are made of.
var runes = []rune("aAbBkKzZ09%_\\'\" iIİıßẞäÄéσςΣ\u0301\u212a\u212b日😀")

// parents are models that many rows of others point at.
var parents = map[string]bool{"Author": true, "Tag": true, "Parent": true, "Shelf": true, "Item": true, "Kind": true}

// value makes a value of a field, never NULL. Keys and what points at them
// come from small sets, so that they meet.
func (g *gen) value(m *schema.Model, f *schema.Field) any {
	if g.gone != nil {
		if v, ok := g.key(m, f, false); ok {
			return v
		}
	}
	if m.Name != "Wide" || f.Primary {
		if v, ok := g.small(m, f); ok {
			return v
		}
	}
	if f.Search && g.one(2) {
		return g.sentence()
	}
	if g.one(3) {
		return g.random(f)
	}
	return pick(g, valuesOf(f))
}

func (g *gen) small(m *schema.Model, f *schema.Field) (any, bool) {
	switch f.Type.Kind() {
	case schema.KindString:
		switch {
		case m.Name == "Wide":
			return fmt.Sprint("k", g.n(20)), true
		case strings.HasSuffix(f.Name, "Id") && f.Name != "postId", f.Primary && parents[m.Name]:
			return fmt.Sprint("k", g.n(5)), true
		case f.Primary || f.Name == "postId":
			return fmt.Sprint("k", g.n(12)), true
		case f.Name == "email" || f.Name == "handle" || f.Name == "code" || f.Name == "place" || (f.Name == "name" && f.Unique):
			return fmt.Sprint("e", g.n(8)), true
		case f.Name == "tenant":
			return fmt.Sprint("t", g.n(2)), true
		}
	case schema.KindInt:
		if f.Primary {
			return int64(g.n(3)), true
		}
		if !g.one(10) {
			return int64(g.n(5)), true
		}
	case schema.KindFloat:
		return float64(g.n(16)-4) / 4, true // sums of these are exact
	case schema.KindDecimal:
		return decimal.New(int64(g.n(400)-100), -2), true
	}
	return nil, false
}

// random makes a value that is on no list.
func (g *gen) random(f *schema.Field) any {
	switch f.Type {
	case schema.UUID:
		return fmt.Sprintf("%08x-0000-4000-8000-%012x", g.n(3), g.n(3))
	case schema.Enum:
		return pick(g, f.Enum)
	case schema.Time:
		s := fmt.Sprintf("%02d:%02d:%02d", g.n(24), g.n(60), g.n(60))
		if g.one(2) {
			s += strings.TrimRight(fmt.Sprintf(".%06d", 1+g.n(999999)), "0")
		}
		return s
	case schema.Integer:
		return int64(g.n(200) - 100)
	case schema.Date:
		return time.Date(1900+g.n(200), time.Month(1+g.n(12)), 1+g.n(28), 0, 0, 0, 0, time.UTC)
	}
	switch f.Type.Kind() {
	case schema.KindString:
		return g.text(5)
	case schema.KindInt:
		return pick(g, []int64{int64(g.n(100)), int64(g.n(math.MaxInt64)), -int64(g.n(math.MaxInt64)), 1<<53 + int64(g.n(4))})
	case schema.KindFloat:
		return (float64(g.n(1<<30)) - 1<<29) / float64(int(1)<<g.n(40))
	case schema.KindDecimal:
		return decimal.New(int64(g.n(2_000_000_000)-1_000_000_000), -2)
	case schema.KindBool:
		return g.one(2)
	case schema.KindTime:
		return time.Unix(int64(g.n(4_000_000_000)-1_000_000_000), int64(g.n(1_000_000))*1000).UTC()
	case schema.KindBytes:
		b := make([]byte, g.n(5))
		for i := range b {
			b[i] = byte(g.n(256))
		}
		return b
	case schema.KindJSON:
		j, err := op.CanonJSON(g.json(f))
		if err != nil {
			panic("optest: made no JSON: " + err.Error())
		}
		return j
	}
	return pick(g, valuesOf(f))
}

func (g *gen) text(most int) string {
	var b strings.Builder
	for range g.n(most + 1) {
		b.WriteRune(pick(g, runes))
	}
	return b.String()
}

// json makes the text of an array or object.
func (g *gen) json(f *schema.Field) string {
	scalar := func() string {
		switch v := g.scalar(op.Eq).(type) {
		case string:
			return fmt.Sprintf("%q", strings.NewReplacer(`"`, "", `\`, "").Replace(v))
		default:
			return fmt.Sprint(v)
		}
	}
	var parts []string
	for range g.n(4) {
		parts = append(parts, scalar())
	}
	if f.Type == schema.Array {
		return "[" + strings.Join(parts, ",") + "]"
	}
	return fmt.Sprintf(`{"a":%s,"b":[%s],"n":{"k":%s}}`, scalar(), strings.Join(parts, ","), scalar())
}

// operand makes what a field is compared with: often a value it could have,
// sometimes one that no row has.
func (g *gen) operand(f *schema.Field) any {
	switch f.Type.Kind() {
	case schema.KindDecimal:
		if g.one(3) {
			return pick(g, []any{dec("0.011"), dec("0.3"), dec("1.10000"), dec("-0.005"), dec("123456789012345678901234567890.5"), dec("-99999999.991"), dec("99999999.985")})
		}
	case schema.KindInt:
		if g.one(4) {
			return pick(g, []any{int64(math.MaxInt64), int64(math.MinInt64), int64(math.MaxInt32) + 1, int64(3)})
		}
		if f.Type == schema.BigInteger && g.one(2) {
			return int64(g.n(5))
		}
	case schema.KindString:
		if f.Primary || strings.HasSuffix(f.Name, "Id") {
			return fmt.Sprint("k", g.n(9))
		}
		if f.Type == schema.Enum {
			return pick(g, []string{"red", "green", "blue", "rec", "BLUE", ""})
		}
	}
	if g.one(3) {
		return g.random(f)
	}
	return pick(g, valuesOf(f))
}

// part makes a piece of a text of the field, in any case.
func (g *gen) part(f *schema.Field) string {
	s, _ := g.operand(f).(string)
	rs := []rune(s)
	if len(rs) > 1 && g.one(2) {
		from := g.n(len(rs))
		rs = rs[from : from+g.n(len(rs)-from+1)]
	}
	switch g.n(4) {
	case 0:
		return strings.ToUpper(string(rs))
	case 1:
		return strings.ToLower(string(rs))
	case 2:
		return g.text(2)
	}
	return string(rs)
}

// scalar is what a place in a JSON field is compared with.
func (g *gen) scalar(o op.Operator) any {
	if o == op.Like || o == op.StartsWith || o == op.EndsWith {
		return pick(g, []any{"x", "X", "", "A", "%", "_", "b", "deep", "1", "\\", g.text(2)})
	}
	return pick(g, []any{
		"x", "1", "", "ABC", "%_\\", "deep", "y", int64(1), int64(0), int64(-1), int64(9007199254740993), int64(9007199254740992),
		dec("1.5"), true, false, int64(g.n(3)), "a", g.text(2),
	})
}

// path leads into a JSON field, mostly somewhere.
func (g *gen) path(f *schema.Field) []string {
	if f.Type == schema.Array {
		return pick(g, [][]string{{"0"}, {"1"}, {"2"}, {"9"}, {"0", "0"}, {"1", "a"}, {"a"}})
	}
	return pick(g, [][]string{{"a"}, {"a"}, {"a"}, {"b"}, {"b", "0"}, {"b", "1"}, {"n", "k"}, {"a", "b", "c"}, {"n"}, {"ä"}, {"a b"}, {"none"}})
}

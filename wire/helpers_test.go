package wire

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

var testSet = mustBuild()

func mustBuild() *schema.Set {
	s, err := schema.Build(
		&schema.Model{
			Name: "Post", Table: "posts",
			Fields: []*schema.Field{
				{Name: "id", Type: schema.UUID, Primary: true},
				{Name: "userId", Type: schema.UUID, Index: true},
				{Name: "title", Type: schema.String},
				{Name: "likes", Type: schema.BigInteger},
				{Name: "price", Type: schema.Decimal, Precision: 12, Scale: 3},
				{Name: "data", Type: schema.JSON, Nullable: true},
				{Name: "blob", Type: schema.Binary, Nullable: true},
				{Name: "at", Type: schema.DateTime},
			},
			Relations: []*schema.Relation{{Name: "author", Kind: schema.BelongsTo, Model: "User", FK: []string{"userId"}}},
		},
		&schema.Model{
			Name: "User", Table: "users",
			Fields: []*schema.Field{
				{Name: "id", Type: schema.UUID, Primary: true},
				{Name: "name", Type: schema.String, Unique: true},
			},
			Relations: []*schema.Relation{{Name: "posts", Kind: schema.HasMany, Model: "Post", FK: []string{"userId"}}},
		},
	)
	if err != nil {
		panic(err)
	}
	return s
}

func post() *schema.Model { return testSet.Model("Post") }

// source is where the walker below takes its choices from: one fixed run that
// leaves nothing out, or a random one.
type source interface {
	// absent reports whether a pointer, list or interface shall stay nil.
	absent(depth int) bool
	length() int
	number() int64
	text() string
	flag() bool
	value() any
}

// enums are the last values of the closed sets of numbers.
var enums = map[reflect.Type]uint8{
	reflect.TypeFor[op.Kind]():      uint8(op.Backup),
	reflect.TypeFor[op.CondKind]():  uint8(op.Match),
	reflect.TypeFor[op.Operator]():  uint8(op.NotNull),
	reflect.TypeFor[op.Lock]():      uint8(op.ForShare),
	reflect.TypeFor[op.AggFunc]():   uint8(op.AggMax),
	reflect.TypeFor[op.GuardKind](): uint8(op.GuardSnapshot),
}

// beside are the parts of an operation that are not encoded.
var beside = map[reflect.Type]bool{
	reflect.TypeFor[op.Sink]():      true,
	reflect.TypeFor[op.Instances](): true,
}

// fill sets v and all below it, by reflection, so that it also fills what is
// added to the contract later.
func fill(v reflect.Value, s source, depth int) {
	switch v.Type() {
	case reflect.TypeFor[*schema.Model]():
		if !s.absent(depth) {
			v.Set(reflect.ValueOf(testSet.Models[int(uint64(s.number())%uint64(len(testSet.Models)))]))
		}
		return
	case reflect.TypeFor[*schema.Set]():
		if !s.absent(depth) {
			v.Set(reflect.ValueOf(testSet))
		}
		return
	case reflect.TypeFor[op.Rows]():
		if !s.absent(depth) {
			var rows [][]any
			fill(reflect.ValueOf(&rows).Elem(), s, depth+1)
			v.Set(reflect.ValueOf(op.NewRows(rows)))
		}
		return
	case reflect.TypeFor[error]():
		if !s.absent(depth) {
			errs := []error{&op.Error{}, &op.ConflictError{}, &op.ValidationError{}}
			e := errs[uint64(s.number())%3]
			fill(reflect.ValueOf(e).Elem(), s, depth+1)
			if c, ok := e.(*op.ConflictError); ok {
				c.Row = nil // not encoded
			}
			v.Set(reflect.ValueOf(e))
		}
		return
	}
	if beside[v.Type()] {
		return
	}
	if last, ok := enums[v.Type()]; ok {
		v.SetUint(uint64(s.number())%uint64(last) + 1)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), s, depth+1)
			}
		}
	case reflect.Pointer:
		if !s.absent(depth) {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), s, depth+1)
		}
	case reflect.Slice:
		if s.absent(depth) {
			return
		}
		n := s.length()
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(v.Index(i), s, depth+1)
			if e := v.Index(i); e.Kind() == reflect.Pointer && e.IsNil() {
				e.Set(reflect.New(e.Type().Elem())) // lists of plans have no nil in them
			}
		}
	case reflect.Map:
		if s.absent(depth) {
			return
		}
		v.Set(reflect.MakeMap(v.Type()))
		for range s.length() {
			key, val := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(key, s, depth+1)
			fill(val, s, depth+1)
			v.SetMapIndex(key, val)
		}
	case reflect.Interface:
		if x := s.value(); x != nil {
			v.Set(reflect.ValueOf(x))
		}
	case reflect.String:
		v.SetString(s.text())
	case reflect.Bool:
		v.SetBool(s.flag())
	case reflect.Int, reflect.Int64:
		v.SetInt(s.number())
	case reflect.Uint32:
		v.SetUint(uint64(uint32(s.number())))
	default:
		panic("the walker does not know how to fill a " + v.Type().String())
	}
}

// full fills everything with values that differ from zero and from each other.
type full struct{ n int64 }

func (f *full) absent(depth int) bool { return depth > 9 }
func (f *full) length() int           { return 2 }
func (f *full) flag() bool            { return true }
func (f *full) number() int64         { f.n++; return 1000 + f.n }
func (f *full) text() string {
	f.n++
	return "text" + strings.Repeat("é", int(f.n%7)) + string(rune('a'+f.n%26))
}
func (f *full) value() any { f.n++; return someValues[int(f.n)%len(someValues)] }

// someValues are canonical values of every kind, ends included; none is nil.
var someValues = []any{
	true, false,
	int64(math.MaxInt64), int64(math.MinInt64), int64(0), int64(-1), int64(1<<53 + 1),
	0.0, math.MaxFloat64, -math.SmallestNonzeroFloat64, math.Inf(-1), 0.1,
	"", "naïve ☃ %_\x01", strings.Repeat("long ", 60),
	[]byte{},
	[]byte{0, 255, 1},
	make([]byte, 130),
	time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC),
	time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
	time.Date(2024, 2, 29, 12, 0, 0, 123_456_000, time.UTC),
	time.Unix(0, 0).UTC(),
	decimal.RequireFromString("0"), decimal.RequireFromString("-12345678901234567890.123456789012345678900"),
	decimal.New(1, MaxExponent), decimal.New(-7, -MaxExponent), decimal.RequireFromString("1.50"),
	op.JSON(`{"a":[1,2.50,null]}`), op.JSON(""),
	op.Unset{},
	&op.Related{},
	&op.Related{Model: testSet.Model("User"), Fields: []string{"id"}, Rows: [][]any{{"u1"}, {nil}, {}, nil}},
}

// zeros returns the paths of the exported fields that are zero, and of the
// unexported ones that the test has not been told of.
func zeros(v reflect.Value, path string, seen map[reflect.Type]bool) []string {
	switch v.Kind() {
	case reflect.Struct:
		if seen[v.Type()] || strings.HasPrefix(v.Type().PkgPath(), "github.com/weftdb/weft/schema") || v.Type().PkgPath() == "time" || v.Type().PkgPath() == "github.com/shopspring/decimal" {
			return nil
		}
		seen[v.Type()] = true
		var out []string
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if beside[f.Type] || f.Name == "sentinel" {
				continue
			}
			if v.Field(i).IsZero() {
				out = append(out, path+"."+f.Name)
				continue
			}
			if f.IsExported() {
				out = append(out, zeros(v.Field(i), path+"."+f.Name, seen)...)
			}
		}
		return out
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return zeros(v.Elem(), path, seen)
	case reflect.Slice:
		if v.Len() > 0 && v.Type().Elem().Kind() != reflect.Uint8 {
			return zeros(v.Index(0), path+"[0]", seen)
		}
	}
	return nil
}

// sameModels replaces the sets of got's migrations, which were built anew, by
// those of want after checking that they say the same.
func sameModels(t testing.TB, got, want *op.Op) {
	t.Helper()
	if got.Migration != nil && want.Migration != nil {
		g, w := got.Migration.Models, want.Migration.Models
		if (g == nil) != (w == nil) {
			t.Fatalf("migration has models %v, want %v", g, w)
		}
		if g != nil {
			if gy, wy := yamlOf(t, g), yamlOf(t, w); gy != wy {
				t.Fatalf("the models of a migration became\n%s\nwant\n%s", gy, wy)
			}
			got.Migration.Models = w
		}
	}
	for i := range got.Batch {
		if i < len(want.Batch) {
			sameModels(t, &got.Batch[i], &want.Batch[i])
		}
	}
}

// allRows reads rows to the end.
func allRows(t testing.TB, rows op.Rows) [][]any {
	t.Helper()
	if rows == nil {
		return nil
	}
	out := [][]any{}
	for rows.Next() {
		out = append(out, append([]any(nil), rows.Row()...))
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("rows: %v", err)
	}
	if err := rows.Close(); err != nil {
		t.Fatalf("close rows: %v", err)
	}
	return out
}

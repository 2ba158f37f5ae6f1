package validate_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/layer/validate"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

type Doc struct {
	ID        string    `weft:"primary,type=uuid"`
	CreatedAt time.Time `weft:"created"`
	UpdatedAt time.Time `weft:"updated"`
	Ver       int64     `weft:"version"`
	Title     string    `validate:"required,min=3,max=10"`
	Email     string    `validate:"omitempty,email"`
	State     string    `weft:"enum=draft|live,default=draft"`
	Slug      string    `weft:"nanoid"`
	Body      *string
	Tags      []string
	Extra     map[string]any
	Price     decimal.Decimal `validate:"gte=0.01,lt=100"`
	Likes     int64           `weft:"default=3"`
	Fixed     string          `weft:"immutable"`
	Made      string          `weft:"readonly"`
	Start     time.Time
}

func (Doc) Weft() schema.Options {
	return schema.Options{
		Transforms: map[string]func(any) any{"Title": func(v any) any { return strings.TrimSpace(v.(string)) }},
		Validators: map[string]func(any) string{"Fixed": func(v any) string {
			if v == "bad" {
				return "must not be bad"
			}
			return ""
		}},
	}
}

// functions registers the functions of structs as the root package does.
func functions(set *schema.Set, structs ...any) validate.Options {
	o := validate.Options{
		Clock:      func() time.Time { return clock },
		Defaults:   map[string]func() any{},
		Transforms: map[string]func(any) any{},
		Validators: map[string]func(any) string{},
	}
	for _, s := range structs {
		opts := schema.OptionsOf(s)
		name := strings.TrimPrefix(fmt.Sprintf("%T", s), "validate_test.")
		m := set.Model(name)
		for n, f := range opts.Defaults {
			o.Defaults[m.Name+"."+m.Field(n).Name] = f
		}
		for n, f := range opts.Transforms {
			o.Transforms[m.Name+"."+m.Field(n).Name] = f
		}
		for n, f := range opts.Validators {
			o.Validators[m.Name+"."+m.Field(n).Name] = f
		}
	}
	return o
}

var (
	ctx   = context.Background()
	clock = time.Date(2026, 5, 4, 3, 2, 1, 123456789, time.FixedZone("x", 3600))
	kept  = clock.UTC().Truncate(time.Microsecond)
)

func docs(t testing.TB) (*schema.Model, *capture, op.Engine) {
	set := build(t, Doc{})
	c := &capture{n: 1}
	return set.Model("Doc"), c, validate.New(functions(set, Doc{}))(c)
}

func insert(t *testing.T, e op.Engine, m *schema.Model, rows ...map[string]any) error {
	t.Helper()
	o := op.Op{Kind: op.Insert, Model: m}
	for _, r := range rows {
		o.Rows = append(o.Rows, row(t, m, r))
	}
	_, err := e.Do(ctx, o)
	return err
}

func TestInsertFillsWhatWasNotGiven(t *testing.T) {
	m, c, e := docs(t)
	if err := insert(t, e, m, map[string]any{"title": "  abc ", "price": "1.50", "start": clock}); err != nil {
		t.Fatal(err)
	}
	got := c.last().Rows[0]
	for name, want := range map[string]any{
		"createdAt": kept, "updatedAt": kept, "ver": int64(1), "title": "abc", "email": "", "state": "draft",
		"body": nil, "tags": op.JSON("[]"), "extra": op.JSON("{}"), "likes": int64(3), "fixed": "", "made": op.Unset{},
		"start": kept,
	} {
		if v := value(t, m, got, name); v != want {
			t.Errorf("%s = %#v, want %#v", name, v, want)
		}
	}
	id := value(t, m, got, "id").(string)
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(id) {
		t.Errorf("id = %s, want a UUIDv7", id)
	}
	if slug := value(t, m, got, "slug").(string); !regexp.MustCompile(`^[0-9A-Za-z]{21}$`).MatchString(slug) {
		t.Errorf("slug = %q", slug)
	}
	if p := value(t, m, got, "price").(decimal.Decimal); p.String() != "1.5" {
		t.Errorf("price = %s", p)
	}
}

func TestGivenValuesAreKept(t *testing.T) {
	m, c, e := docs(t)
	at := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	err := insert(t, e, m, map[string]any{
		"id": "mine", "createdAt": at, "title": "abc", "price": "1", "likes": 0, "state": "live", "slug": "s", "body": "",
	})
	if err != nil {
		t.Fatal(err)
	}
	got := c.last().Rows[0]
	for name, want := range map[string]any{
		"id": "mine", "createdAt": at, "likes": int64(0), "state": "live", "slug": "s", "body": "",
	} {
		if v := value(t, m, got, name); v != want {
			t.Errorf("%s = %#v, want %#v", name, v, want)
		}
	}
}

func TestEveryFailureIsReported(t *testing.T) {
	m, c, e := docs(t)
	err := insert(t, e, m,
		map[string]any{"title": "abc", "price": "1"},
		map[string]any{"title": " a ", "email": "nobody", "state": "gone", "price": "100", "likes": "many", "fixed": "bad", "made": "x"},
		map[string]any{"price": "0.001"},
	)
	var v *op.ValidationError
	if !errors.As(err, &v) {
		t.Fatalf("got %v", err)
	}
	if len(c.ops) != 0 {
		t.Error("the engine was asked")
	}
	if v.Index != 1 || v.Model != "Doc" {
		t.Errorf("index %d, model %s", v.Index, v.Model)
	}
	var got []string
	for _, f := range v.Failures {
		got = append(got, f.Field+":"+f.Rule)
	}
	slices.Sort(got)
	want := []string{
		"[2].price:scale", "[2].title:required", "email:email", "fixed:custom", "likes:type", "made:readonly", "price:lt", "state:enum", "title:min",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// Rows are told in their order, however many there are and whenever in the
// checking they fail.
func TestFailuresComeInTheOrderOfRows(t *testing.T) {
	m, _, e := docs(t)
	var rows []map[string]any
	for i := range 12 {
		row := map[string]any{"title": "abc", "price": "1"}
		switch {
		case i == 2: // by a rule, which is looked at last
			row["title"] = "a"
		case i > 2: // by its type, which is looked at first
			row["likes"] = "many"
		}
		rows = append(rows, row)
	}
	err := insert(t, e, m, rows...)
	var v *op.ValidationError
	if !errors.As(err, &v) || v.Index != 2 || v.Failures[0].Field != "title" || len(v.Failures) != 10 {
		t.Fatalf("got %+v", v)
	}
	for i, f := range v.Failures[1:] {
		if want := fmt.Sprintf("[%d].likes", i+3); f.Field != want || len(v.Fields[want]) != 1 {
			t.Errorf("failure %d is %+v, want one of %s", i+1, f, want)
		}
	}
	said := err.Error()
	at := -1
	for _, part := range []string{"Doc: [2] title", "[3].likes", "[9].likes", "[10].likes", "[11].likes"} {
		next := strings.Index(said, part)
		if next <= at {
			t.Errorf("%q is not in its place in %q", part, said)
		}
		at = next
	}
}

func TestInsertDoesNotChangeTheOperation(t *testing.T) {
	m, _, e := docs(t)
	r := row(t, m, map[string]any{"title": " abc ", "price": "1"})
	was := slices.Clone(r)
	if _, err := e.Do(ctx, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{r}}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r, was) {
		t.Errorf("the caller's row was changed: %v", r)
	}
}

func TestUpdate(t *testing.T) {
	m, c, e := docs(t)
	set := []op.Assign{{Field: "Title", Value: "  new title   "}, {Field: "likes", Inc: true, Value: 2}, {Field: "extra.a.b", Value: 1}, {Field: "tags", Value: nil}}
	if _, err := e.Do(ctx, op.Op{Kind: op.Update, Model: m, Filter: op.Cmp("id", op.Eq, "x"), Set: set}); err != nil {
		t.Fatal(err)
	}
	got := c.last().Set
	want := []op.Assign{
		{Field: "title", Value: "new title"},
		{Field: "likes", Inc: true, Value: int64(2)},
		{Field: "extra", Path: []string{"a", "b"}, Value: op.JSON("1")},
		{Field: "tags", Value: op.JSON("[]")},
		{Field: "updatedAt", Value: kept},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if set[0].Field != "Title" || len(set) != 4 {
		t.Errorf("the caller's list was changed: %v", set)
	}
}

func TestUpdateRefuses(t *testing.T) {
	m, c, e := docs(t)
	for _, x := range []struct {
		set  []op.Assign
		want string
	}{
		{[]op.Assign{{Field: "id", Value: "y"}}, "id:immutable"},
		{[]op.Assign{{Field: "fixed", Value: "y"}, {Field: "made", Value: "y"}}, "fixed:immutable made:readonly"},
		{[]op.Assign{{Field: "title", Value: "a"}, {Field: "state", Value: "gone"}, {Field: "likes", Value: nil}, {Field: "price", Value: "0"}}, "title:min state:enum likes:required price:gte"},
		{[]op.Assign{{Field: "ver", Value: 2}}, "ver:version"},
		{[]op.Assign{{Field: "nope", Value: 2}}, "nope:field"},
		{[]op.Assign{{Field: "title", Value: 2}}, "title:type"},
	} {
		_, err := e.Do(ctx, op.Op{Kind: op.Update, Model: m, Set: x.set})
		var v *op.ValidationError
		if !errors.As(err, &v) {
			t.Errorf("%v: got %v", x.set, err)
			continue
		}
		var got []string
		for _, f := range v.Failures {
			got = append(got, f.Field+":"+f.Rule)
		}
		if s := strings.Join(got, " "); s != x.want {
			t.Errorf("%v: got %s, want %s", x.set, s, x.want)
		}
	}
	if len(c.ops) > 0 {
		t.Error("the engine was asked")
	}
}

type Entry struct {
	ID   int64 `weft:"primary,auto"`
	Text string
}

func (Entry) Weft() schema.Options { return schema.Options{Kind: schema.EventLog} }

func TestEventLogIsAppendOnly(t *testing.T) {
	set := build(t, Entry{})
	m := set.Model("Entry")
	c := &capture{}
	e := validate.New(validate.Options{})(c)
	if err := insert(t, e, m, map[string]any{"text": "a"}); err != nil {
		t.Fatal(err)
	}
	if v := value(t, m, c.last().Rows[0], "id"); v != (op.Unset{}) {
		t.Errorf("the key is %v and not left to the database", v)
	}
	for _, o := range []op.Op{
		{Kind: op.Update, Set: []op.Assign{{Field: "text", Value: "b"}}},
		{Kind: op.Delete},
		{Kind: op.Upsert, Rows: [][]any{row(t, m, nil)}, Conflict: &op.Conflict{Fields: []string{"id"}, Update: []string{"text"}}},
	} {
		o.Model = m
		if _, err := e.Do(ctx, o); !errors.Is(err, op.ErrUnsupported) {
			t.Errorf("%s: got %v", o.Kind, err)
		}
	}
}

func TestPanicsOfFunctionsAreErrors(t *testing.T) {
	m, _, _ := docs(t)
	o := validate.Options{
		Transforms: map[string]func(any) any{"Doc.title": func(any) any { panic("boom") }},
		Validators: map[string]func(any) string{"Doc.fixed": func(any) string { return "" }},
	}
	e := validate.New(o)(&capture{})
	err := insert(t, e, m, map[string]any{"title": "abc"})
	if !errors.Is(err, op.ErrInternal) || !strings.Contains(err.Error(), "transform of Doc.title") || !strings.Contains(err.Error(), "boom") {
		t.Errorf("got %v", err)
	}
	_, err = e.Do(ctx, op.Op{Kind: op.Update, Model: m, Set: []op.Assign{{Field: "title", Value: "abc"}}})
	if !errors.Is(err, op.ErrInternal) || !strings.Contains(err.Error(), "boom") {
		t.Errorf("got %v", err)
	}
}

type Faulty struct {
	ID    string `weft:"primary,type=string"`
	A     string `validate:"nosuchrule"`
	B     int64  `validate:"min=3,contains=x|lt=y"`
	C     string `validate:"eqfield=A"`
	D     bool   `validate:"min=3"`
	E     string
	Price decimal.Decimal `validate:"email"`
}

func (Faulty) Weft() schema.Options {
	return schema.Options{
		Defaults:   map[string]func() any{"E": func() any { return "" }},
		Transforms: map[string]func(any) any{"E": func(v any) any { return v }},
		Validators: map[string]func(any) string{"E": func(any) string { return "" }},
	}
}

func TestFaultsAreFoundAtMigrate(t *testing.T) {
	set := build(t, Faulty{})
	c := &capture{}
	e := validate.New(validate.Options{})(c)
	_, err := e.Do(ctx, op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: set}})
	var f *schema.Faults
	if !errors.As(err, &f) || len(c.ops) != 0 {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{
		"Faulty.a: its validation \"nosuchrule\" names a rule that does not exist",
		"Faulty.b: ", "Faulty.c: ", "Faulty.d: its validation \"min=3\" does not fit", "Faulty.price: ",
		`its default function "Faulty.e" is not registered`, `its transform "Faulty.e" is not registered`, `its validator "Faulty.e" is not registered`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in\n%v", want, err)
		}
	}
	if err := insert(t, e, set.Model("Faulty"), map[string]any{"id": "x"}); !errors.As(err, &f) {
		t.Errorf("a write to a faulty model: %v", err)
	}
}

type Player struct {
	ID    string  `weft:"primary,type=string"`
	Posts []*Item `weft:"has_many,fk=PlayerID"`
}

type Item struct {
	ID       string `weft:"primary,type=string"`
	UserID   string `weft:"type=string"`
	PlayerID string `weft:"type=string"`
	Body     string
}

func (Item) Weft() schema.Options { return schema.Options{Scope: schema.UserScope} }

func TestUserHandle(t *testing.T) {
	set := build(t, Player{}, Item{})
	item, player := set.Model("Item"), set.Model("Player")
	c := &capture{}
	e := validate.New(validate.Options{})(c)
	mine := op.Cmp("userId", op.Eq, "ann")

	if err := insert(t, e, item, map[string]any{"id": "1", "body": "x", "playerId": "p"}); !errors.Is(err, op.ErrValidation) || !strings.Contains(err.Error(), "userId is required") {
		t.Errorf("without a handle: %v", err)
	}
	do := func(o op.Op) error {
		o.User = "ann"
		_, err := e.Do(ctx, o)
		return err
	}
	if err := do(op.Op{Kind: op.Insert, Model: item, Rows: [][]any{row(t, item, map[string]any{"id": "1"})}}); err != nil {
		t.Fatal(err)
	}
	if v := value(t, item, c.last().Rows[0], "userId"); v != "ann" {
		t.Errorf("owner %v", v)
	}
	if err := do(op.Op{Kind: op.Insert, Model: item, Rows: [][]any{row(t, item, map[string]any{"id": "1", "userId": "bob"})}}); !errors.Is(err, op.ErrForbidden) {
		t.Errorf("another owner: %v", err)
	}
	if err := do(op.Op{Kind: op.Update, Model: item, Set: []op.Assign{{Field: "userId", Value: "bob"}}}); !errors.Is(err, op.ErrValidation) {
		t.Errorf("another owner: %v", err)
	}
	for _, o := range []op.Op{
		{Kind: op.Find},
		{Kind: op.Count},
		{Kind: op.Delete},
		{Kind: op.Aggregate, Aggs: []op.Agg{{Func: op.AggCount, As: "n"}}},
		{Kind: op.Update, Set: []op.Assign{{Field: "body", Value: "y"}}},
	} {
		o.Model, o.Filter = item, op.Cmp("body", op.Eq, "x")
		o.Guards = []op.Guard{{Kind: op.GuardMust, Model: item, Filter: o.Filter, Must: o.Filter}}
		if err := do(o); err != nil {
			t.Fatal(err)
		}
		got := c.last()
		if fmt.Sprint(got.Using) != fmt.Sprint(mine) {
			t.Errorf("%s: using %v", o.Kind, got.Using)
		}
		if f := got.Guards[0].Filter; len(f.Conds) != 2 {
			t.Errorf("%s: guard %v", o.Kind, f)
		}
	}
	has := op.Cond{Kind: op.Not, Conds: []op.Cond{{Kind: op.Has, Relation: "posts", Conds: []op.Cond{op.Cmp("body", op.Eq, "x")}}}}
	if err := do(op.Op{Kind: op.Find, Model: player, Filter: has}); err != nil {
		t.Fatal(err)
	}
	got := c.last()
	if got.Using.Kind != op.True || len(got.Filter.Conds[0].Conds) != 2 {
		t.Errorf("relation condition: %v", got.Filter)
	}
	if len(has.Conds[0].Conds) != 1 {
		t.Error("the caller's condition was changed")
	}
	if err := do(op.Op{Kind: op.SQL, SQL: "select 1"}); !errors.Is(err, op.ErrForbidden) {
		t.Errorf("raw SQL: %v", err)
	}
	if err := do(op.Op{Kind: op.Batch, Batch: []op.Op{{Kind: op.Delete, Model: item}}}); err != nil {
		t.Fatal(err)
	}
	if u := c.last().Batch[0].Using; fmt.Sprint(u) != fmt.Sprint(mine) {
		t.Errorf("batch: using %v", u)
	}
}

func TestBatchErrorsNameTheMember(t *testing.T) {
	m, c, e := docs(t)
	_, err := e.Do(ctx, op.Op{Kind: op.Batch, Batch: []op.Op{
		{Kind: op.Count, Model: m},
		{Kind: op.Insert, Model: m, Rows: [][]any{row(t, m, map[string]any{"title": "x", "price": "1"})}},
	}})
	var (
		x *op.Error
		v *op.ValidationError
	)
	if !errors.As(err, &x) || x.Index != 1 || !errors.As(err, &v) || v.Failures[0].Rule != "min" || len(c.ops) != 0 {
		t.Errorf("got %v", err)
	}
}

func TestRowsFillsInPlace(t *testing.T) {
	set := build(t, Doc{})
	m := set.Model("Doc")
	r := row(t, m, map[string]any{"title": " abc ", "price": "1"})
	if err := validate.Rows(ctx, functions(set, Doc{}), m, "", [][]any{r}); err != nil {
		t.Fatal(err)
	}
	if v := value(t, m, r, "title"); v != "abc" {
		t.Errorf("title %v", v)
	}
}

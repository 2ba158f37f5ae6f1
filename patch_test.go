package weft_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/layer/fault"
)

func TestPatch(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		books := weft.Repo[Book](db)
		b := &Book{Title: "A", Pages: 1, Lang: "de"}
		b.Notes.String, b.Notes.Valid = "n", true
		must(t, books.Create(ctx, b))
		set, err := books.Patch(strings.NewReader(` {"title":"B","pages":9007199254740993,"price":12.30,"rating":0.1,
			"inPrint":false,"out":"2020-01-02T03:04:05Z","data":{"n":[1,null]},"notes":null} `))
		must(t, err)
		equal(t, len(set), 8)
		got, err := books.Update(ctx, b.ID, set)
		must(t, err)
		if got.Title != "B" || got.Pages != 9007199254740993 || got.Price.String() != "12.3" || got.Rating != 0.1 || got.InPrint ||
			got.Out.Year() != 2020 || fmt.Sprint(got.Data) != "map[n:[1 <nil>]]" || got.Notes.Valid || got.Lang != "de" {
			t.Fatalf("%+v", got)
		}
		set, err = books.Patch(strings.NewReader(`{"pages":1e2,"price":"0.05"}`), "Pages", "price")
		must(t, err)
		if set["pages"] != int64(100) || !set["price"].(decimal.Decimal).Equal(decimal.RequireFromString("0.05")) {
			t.Fatal(set)
		}
		empty, err := books.Patch(strings.NewReader(`{}`))
		must(t, err)
		if empty == nil || len(empty) != 0 {
			t.Fatal(empty)
		}
	})
}

func TestPatchRefuses(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		books := weft.Repo[Book](db)
		_, err := books.Patch(strings.NewReader(`{"id":"x","isbn":"1","createdAt":"2020-01-01T00:00:00Z","_version":3,"nope":1,"Lang":"x","lang":"a","lang":"b",
			"title":null,"pages":1.5,"price":0.001,"rating":"x","inPrint":1,"out":"soon","slug":[1]}`))
		var bad *weft.ValidationError
		if !errors.As(err, &bad) {
			t.Fatal(err)
		}
		equal(t, bad.Model, "Book")
		for _, name := range []string{"id", "isbn", "createdAt", "_version", "nope", "Lang", "lang", "title", "pages", "price", "rating", "inPrint", "out", "slug"} {
			if len(bad.Fields[name]) != 1 {
				t.Errorf("%s: %v", name, bad.Fields[name])
			}
		}
		for in, want := range map[string]string{
			"":                              "empty",
			"  ":                            "empty",
			"[]":                            "must be a JSON object",
			"null":                          "must be a JSON object",
			`"x"`:                           "must be a JSON object",
			`{"title":"x"`:                  "ends too early",
			`{"title":`:                     "ends too early",
			`{"title" "x"}`:                 "not valid JSON",
			`{"title":x}`:                   "not valid JSON",
			`{"title":"x",}`:                "not valid JSON",
			`{"title":"x"} {}`:              "something follows",
			`{"title":"x"}]`:                "something follows",
			`{"nope":1} x`:                  "something follows",
			`{"pages":1e999999999}`:         "pages",
			`{"pages":9223372036854775808}`: "pages",
			`{"rating":1e400}`:              "range of a float",
			`{"rating":9007199254740993}`:   "exactly",
			`{"pages":` + strings.Repeat("1", 2000) + `}`:     "too long",
			`{"title":"` + "\xff" + `"}`:                      "UTF-8",
			`{"title":"\u0000"}`:                              "title",
			`{"title":5}`:                                     "takes text",
			`{"title":true}`:                                  "takes text",
			`{"data":{"a":1,"a":2}`:                           "ends too early",
			`{"title":"` + strings.Repeat("x", 10<<20) + `"}`: "larger than 10 MB",
		} {
			_, err := books.Patch(strings.NewReader(in))
			is(t, err, weft.ErrValidation)
			says(t, err, want)
		}
		_, err = books.Patch(strings.NewReader(`{"title":"x","lang":"y"}`), "title")
		says(t, err, "lang may not be set; allowed are title")
		_, err = books.Patch(strings.NewReader(`{}`), "nope")
		says(t, err, "nope is not a field")
		_, err = books.Patch(strings.NewReader(`{}`), "id")
		says(t, err, "cannot be allowed")
		_, err = books.Patch(nil)
		says(t, err, "nil reader")
		_, err = books.Patch(iotest.ErrReader(errHook))
		is(t, err, errHook)
		_, err = (*weft.Repository[Book])(nil).Patch(strings.NewReader(`{}`))
		is(t, err, weft.ErrValidation)
		_, err = weft.Repo[Note](db).Patch(strings.NewReader(`{"userId":"other","text":"x"}`))
		says(t, err, "userId may not be set")
	})
}

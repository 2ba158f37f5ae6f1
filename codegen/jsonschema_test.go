package codegen_test

import (
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/codegen"
	"github.com/weftdb/weft/op/mem"
	"github.com/weftdb/weft/schema"
)

type Artist struct {
	weft.Model
	Name       string  `weft:"unique" validate:"required,min=2,max=20"`
	Site       string  `validate:"omitempty,url"`
	Works      []*Work `weft:"has_many"`
	WorksCount int64   `weft:"count=works"`
}

type Work struct {
	weft.Model
	ArtistID string
	Title    string          `validate:"required"`
	State    string          `weft:"enum=new|sold,default=new"`
	Price    decimal.Decimal `weft:"precision=8,scale=2"`
	Small    decimal.Decimal `weft:"precision=2,scale=2"`
	Pages    int32           `validate:"gte=1,lt=100"`
	Big      int64
	Size     *float64
	Day      time.Time `weft:"type=date"`
	Sold     *time.Time
	Clock    string `weft:"type=time"`
	Cover    []byte
	Tags     []string       `validate:"max=3,dive,min=2"`
	Meta     map[string]any `weft:"nullable"`
	Any      any
	Hidden   string  `json:"-"`
	Artist   *Artist `weft:"belongs_to"`
}

// The schemas are valid, take what weft.JSON writes of rows with and without
// relations, and refuse what no row is.
func TestJSONSchemaTakesWhatJSONWrites(t *testing.T) {
	a, err := schema.FromStruct(Artist{})
	if err != nil {
		t.Fatal(err)
	}
	w, err := schema.FromStruct(Work{})
	if err != nil {
		t.Fatal(err)
	}
	set, err := schema.Build(a, w)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.AssertContent()
	for _, m := range set.Models {
		data, err := codegen.JSONSchema(m)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource("https://example.com/"+m.Name+".json", doc); err != nil {
			t.Fatal(err)
		}
	}
	schemas := map[string]*jsonschema.Schema{}
	for _, m := range set.Models {
		if schemas[m.Name], err = c.Compile("https://example.com/" + m.Name + ".json"); err != nil {
			t.Fatal(err)
		}
	}
	check := func(model, text string) error {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return schemas[model].Validate(doc)
	}

	db, err := weft.Open(mem.Open(), weft.Models(Artist{}, Work{}), weft.AutoMigrate())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx := t.Context()
	artists, works := weft.Repo[Artist](db), weft.Repo[Work](db)
	ada := &Artist{Name: "Ada"}
	if err := artists.Create(ctx, ada); err != nil {
		t.Fatal(err)
	}
	size, at := 1.5, time.Date(2024, 2, 29, 10, 11, 12, 130000, time.UTC)
	err = works.CreateMany(ctx, []*Work{
		{
			ArtistID: ada.ID, Title: "Full", State: "sold", Price: decimal.RequireFromString("-123456.78"), Small: decimal.RequireFromString("0.12"),
			Pages: 99, Big: -1 << 63, Size: &size, Day: at, Sold: &at, Clock: "10:11:12.5", Cover: []byte{0, 255}, Tags: []string{"aa", "bb"},
			Meta: map[string]any{"a": []any{1, nil}}, Any: "x", Hidden: "y",
		},
		{ArtistID: ada.ID, Title: "Bare", Pages: 1, Clock: "00:00:00", Day: at},
	})
	if err != nil {
		t.Fatal(err)
	}
	list, err := artists.With("works.artist", "worksCount").All(ctx)
	if err != nil {
		t.Fatal(err)
	}
	flat, err := works.OrderBy("title", weft.Desc).All(ctx)
	if err != nil {
		t.Fatal(err)
	}
	write := func(v any) string {
		data, err := weft.JSON(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	tree := write(list[0])
	if !strings.Contains(tree, `"worksCount":2`) || !strings.Contains(tree, `"artist":{"id":`) {
		t.Fatal(tree)
	}
	for model, texts := range map[string][]string{"Artist": {tree, write(ada)}, "Work": {write(flat[0]), write(flat[1])}} {
		for _, text := range texts {
			if err := check(model, text); err != nil {
				t.Errorf("%v\n%s", err, text)
			}
		}
	}

	row := write(flat[0])
	for _, c := range [][2]string{
		{`"title":"Full"`, `"titel":"Full"`},
		{`"title":"Full"`, `"title":""`},
		{`"title":"Full"`, `"title":null`},
		{`"state":"sold"`, `"state":"gone"`},
		{`"price":"-123456.78"`, `"price":"1.234"`},
		{`"price":"-123456.78"`, `"price":"1234567"`},
		{`"pages":99`, `"pages":100`},
		{`"pages":99`, `"pages":0`},
		{`"pages":99`, `"pages":"1"`},
		{`"pages":99`, `"pages":1.5`},
		{`"clock":"10:11:12.5"`, `"clock":"25:00:00"`},
		{`"cover":"AP8="`, `"cover":"?"`},
		{`["aa","bb"]`, `["aa","bb","cc","dd"]`},
		{`["aa","bb"]`, `{}`},
		{`"size":1.5`, `"size":"1.5"`},
		{`"any":"x"`, `"hidden":"x"`},
		{`"day":"2024-02-29T00:00:00Z"`, `"day":"tomorrow"`},
		{`"any":"x"`, `"any":"x","artist":{"name":"A"}`},
	} {
		bad := strings.Replace(row, c[0], c[1], 1)
		if bad == row {
			t.Errorf("%s is not in %s", c[0], row)
			continue
		}
		if check("Work", bad) == nil {
			t.Errorf("%s is accepted for %s", c[1], c[0])
		}
	}
}

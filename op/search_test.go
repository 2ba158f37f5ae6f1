package op_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

func search(words string, fields ...string) op.Cond {
	return op.Cond{Kind: op.Match, Value: words, Fields: fields}
}

// manyWords are n different words.
func manyWords(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "w%d ", i)
	}
	return b.String()
}

func TestParseSearch(t *testing.T) {
	t.Parallel()
	word := func(w ...string) op.SearchTerm { return op.SearchTerm{Words: w} }
	prefix := func(w ...string) op.SearchTerm { return op.SearchTerm{Words: w, Prefix: true} }
	for in, want := range map[string]op.Search{
		"":                                nil,
		" \t\n":                           nil,
		`"" * - ^ : ( ) + ' \ / ;`:        nil,
		`"`:                               nil,
		`"""`:                             nil,
		"red":                             {word("red")},
		"Red shoes":                       {word("red"), word("shoes")},
		"red RED rED":                     {word("red")},
		"red red*":                        {word("red"), prefix("red")},
		"sho*":                            {prefix("sho")},
		"sho *":                           {word("sho")},
		"*sho":                            {word("sho")},
		"sho**":                           {prefix("sho")},
		"a*b":                             {prefix("a"), word("b")},
		`"red shoes"`:                     {word("red", "shoes")},
		`"red, shoes!"`:                   {word("red", "shoes")},
		`"red" "red"`:                     {word("red")},
		`"red sho*"`:                      {prefix("red", "sho")},
		`"red* shoes"`:                    {word("red", "shoes")},
		`"red sho"*`:                      {word("red", "sho")},
		`new "red shoes" big`:             {word("new"), word("red", "shoes"), word("big")},
		`new"red shoes"big`:               {word("new"), word("red", "shoes"), word("big")},
		`new "red shoes`:                  {word("new"), word("red"), word("shoes")},
		`"a b" "c d`:                      {word("a", "b"), word("c"), word("d")},
		"red AND shoes OR NOT NEAR(a, 5)": {word("red"), word("and"), word("shoes"), word("or"), word("not"), word("near"), word("a"), word("5")},
		"title:red ^shoes":                {word("title"), word("red"), word("shoes")},
		"foo-bar_baz@x.org":               {word("foo"), word("bar"), word("baz"), word("x"), word("org")},
		"it's":                            {word("it"), word("s")},
		"ÜBER Straße":                     {word("über"), word("straße")},
		"ΣΊΣΥΦΟΣ Σίσυφος":                 {word("σίσυφοσ")},
		"İstanbul ISTANBUL":               {word("İstanbul"), word("istanbul")}, // the dotted one has no other case
		"Ⅷ ½ ٣ x²":                        {word("ⅷ"), word("½"), word("٣"), word("x²")},
		"e\u0301 é e":                     {word("e\u0301"), word("é"), word("e")},
		"हिन्दी":                          {word("हिन्दी")},
		"東京タワー、日本":                        {word("東京タワー"), word("日本")},
		"می\u200cخواهم":                   {word("می"), word("خواهم")},
		"great🥰day❤️😀1️⃣":                 {word("great"), word("day"), word("1")},
		"\u2068Ann\u2069 100₽ $5":         {word("ann"), word("100"), word("5")},
		"a\x00b":                          {word("a"), word("b")},
		"a\xffb":                          {word("a"), word("b")},
		"ǅ ẞ \u212a Ꙁ 𐐀":                  {word("ǆ"), word("ß"), word("k"), word("ꙁ"), word("𐐨")},
	} {
		got, err := op.ParseSearch(in)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v, %v; want %v", in, got, err, want)
		}
	}
	long := strings.Repeat("x", 30_000)
	if s, err := op.ParseSearch(long + " a"); err != nil || len(s) != 2 {
		t.Errorf("a word of 30,000 bytes: %d terms, %v", len(s), err)
	}
	if s, err := op.ParseSearch("a " + long + "y"); err != nil || s != nil {
		t.Errorf("a word of 30,001 bytes: %d terms, %v", len(s), err)
	}
	if s, err := op.ParseSearch(manyWords(op.MaxSearchWords)); err != nil || len(s) != op.MaxSearchWords {
		t.Errorf("%d words: %d terms, %v", op.MaxSearchWords, len(s), err)
	}
	if _, err := op.ParseSearch(manyWords(op.MaxSearchWords + 1)); op.CodeOf(err) != op.CodeValidation {
		t.Errorf("too many words: %v", err)
	}
	if s, err := op.ParseSearch(strings.Repeat("a ", 1000)); err != nil || len(s) != 1 {
		t.Errorf("the same word often: %d terms, %v", len(s), err)
	}
}

func TestSearchFits(t *testing.T) {
	t.Parallel()
	title, body := "Red Shoes, size 9", "Made of leather. The red ones are the best-selling shoes."
	for words, want := range map[string]bool{
		"":                       false,
		"!?":                     false,
		"red":                    true,
		"RED":                    true,
		"re":                     false,
		"re*":                    true,
		"red*":                   true,
		"redd*":                  false,
		"leather size":           true, // one word in each
		"leather silk":           false,
		`"red shoes"`:            true,
		`"shoes red"`:            false,
		`"red ones"`:             true,
		`"red sho*"`:             true,
		`"red selling"`:          false,
		`"size 9 made"`:          false, // not across fields
		`"best selling shoes"`:   true,
		`"the best" "size 9"`:    true,
		`"size 9" "size 9 x"`:    false,
		"best-selling":           true,
		"9":                      true,
		`"shoes size 9 leather"`: false,
	} {
		s, err := op.ParseSearch(words)
		if got := s.Fits([]string{title, "", body}); err != nil || got != want {
			t.Errorf("%q: %v, %v", words, got, err)
		}
	}
}

// TestRelevance pins down the measure: it is part of what users see.
func TestRelevance(t *testing.T) {
	t.Parallel()
	of := func(words string, texts ...string) int64 {
		s, err := op.ParseSearch(words)
		if err != nil {
			t.Fatal(err)
		}
		return s.Relevance(texts)
	}
	if got := of("red", "red"); got != 2_200_000_000/(1000+300+45) {
		t.Errorf("one word of one: %d", got)
	}
	if got := of("red", "red "+manyWords(19)); got != 1_000_000 {
		t.Errorf("one word of twenty: %d", got)
	}
	if got := of("red", strings.Repeat("red ", 1_000_000)); got <= 0 {
		t.Errorf("one word a million times: %d", got)
	}
	for _, order := range [][]int64{ // the better first
		{of("red", "red red red"), of("red", "red red blue"), of("red", "red blue blue"), of("red", "red "+manyWords(50)), of("red", "blue")},
		{of("red", "red", "red"), of("red", "red", ""), of("red", "", "")},
		{of("red blue", "red blue"), of("red blue", "red")},
		{of(`"a b"`, "a b a b"), of(`"a b"`, "a b a c"), of(`"a b"`, "b a")},
	} {
		for i := range order[1:] {
			if order[i] <= order[i+1] {
				t.Errorf("not in order: %v", order)
			}
		}
	}
}

func TestRank(t *testing.T) {
	thing, _ := models(t)
	row := make([]any, len(thing.Fields))
	row[thing.Field("name").Pos], row[thing.Field("note").Pos] = "red", "Red shoes and blue shoes"
	rank := func(c op.Cond) int64 {
		n, err := op.Rank(thing, row, &c)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	red, shoes := rank(search("red")), rank(search("shoes"))
	if red == 0 || shoes == 0 || rank(search("red", "name")) >= red {
		t.Errorf("red %d, red in the name %d, shoes %d", red, rank(search("red", "name")), shoes)
	}
	all := op.Cond{Kind: op.Or, Conds: []op.Cond{
		search("red"),
		{Kind: op.And, Conds: []op.Cond{search("shoes"), op.Cmp("small", op.Eq, int64(1))}},
		search("green"),
		{Kind: op.Not, Conds: []op.Cond{search("blue")}},
	}}
	if got := rank(all); got != red+shoes {
		t.Errorf("several searches: %d, not %d + %d", got, red, shoes)
	}
	if got := rank(op.Cond{}); got != 0 {
		t.Errorf("no search: %d", got)
	}
	if _, err := op.Rank(thing, row, &op.Cond{Kind: op.Match, Value: manyWords(101)}); err == nil {
		t.Error("too many words are no error")
	}
}

func TestMatchRowSearches(t *testing.T) {
	thing, _ := models(t)
	row := make([]any, len(thing.Fields))
	holds := func(c op.Cond) bool {
		n := normalized(t, op.Op{Kind: op.Find, Model: thing, Filter: c}).Filter
		ok, err := op.MatchRow(thing, row, n, nil)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	not := func(c op.Cond) op.Cond { return op.Cond{Kind: op.Not, Conds: []op.Cond{c}} }
	if holds(search("red")) || !holds(not(search("red"))) || holds(search("")) {
		t.Error("NULL has no words")
	}
	row[thing.Field("name").Pos], row[thing.Field("note").Pos] = "Red", "shoes"
	row[thing.Field("color").Pos] = "green"
	for _, c := range []struct {
		cond op.Cond
		want bool
	}{
		{search("red shoes"), true},
		{search("red shoes", "Name", "note"), true},
		{search("red shoes", "name"), false},
		{search("red", "name"), true},
		{search("green"), false}, // not a search field
		{op.Cond{Kind: op.And, Conds: []op.Cond{search("red"), not(search("red", "note"))}}, true},
		{not(search("...")), true},
	} {
		if got := holds(c.cond); got != c.want {
			t.Errorf("%+v: %v", c.cond, got)
		}
	}
	if _, err := op.MatchRow(thing, row[:2], search("red"), nil); err == nil {
		t.Error("a short row is no error")
	}
}

func TestSearches(t *testing.T) {
	thing, user := models(t)
	s := search("x")
	deep := op.Cond{Kind: op.Or, Conds: []op.Cond{{Kind: op.Not, Conds: []op.Cond{{Kind: op.Has, Relation: "things", Conds: []op.Cond{s}}}}}}
	for name, o := range map[string]op.Op{
		"filter": {Kind: op.Find, Model: thing, Filter: s},
		"using":  {Kind: op.Find, Model: thing, Using: s},
		"check":  {Kind: op.Update, Model: thing, Check: s},
		"deep":   {Kind: op.Find, Model: user, Filter: deep},
		"with":   {Kind: op.Find, Model: user, With: []op.With{{Relation: "things", With: []op.With{{Filter: s}}}}},
		"join":   {Kind: op.Find, Model: user, Filter: op.Cond{Kind: op.Not, Conds: []op.Cond{{Kind: op.Has, Relation: "labels", Join: []op.Cond{s}}}}},
		"via":    {Kind: op.Find, Model: user, Via: &op.Via{Join: s}},
		"guard":  {Kind: op.Batch, Guards: []op.Guard{{Must: s}}},
		"joins":  {Kind: op.Find, Model: thing, Joins: []op.Join{{Path: "user", Filter: s}}},
		"batch":  {Kind: op.Batch, Batch: []op.Op{{Kind: op.Count, Model: thing, Filter: s}}},
	} {
		if !op.Searches(&o) {
			t.Errorf("%s: not seen", name)
		}
	}
	if op.Searches(&op.Op{Kind: op.Find, Model: thing, Filter: op.Cmp("name", op.Like, "x"), With: []op.With{{Relation: "user"}}}) {
		t.Error("a search is seen where there is none")
	}
	if f := op.SearchFields(user, nil); f != nil {
		t.Errorf("search fields of User: %v", f)
	}
}

// FuzzParseSearch looks for texts that cannot be read, that give words which
// are no words, or that do not find themselves.
func FuzzParseSearch(f *testing.F) {
	for _, s := range []string{"red shoes", `"red sho*" x`, `a"b"c"`, "\x00\xff", "Σς ﷺ 🏳️‍🌈", "NEAR(a b, 2) OR -x", `""""`, "a*b**"} {
		f.Add(s)
	}
	model := &schema.Model{Name: "Text", Fields: []*schema.Field{{Name: "id", Type: schema.Integer, Primary: true}, {Name: "text", Type: schema.Text, Search: true}}}
	if _, err := schema.Build(model); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := op.ParseSearch(text)
		if err != nil {
			if op.CodeOf(err) != op.CodeValidation {
				t.Fatal(err)
			}
			return
		}
		var plain []string
		for _, term := range s {
			for _, w := range term.Words {
				again, err := op.ParseSearch(w)
				if err != nil || len(again) != 1 || len(again[0].Words) != 1 || again[0].Words[0] != w || again[0].Prefix {
					t.Fatalf("%q gives the word %q, which gives %v, %v", text, w, again, err)
				}
				if !utf8.ValidString(w) || strings.ContainsAny(w, " \"*()\x00") {
					t.Fatalf("%q gives %q", text, w)
				}
			}
			plain = append(plain, strings.Join(term.Words, " "))
		}
		row := []any{int64(1), text}
		ok, err := op.MatchRow(model, row, search(text), nil)
		if err != nil || ok != (len(s) > 0) {
			t.Fatalf("%q finds itself: %v, %v; its terms are %v", text, ok, err, s)
		}
		rank, err := op.Rank(model, row, &op.Cond{Kind: op.Match, Value: text})
		if err != nil || (rank > 0) != ok || rank < 0 {
			t.Fatalf("%q: rank %d, %v", text, rank, err)
		}
		if upper, err := op.MatchRow(model, []any{int64(1), strings.Join(plain, ", ")}, search(text), nil); err != nil || upper != ok {
			t.Fatalf("%q does not find its terms %q: %v", text, plain, err)
		}
	})
}

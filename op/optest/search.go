package optest

import (
	"slices"
	"strings"
	"testing"

	"github.com/weftdb/weft/op"
)

// search is a full-text search, in all search fields when none is named.
func search(words string, fields ...string) op.Cond {
	return op.Cond{Kind: op.Match, Value: words, Fields: fields}
}

// rank sorts by relevance, the best first, and then by key.
func rank() []op.Sort { return []op.Sort{{Rank: true, Desc: true}, by("id")} }

// found are texts, and searched what is looked for in them.
var (
	found = []string{
		"", " ", "red", "Red", "RED SHOES", "red, shoes!", "shoes red", "the red shoe", "shred", "reds", "red-hot", "red_hot", "infra-red red",
		"AND OR NOT NEAR", "title:red", "\"red\" shoes*", "(red)", "^red", "a b a b", "x", "1", "10 + 1 = 11", "½ x² Ⅷ ٣",
		"Straße STRASSE", "Σίσυφος", "ΣΊΣΥΦΟΣ", "ÉTÉ été e\u0301te\u0301", "\u212a K k", "İi ıI", "ǅ", "हिन्दी हिन", "東京タワー、日本", "日本語", "می\u200cخواهم",
		"great🥰day", "❤️ 1️⃣ 👩🏽‍🚀", "100₽ $5", "\u2068Ann\u2069", "ꙁ Ꙁ 𐐀 𐐨", "\u0301", "😀", strings.Repeat("long", 200), strings.Repeat("red ", 500),
	}
	searched = []string{
		"", " ", "*", `""`, `"`, "red", "RED", "red shoes", "shoes red", `"red shoes"`, `"shoes red"`, `"red sho*"`, "re*", "r*", "sh*", "red*", "reds*",
		"red-hot", "red_hot", `"red hot"`, "hot", "AND", "not near", "NEAR(red shoes, 2)", "title:red", "-red", "^red", "red OR x", "(red", "red)", `red" shoes`,
		`a" "b`, `"a b"`, `"a b a"`, `"b a b"`, "a b", "1", "11", "10", "1*", "½", "x²", "ⅷ", "٣", "straße", "STRASSE", "strasse", "σίσυφος", "ΣΊΣΥΦΟΣ", "σίσυφοσ",
		"été", "ÉTÉ", "ete", "e\u0301te\u0301", "é*", "e*", "k", "\u212a", "i", "I", "ı", "İ", "ǆ", "हिन्दी", "हिन", "हिन*", "東京タワー", "東京", "東京*", "日本", "日本*",
		"می", "great", "day", "🥰", "❤️", "great 🥰", "100", "5", "ann", "Ꙁ", "𐐀", "\u0301", "😀", strings.Repeat("long", 200), strings.Repeat("long", 199) + "*", "red nothing",
		`"red red"`, `"red" "shoes"`, `""red""`, "red red red", "'; DROP TABLE Wide; --", "{a b} : red", "a+b", "\\", "%", "_", "s",
	}
)

func testSearch(s *suite, t *testing.T) {
	run := func(name string, fn func(d *db)) {
		s.run(t, name, func(d *db) {
			if d.has(op.CapFullTextSearch) {
				fn(d)
			}
		})
	}
	s.run(t, "without the capability it is refused", func(d *db) {
		if d.has(op.CapFullTextSearch) {
			return
		}
		m := d.model("Post")
		for _, o := range []op.Op{
			{Kind: op.Find, Model: m, Filter: search("x")},
			{Kind: op.Count, Model: m, Filter: not(search(""))},
			{Kind: op.Delete, Model: m, Using: search("x")},
			{Kind: op.Count, Model: d.model("Author"), Filter: has("posts", search("x"))},
		} {
			d.fail(o, op.CodeUnsupported)
		}
	})
	run("words, phrases and beginnings", func(d *db) {
		m := d.model("Wide")
		o := op.Op{Kind: op.Insert, Model: m}
		for i, text := range found {
			id := "t" + string(rune('A'+i))
			o.Rows = append(o.Rows, d.row("Wide", rec{"id": id, "text": text}), d.row("Wide", rec{"id": id + "n", "textN": text}),
				d.row("Wide", rec{"id": id + "b", "text": text, "textN": found[(i+7)%len(found)]}))
		}
		d.n(o)
		rows := d.find(op.Op{Model: m})
		for _, words := range searched {
			for _, c := range []op.Cond{search(words), search(words, "text"), search(words, "textN", "text")} {
				d.agree(m, rows, c)
				d.agree(m, rows, not(c))
			}
			d.agree(m, rows, and(search(words, "textN"), not(search("red", "text"))))
			d.agree(m, rows, or(search(words, "textN"), search("red", "text"), null("textN")))
		}
	})
	run("null and several fields", func(d *db) {
		d.insert("Wide", rec{"id": "a", "text": "red"}, rec{"id": "b", "text": "red", "textN": "shoes"}, rec{"id": "c", "textN": "red shoes"}, rec{"id": "d"})
		for _, c := range []struct {
			cond op.Cond
			want string
		}{
			{search("red shoes"), "b c"},
			{search(`"red shoes"`), "c"},
			{search("red shoes", "textN"), "c"},
			{search("red", "text"), "a b"},
			{not(search("red", "textN")), "a b d"},
			{not(search("red")), "d"},
			{search(""), ""},
			{not(search("...")), "a b c d"},
			{and(search("red"), search("shoes")), "b c"},
			{or(search("shoes", "text"), search("red", "text")), "a b"},
		} {
			d.matches("Wide", c.cond, c.want)
		}
	})
	run("what cannot be asked", func(d *db) {
		for _, c := range []op.Cond{search("x", "str"), search("x", "int"), search("x", "nope"), {Kind: op.Match, Value: 5}, search(manyWords())} {
			d.fail(op.Op{Kind: op.Find, Model: d.model("Wide"), Filter: c}, op.CodeValidation)
		}
		d.fail(op.Op{Kind: op.Find, Model: d.model("Plain"), Filter: search("x")}, op.CodeValidation)
		d.fail(op.Op{Kind: op.Find, Model: d.model("Post"), Sort: rank()}, op.CodeValidation)
		d.fail(op.Op{Kind: op.Find, Model: d.model("Post"), Filter: search("x"), Sort: rank(), After: []any{int64(1), "a"}}, op.CodeValidation)
	})
	run("every write is seen", func(d *db) {
		d.insert("Post", rec{"id": "1", "title": "red shoes"}, rec{"id": "2", "title": "blue shoes"})
		d.matches("Post", search("shoes"), "1 2")
		d.n(d.set("Post", cmp("id", op.Eq, "1"), to("title", "red hats"))) // update
		d.matches("Post", search("shoes"), "2")
		d.matches("Post", search("hats"), "1")
		d.n(d.set("Post", cmp("id", op.Eq, "1"), to("rank", 5))) // of another field
		d.matches("Post", search("hats"), "1")
		d.n(d.set("Post", search("hats"), to("title", "hats and hats"))) // of what is searched
		d.matches("Post", search(`"hats and"`), "1")
		d.n(d.ups("Post", op.Conflict{Fields: []string{"id"}, Update: []string{"title"}}, rec{"id": "1", "title": "gloves"}, rec{"id": "4", "title": "gloves"}))
		d.matches("Post", search("gloves"), "1 4")
		d.matches("Post", search("hats"), "")
		d.n(d.ups("Post", op.Conflict{Fields: []string{"id"}}, rec{"id": "4", "title": "hats"})) // which leaves what exists
		d.matches("Post", search("hats"), "")
		d.n(d.ins("Post", rec{"id": "5", "title": "hats"}))
		d.fail(d.ins("Post", rec{"id": "6", "title": "hats"}, rec{"id": "5", "title": "hats"}), op.CodeConflict)
		d.matches("Post", search("hats"), "5")
		d.n(d.del("Post", search("gloves")))
		d.matches("Post", search("gloves"), "")
		d.matches("Post", not(search("gloves")), "2 5")
		d.n(d.set("Post", op.Cond{}, to("title", "all the same")))
		d.matches("Post", search("same"), "2 5")
		d.n(d.del("Post", op.Cond{}))
		d.matches("Post", search("same"), "")
		d.insert("Post", rec{"id": "2", "title": "back"})
		d.matches("Post", search("same"), "")
		d.matches("Post", search("back"), "2")
	})
	run("keys of every shape", func(d *db) {
		d.n(d.ins("Ticket", rec{"title": "one"}, rec{"title": "two"}))
		if n := d.count("Ticket", search("two")); n != 1 {
			d.Errorf("%d tickets of two", n)
		}
		d.insert("Seat", rec{"hall": "a", "row": 1, "group": "red"}, rec{"hall": "a", "row": 2, "group": "blue"}, rec{"hall": "b", "row": 1, "group": "blue"})
		if n := d.n(d.set("Seat", and(search("blue"), cmp("hall", op.Eq, "a")), to("group", "green"))); n != 1 {
			d.Errorf("%d seats changed", n)
		}
		d.matches("Seat", search("blue"), "b")
		d.rowsAre(d.find(op.Op{Model: d.model("Seat"), Filter: search("blue", "group"), Fields: []string{"hall", "row"}}), []any{"b", int64(1)})
		d.n(d.del("Seat", search("blue")))
		d.matches("Seat", search("blue"), "")
	})
	run("what foreign keys do is seen", func(d *db) {
		d.insert("Parent", rec{"id": "p"}, rec{"id": "q"})
		d.insert("ChildCascade", rec{"id": "c", "parentId": "p"}, rec{"id": "d", "parentId": "q"})
		d.insert("ChildNull", rec{"id": "n", "parentId": "p"}, rec{"id": "m", "parentId": "q"})
		d.n(d.del("Parent", cmp("id", op.Eq, "p")))
		d.matches("ChildCascade", search("p"), "")
		d.matches("ChildCascade", search("q"), "d")
		d.matches("ChildNull", search("p"), "")
		d.matches("ChildNull", not(search("q")), "n")
	})
	run("through relations", func(d *db) {
		d.seedBlog()
		d.matches("Author", has("posts", search("two")), "a")
		d.matches("Author", not(has("posts", search("t*"))), "b c d")
		d.matches("Author", hasCount("posts", op.Ge, 2, search("t*")), "a")
		d.matches("Post", has("tags", search("z")), "4 5")
		d.matches("Post", and(search("f*"), has("tags", search("z"))), "4 5")
		d.matches("Author", has("posts", has("tags", search("Y")), search("four OR")), "")
		d.matches("Tag", has("posts", search("seven")), "y")
		d.setOf(d.via("Post", "tags", op.Op{Fields: []string{"label"}, Filter: search("x")}, 0, 0, "1", "4"), []any{"X", "1"}, []any{"X", "4"})
		d.setOf(d.via("Author", "posts", op.Op{Fields: []string{"id"}, Filter: search("t*"), Sort: rank()}, 1, 0, "a", "b"), []any{"2", "a"})
	})
	run("in every operation", func(d *db) {
		d.seedBlog()
		m := d.model("Post")
		d.rowsAre(d.collect(op.Op{
			Kind: op.Aggregate, Model: m, Filter: search("t* "), GroupBy: []string{"authorId"},
			Aggs: []op.Agg{{Func: op.AggCount, As: "n"}, {Func: op.AggSum, Field: "rank", As: "sum"}},
		}), []any{"a", int64(2), int64(3)})
		if n := d.must(op.Op{Kind: op.Count, Model: m, Filter: not(search("t*")), Fields: []string{"authorId"}, Distinct: true}).N; n != 4 {
			d.Errorf("%d authors", n)
		}
		if n := d.n(op.Op{Kind: op.Increment, Model: m, Filter: search("t*"), Set: []op.Assign{inc("rank", int64(10))}}); n != 2 {
			d.Errorf("%d rows incremented", n)
		}
		d.matches("Post", cmp("rank", op.Gt, 10), "2 3")
		d.matches("Post", and(search("f* "), cmp("rank", op.Gt, 1)), "4")
		got := d.collect(op.Op{Kind: op.Update, Model: m, Filter: search("six"), Set: []op.Assign{to("title", "sixty")}, Returning: true, Fields: []string{"id", "title"}})
		d.rowsAre(got, []any{"6", "sixty"})
		d.fail(op.Op{Kind: op.Update, Model: m, Filter: cmp("id", op.Eq, "6"), Set: []op.Assign{to("title", "spam")}, Check: not(search("spam"))}, op.CodeForbidden)
		d.matches("Post", search("spam"), "")
		d.n(op.Op{Kind: op.Update, Model: m, Filter: cmp("id", op.Eq, "6"), Set: []op.Assign{to("title", "ham")}, Check: not(search("spam"))})
		d.conflict(guarded(d.del("Post", cmp("id", op.Eq, "6")), d.mustHold("Post", cmp("id", op.Eq, "6"), search("spam"))), op.ReasonStale)
		d.n(guarded(d.del("Post", cmp("id", op.Eq, "6")), d.mustHold("Post", cmp("id", op.Eq, "6"), search("ham"))))
		if n := d.n(op.Op{Kind: op.Delete, Model: m, Filter: op.Cond{}, Using: search("t*")}); n != 2 {
			d.Errorf("%d rows deleted", n)
		}
		d.matches("Post", op.Cond{}, "1 4 5 7")
		res := d.must(op.Op{Kind: op.Batch, Batch: []op.Op{
			d.ins("Post", rec{"id": "8", "title": "eight"}),
			{Kind: op.Count, Model: m, Filter: search("eight")},
			d.del("Post", search("eight")),
			{Kind: op.Count, Model: m, Filter: search("eight")},
		}})
		if res.Batch[1].N != 1 || res.Batch[3].N != 0 {
			d.Errorf("in a batch: %d, then %d", res.Batch[1].N, res.Batch[3].N)
		}
	})
	run("in transactions", func(d *db) {
		if !d.has(op.CapTransactions) {
			return
		}
		d.insert("Post", rec{"id": "1", "title": "red"})
		tx := d.begin()
		in := d.on(tx)
		in.insert("Post", rec{"id": "2", "title": "red"})
		in.n(in.set("Post", cmp("id", op.Eq, "1"), to("title", "blue")))
		in.matches("Post", search("red"), "2")
		if d.has(op.CapNestedTransactions) {
			nested, err := tx.Begin(d.ctx, op.TxOptions{})
			if err != nil {
				d.Fatal(err)
			}
			deep := d.on(nested)
			deep.n(deep.del("Post", search("red")))
			deep.insert("Post", rec{"id": "3", "title": "green"})
			deep.matches("Post", search("red"), "")
			d.rollback(nested)
			in.matches("Post", search("red"), "2")
			in.matches("Post", search("green"), "")
		}
		d.rollback(tx)
		d.matches("Post", search("red"), "1")
		d.matches("Post", search("blue"), "")
		tx = d.begin()
		in = d.on(tx)
		in.n(in.set("Post", cmp("id", op.Eq, "1"), to("title", "blue")))
		in.n(in.set("Post", cmp("id", op.Eq, "1"), to("title", "green")))
		in.matches("Post", search("blue"), "")
		in.matches("Post", search("green"), "1")
		d.commit(tx)
		d.matches("Post", search("green"), "1")
		d.matches("Post", search("red"), "")
	})
	run("by relevance", func(d *db) {
		d.insert("Post", rec{"id": "a", "title": "red and blue and green"}, rec{"id": "b", "title": "Red, red, red!"}, rec{"id": "c", "title": "red blue"},
			rec{"id": "d", "title": "red and blue and green"}, rec{"id": "e", "title": "nothing"})
		m := d.model("Post")
		ids := func(o op.Op) string {
			o.Model, o.Fields = m, []string{"id"}
			var list []string
			for _, r := range d.find(o) {
				list = append(list, r[0].(string))
			}
			return strings.Join(list, "")
		}
		worst := []op.Sort{{Rank: true}, desc("id")}
		blue := search("blue")
		for _, c := range []struct {
			o    op.Op
			want string
		}{
			{op.Op{Filter: search("red"), Sort: rank()}, "bcad"},
			{op.Op{Filter: search("red"), Sort: worst}, "dacb"},
			{op.Op{Filter: search("red"), Sort: rank(), Limit: 2}, "bc"},
			{op.Op{Filter: search("red"), Sort: rank(), Limit: 2, Offset: 1}, "ca"},
			{op.Op{Filter: search("red blue"), Sort: rank()}, "cad"},
			{op.Op{Filter: and(search("red"), not(search("green"))), Sort: rank()}, "bc"},
			{op.Op{Filter: or(search("red"), search("nothing")), Sort: rank(), Limit: 2}, "be"},
			{op.Op{Filter: search("red"), Using: blue, Sort: rank()}, "cad"},
			{op.Op{Filter: search("red"), Sort: []op.Sort{desc("id"), {Rank: true}}}, "dcba"},
			{op.Op{Filter: search("..."), Sort: rank()}, ""},
		} {
			if got := ids(c.o); got != c.want {
				d.Errorf("%s: %s, want %s", dumpOp(c.o), got, c.want)
			}
		}
	})
	run("streams while rows are written", func(d *db) {
		for i := range 40 {
			d.insert("Post", rec{"id": string(rune('A' + i)), "title": "red"})
		}
		o := op.Op{Kind: op.Find, Model: d.model("Post"), Filter: search("red"), Fields: []string{"id"}, Sort: []op.Sort{by("id")}}
		res := d.must(o)
		var got []string
		for res.Rows.Next() {
			id := res.Rows.Row()[0].(string)
			got = append(got, id)
			if len(got)%10 == 0 {
				d.n(d.set("Post", cmp("id", op.Eq, id), to("title", "blue")))
			}
		}
		if err := res.Rows.Err(); err != nil || len(got) != 40 || !slices.IsSorted(got) {
			d.Errorf("%d rows, %v: %v", len(got), err, got)
		}
		d.matches("Post", search("blue"), strings.Join([]string{"J", "T", "^", "h"}, " "))
	})
}

// manyWords are more words than a search may have.
func manyWords() string {
	var b strings.Builder
	for i := range op.MaxSearchWords + 1 {
		b.WriteString(" w" + strings.Repeat("x", i))
	}
	return b.String()
}

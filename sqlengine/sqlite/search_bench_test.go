package sqlite_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// unsearched is page without an index.
type unsearched struct {
	ID    string `weft:"primary,type=string"`
	Title string
	Text  string `weft:"type=text"`
}

func prose(i int) []any {
	words := []string{"river", "mountain", "paper", "loom", "thread", "garden", "window", "stone", "letter", "morning"}
	var b strings.Builder
	for j := range 60 {
		b.WriteString(words[(i*7+j*j*3)%len(words)])
		b.WriteString(" ")
	}
	fmt.Fprintf(&b, "number%d", i%1000)
	return []any{fmt.Sprintf("k%07d", i), fmt.Sprintf("The %s of %d", words[i%len(words)], i), b.String()}
}

// BenchmarkSearch searches 100,000 rows of some 60 words.
func BenchmarkSearch(b *testing.B) {
	const rows = 100_000
	set := build(b, page{}, unsearched{})
	m := set.Model("page")
	e := open(b, filepath.Join(b.TempDir(), "bench.db"), set)
	insert := op.Op{Kind: op.Insert, Model: m}
	for i := range rows {
		insert.Rows = append(insert.Rows, prose(i))
	}
	must(b, e, insert)
	for _, c := range []struct {
		name string
		o    op.Op
	}{
		{"100 rows", op.Op{Kind: op.Find, Filter: match("number77")}},
		{"100 rows by like", op.Op{Kind: op.Find, Filter: op.Cmp("text", op.Like, "number77")}},
		{"best 20 of 100", op.Op{Kind: op.Find, Filter: match("number77"), Sort: []op.Sort{{Rank: true, Desc: true}}, Limit: 20}},
		{"best 20 of 10,000", op.Op{Kind: op.Find, Filter: match("loom", "title"), Sort: []op.Sort{{Rank: true, Desc: true}, {Field: "id"}}, Limit: 20}},
		{"count 10,000", op.Op{Kind: op.Count, Filter: match("loom", "title")}},
		{"count 10,000 by like", op.Op{Kind: op.Count, Filter: op.Cmp("title", op.Like, "loom")}},
	} {
		b.Run(c.name, func(b *testing.B) {
			o := c.o
			o.Model = m
			for b.Loop() {
				must(b, e, o)
			}
		})
	}
}

// BenchmarkSearchInsert inserts rows with and without an index.
func BenchmarkSearchInsert(b *testing.B) {
	set := build(b, page{}, unsearched{})
	for _, c := range []struct {
		name  string
		model *schema.Model
		rows  int
	}{
		{"one, not searched", set.Model("unsearched"), 1},
		{"one, searched", set.Model("page"), 1},
		{"1,000, not searched", set.Model("unsearched"), 1000},
		{"1,000, searched", set.Model("page"), 1000},
	} {
		b.Run(c.name, func(b *testing.B) {
			e := open(b, filepath.Join(b.TempDir(), "bench.db"), set)
			n := 0
			for b.Loop() {
				o := op.Op{Kind: op.Insert, Model: c.model}
				for range c.rows {
					o.Rows = append(o.Rows, prose(n))
					n++
				}
				must(b, e, o)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n), "µs/row")
		})
	}
}

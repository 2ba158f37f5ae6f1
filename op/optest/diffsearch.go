package optest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// searchCell is one combination that the differential test has to meet: a form
// of search, and a row that it fits or not, with all searched fields NULL or not.
type searchCell struct {
	form string
	null bool
	fits bool
}

func (c searchCell) String() string {
	row := "a row it fits"
	switch {
	case c.null:
		row = "a row with NULL"
	case !c.fits:
		row = "a row it does not fit"
	}
	return fmt.Sprintf("search for %s, %s", c.form, row)
}

// searchForms are examples of every form; the first finds "aa bb cc".
var searchForms = []struct {
	form string
	some []string
}{
	{"nothing", []string{"!"}},
	{"a word", []string{"aa", "zz"}},
	{"a beginning", []string{"a*", "z*"}},
	{"a phrase", []string{`"aa bb"`, `"bb aa"`}},
	{"several", []string{"cc aa", "cc zz"}},
}

// searchCells are all that can be.
var searchCells = func() (list []searchCell) {
	for _, f := range searchForms {
		list = append(list, searchCell{form: f.form}, searchCell{form: f.form, null: true})
		if f.form != "nothing" {
			list = append(list, searchCell{form: f.form, fits: true})
		}
	}
	return list
}()

func formOf(s op.Search) string {
	switch {
	case len(s) == 0:
		return "nothing"
	case len(s) > 1:
		return "several"
	case s[0].Prefix:
		return "a beginning"
	case len(s[0].Words) > 1:
		return "a phrase"
	}
	return "a word"
}

// noteSearch records the meetings of a search and rows.
func (c *coverage) noteSearch(m *schema.Model, cond op.Cond, rows [][]any) {
	words, _ := cond.Value.(string)
	s, err := op.ParseSearch(words)
	if err != nil {
		return
	}
	for _, row := range rows {
		x := searchCell{form: formOf(s), null: true}
		for _, f := range op.SearchFields(m, cond.Fields) {
			x.null = x.null && row[f.Pos] == nil
		}
		if x.fits, err = op.MatchRow(m, row, cond, nil); err == nil {
			c.searches[x]++
		}
	}
}

func (c *coverage) emptySearches() []searchCell {
	if c.searches == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(searchCells), func(x searchCell) bool { return c.searches[x] > 0 })
}

// search looks for pieces of texts that rows could have, written in any way.
func (g *gen) search(m *schema.Model) op.Cond {
	fields := op.SearchFields(m, nil)
	var parts []string
	for range 1 + g.n(2) {
		part, _ := g.value(m, pick(g, fields)).(string)
		if words := strings.Fields(part); len(words) > 0 && g.one(2) {
			part = pick(g, words)
		}
		if rs := []rune(part); len(rs) > 1 && g.one(3) {
			part = string(rs[:1+g.n(len(rs)-1)]) + "*"
		}
		switch g.n(6) {
		case 0:
			part = strings.ToUpper(part)
		case 1:
			part = `"` + part + `"`
		case 2:
			part += pick(g, []string{"*", `"`, " -", ":", " OR", "\u0301", "🥰"})
		}
		parts = append(parts, part)
	}
	c := search(strings.Join(parts, " "))
	if g.one(2) {
		for _, f := range some(g, fields, len(fields)) {
			c.Fields = append(c.Fields, f.Name)
		}
	}
	return c
}

// sentence is a few words that meet often.
func (g *gen) sentence() string {
	var words []string
	for range g.n(5) {
		words = append(words, pick(g, []string{"aa", "bb", "Ab", "a", "b-b", "ÄÖ", "ä"}))
	}
	return strings.Join(words, pick(g, []string{" ", ", ", "  "}))
}

// rank sorts by relevance every now and then, where it can be.
func (g *gen) rank(o *op.Op) bool {
	if len(op.Ranked(&o.Filter)) == 0 || !g.one(2) {
		return false
	}
	o.Sort = append(o.Sort, op.Sort{Rank: true, Desc: !g.one(4)})
	return true
}

// directedSearches meets given cells.
func (g *gen) directedSearches(m *schema.Model, cells []searchCell) (out []step) {
	if len(cells) == 0 {
		return nil
	}
	rows := g.insert(m, 3)
	rows.Check, rows.Guards = op.Cond{}, nil
	for i, row := range rows.Rows {
		row[0] = fmt.Sprint("searched ", i) // a key that is taken would be refused
		row[m.Field("textN").Pos] = []any{"aa bb cc", nil, "dd"}[i%3]
	}
	for len(rows.Rows) < 2 {
		other := slices.Clone(rows.Rows[0])
		other[0], other[m.Field("textN").Pos] = "another", nil
		rows.Rows = append(rows.Rows, other)
	}
	out = append(out, step{o: rows})
	for _, f := range searchForms {
		for _, words := range f.some {
			out = append(out, step{o: op.Op{Kind: op.Find, Model: m, Filter: search(words, "textN")}})
		}
	}
	return out
}

// words looks for words of the rows that are there, so that an index that has
// lost one shows.
func (p *player) words() string {
	for _, m := range p.r.s.models.Models {
		fields := op.SearchFields(m, nil)
		if fields == nil {
			continue
		}
		tried := map[string]bool{}
		for _, row := range p.ask(p.top().ref, op.Op{Kind: op.Find, Model: m}).rows {
			for _, f := range fields {
				text, _ := row[f.Pos].(string)
				s, err := op.ParseSearch(strings.ReplaceAll(text, `"`, " "))
				if err != nil || len(s) == 0 || tried[s[0].Words[0]] || len(tried) >= 20 {
					continue
				}
				tried[s[0].Words[0]] = true
				o := op.Op{Kind: op.Find, Model: m, Filter: search(s[0].Words[0]), Sort: keySort(m), WithDeleted: m.DeletedF != nil && !p.r.gone}
				got, want := p.ask(p.top().eng, o), p.ask(p.top().ref, o)
				if why := differs(&o, got, want); why != "" {
					return fmt.Sprintf("after all, %s: %s", dumpOp(o), why)
				}
			}
		}
	}
	return ""
}

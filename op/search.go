package op

import (
	"slices"
	"strings"

	"github.com/weftdb/weft/schema"
)

// MaxSearchWords is how many words a search may have.
const MaxSearchWords = 100

// Search is what a full-text search ([Match]) looks for. It fits a row when
// each of its terms occurs in at least one of the searched fields. A search
// without terms fits no row.
type Search []SearchTerm

// SearchTerm is one word, or a phrase: words that stand side by side in one
// field, in this order. Words are folded.
type SearchTerm struct {
	Words  []string
	Prefix bool // the last word may go on
}

// ParseSearch reads what somebody typed. It is cut into words as the text of a
// field is: runs of letters, digits and combining marks, whatever their case.
// Two things more have a meaning, and everything else separates words:
//
//   - an asterisk right behind a word makes it the beginning of one: sho*
//   - words between a pair of double quotes are a phrase; its last word may
//     have an asterisk: "red sho*"
//
// So there is no text that cannot be read. A word of more than 30,000 bytes
// makes a search that fits no row; more than [MaxSearchWords] words are a
// VALIDATION_ERROR.
func ParseSearch(text string) (Search, error) {
	var s Search
	for text != "" {
		var phrase string
		before, rest, quoted := strings.Cut(text, `"`)
		if quoted {
			if phrase, rest, quoted = strings.Cut(rest, `"`); !quoted {
				before, rest = text, "" // a quote without its pair
			}
		}
		eachWord(before, func(word []byte, end int) {
			s = s.add(SearchTerm{Words: []string{string(word)}, Prefix: star(before, end)})
		})
		if quoted {
			var t SearchTerm
			eachWord(phrase, func(word []byte, end int) {
				t.Words, t.Prefix = append(t.Words, string(word)), star(phrase, end)
			})
			s = s.add(t)
		}
		text = rest
	}
	n := 0
	for _, t := range s {
		n += len(t.Words)
		if slices.ContainsFunc(t.Words, func(w string) bool { return len(w) > maxWord }) {
			return nil, nil
		}
	}
	if n > MaxSearchWords {
		return nil, Errorf(CodeValidation, "the search has %d different words; it may have %d", n, MaxSearchWords)
	}
	return s, nil
}

func star(text string, at int) bool { return at < len(text) && text[at] == '*' }

// add appends a term that says something new.
func (s Search) add(t SearchTerm) Search {
	if len(t.Words) == 0 || slices.ContainsFunc(s, func(o SearchTerm) bool {
		return o.Prefix == t.Prefix && slices.Equal(o.Words, t.Words)
	}) {
		return s
	}
	return append(s, t)
}

// at reports whether the term stands at the beginning of words.
func (t *SearchTerm) at(words []string) bool {
	last := len(t.Words) - 1
	if len(words) <= last || !slices.Equal(words[:last], t.Words[:last]) {
		return false
	}
	if t.Prefix {
		return strings.HasPrefix(words[last], t.Words[last])
	}
	return words[last] == t.Words[last]
}

// count is how often the term occurs in words.
func (t *SearchTerm) count(words []string) (n int64) {
	for i := range words {
		if t.at(words[i:]) {
			n++
		}
	}
	return n
}

// Fits reports whether the search fits a row with these texts in the searched
// fields; NULL is the empty text.
func (s Search) Fits(texts []string) bool { return s.Relevance(texts) > 0 }

// Relevance is how well the search fits, 0 where it does not: the sum, over
// terms and fields, of a weight that grows with the number of times a term
// occurs in a field, ever more slowly, and is smaller in a field of many words.
// (That is BM25 of a single text, with k1 = 1.2, b = 0.75 and an average length
// of 20 words, times a million. How rare a word is does not count: the
// relevance of a row depends on nothing but the row, and is the same on every
// engine.)
func (s Search) Relevance(texts []string) (sum int64) {
	fields := make([][]string, len(texts))
	for i, text := range texts {
		fields[i] = words(text)
	}
	for i := range s {
		found := false
		for _, field := range fields {
			if n := s[i].count(field); n > 0 {
				found = true
				sum += max(1, 2_200_000_000*n/(1000*n+300+45*int64(len(field))))
			}
		}
		if !found {
			return 0
		}
	}
	return sum
}

// SearchFields are the fields that a full-text search looks at: those named
// or, without names, all search fields of the model.
func SearchFields(m *schema.Model, names []string) []*schema.Field {
	var fields []*schema.Field
	for _, f := range m.Fields {
		if f.Search && (len(names) == 0 || slices.Contains(names, f.Name)) {
			fields = append(fields, f)
		}
	}
	return fields
}

// searched are the texts of the fields that a search looks at.
func searched(m *schema.Model, row []any, names []string) []string {
	fields := SearchFields(m, names)
	texts := make([]string, len(fields))
	for i, f := range fields {
		texts[i], _ = row[f.Pos].(string)
	}
	return texts
}

// Rank is the relevance of a full row for a filter: the sum over its Match
// conditions, those inside Not and Has left out. It is what [Sort] with Rank
// sorts by.
func Rank(m *schema.Model, row []any, filter *Cond) (sum int64, err error) {
	for _, c := range Ranked(filter) {
		text, _ := c.Value.(string)
		s, err := ParseSearch(text)
		if err != nil {
			return 0, err
		}
		sum += s.Relevance(searched(m, row, c.Fields))
	}
	return sum, nil
}

// Ranked are the Match conditions of a filter that [Rank] adds up: copies, so
// that an operation can stay on its caller's stack.
func Ranked(filter *Cond) (out []Cond) {
	switch filter.Kind {
	case Match:
		return []Cond{*filter}
	case And, Or:
		for i := range filter.Conds {
			out = append(out, Ranked(&filter.Conds[i])...)
		}
	}
	return out
}

// Searches reports whether an operation has a full-text search in any of its
// conditions, which needs CapFullTextSearch.
func Searches(o *Op) bool {
	if searches(&o.Filter) || searches(&o.Using) || searches(&o.Check) || withSearches(o.With) || o.Via != nil && searches(&o.Via.Join) {
		return true
	}
	for i := range o.Guards {
		if searches(&o.Guards[i].Filter) || searches(&o.Guards[i].Must) {
			return true
		}
	}
	for i := range o.Joins {
		if searches(&o.Joins[i].Filter) {
			return true
		}
	}
	for i := range o.Batch {
		if Searches(&o.Batch[i]) {
			return true
		}
	}
	return false
}

func withSearches(list []With) bool {
	for i := range list {
		if searches(&list[i].Filter) || withSearches(list[i].With) {
			return true
		}
	}
	return false
}

func searches(c *Cond) bool {
	if c.Kind == Match {
		return true
	}
	return someSearches(c.Conds) || someSearches(c.Join)
}

func someSearches(list []Cond) bool {
	for i := range list {
		if searches(&list[i]) {
			return true
		}
	}
	return false
}

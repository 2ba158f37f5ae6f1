package main

import (
	"slices"
	"strings"
	"unicode"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// parseWhere reads a condition as it is written after --where: a field, an
// operator and a value, such as
//
//	title like rock
//	year >= 1990
//	genre in Rock, 'Rock, Progressive'
//	composer is null
//	artist.name = AC/DC      (of a related row)
//	meta.lang = en           (a place in a JSON field)
//
// A value may stand in quotes, single or double, in which a doubled quote is
// one; it must where it has spaces at its ends, where a comma in a list belongs
// to it, and where the text null is meant and not NULL.
func parseWhere(m *schema.Model, text string) (op.Cond, error) {
	wrong := func(format string, args ...any) error {
		return op.Errorf(op.CodeValidation, "--where '"+strings.ReplaceAll(text, "%", "%%")+"': "+format, args...)
	}
	rest := strings.TrimSpace(text)
	end := strings.IndexFunc(rest, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("=!<>", r) })
	if end < 0 {
		end = len(rest)
	}
	place, rest := rest[:end], strings.TrimSpace(rest[end:])
	switch {
	case place == "":
		return op.Cond{}, wrong("begins with no field; write field operator value, such as 'title like rock'")
	case rest == "":
		return op.Cond{}, wrong("has no operator; write field operator value, such as 'title like rock'")
	}
	o, rest, err := cutOperator(rest)
	if err != nil {
		return op.Cond{}, wrong("%w", err)
	}
	values, err := operands(rest, takesList(o))
	switch {
	case err != nil:
		return op.Cond{}, wrong("%w", err)
	case len(values) == 0 && takesValue(o):
		return op.Cond{}, wrong("has no value; an empty text is written ''")
	}
	return follow(m, place, o, values)
}

// words are the operators that are written in words, the longer ones first.
var words = []string{"is not null", "starts with", "ends with", "is null", "not null", "not in", "between", "contains", "like", "in"}

// cutOperator takes the operator from the beginning of a text.
func cutOperator(text string) (op.Operator, string, error) {
	signs := len(text) - len(strings.TrimLeft(text, "=!<>"))
	if signs > 0 {
		o, err := op.ParseOperator(text[:signs])
		return o, strings.TrimSpace(text[signs:]), err
	}
	for _, w := range words {
		if rest, ok := cutWords(text, strings.Fields(w)); ok {
			o, err := op.ParseOperator(w)
			return o, rest, err
		}
	}
	word, _, _ := strings.Cut(text, " ")
	_, err := op.ParseOperator(word)
	return 0, "", err
}

// cutWords takes words from the beginning of a text, whatever their case and
// the space between them.
func cutWords(text string, words []string) (string, bool) {
	for _, w := range words {
		if len(text) < len(w) || !strings.EqualFold(text[:len(w)], w) {
			return "", false
		}
		text = text[len(w):]
		if text != "" && !unicode.IsSpace(rune(text[0])) && text[0] != '\'' && text[0] != '"' {
			return "", false
		}
		text = strings.TrimSpace(text)
	}
	return text, true
}

// operands reads one value, or the values of a list.
func operands(text string, list bool) (out []operand, err error) {
	if text == "" {
		return nil, nil
	}
	for {
		var v operand
		if v, text, err = cutOperand(text, list); err != nil {
			return nil, err
		}
		out = append(out, v)
		if !list || text == "" {
			return out, nil
		}
		text = strings.TrimSpace(text[1:]) // the comma
	}
}

// cutOperand takes a value from the beginning of a text. In a list it ends at a
// comma.
func cutOperand(text string, list bool) (v operand, rest string, err error) {
	if text == "" {
		return v, "", op.Errorf(op.CodeValidation, "has an empty value in the list; an empty text is written ''")
	}
	if quote := text[0]; quote == '\'' || quote == '"' {
		value, rest, closed := cutQuoted(text[1:], quote)
		rest = strings.TrimSpace(rest)
		switch {
		case closed && (rest == "" || (list && rest[0] == ',')):
			return operand{text: value}, rest, nil
		case list:
			return v, "", op.Errorf(op.CodeValidation, "has a quoted value that does not end before a comma")
		}
		// A quote that does not stand around the whole is part of the text.
	}
	if list {
		if i := strings.IndexByte(text, ','); i >= 0 {
			text, rest = strings.TrimSpace(text[:i]), text[i:]
			if text == "" {
				return v, "", op.Errorf(op.CodeValidation, "has an empty value in the list; an empty text is written ''")
			}
		}
	}
	return operand{text: text, null: strings.EqualFold(text, "null")}, rest, nil
}

// cutQuoted reads up to the closing quote.
func cutQuoted(text string, quote byte) (value, rest string, closed bool) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != quote {
			b.WriteByte(text[i])
			continue
		}
		if i+1 < len(text) && text[i+1] == quote {
			b.WriteByte(quote)
			i++
			continue
		}
		return b.String(), text[i+1:], true
	}
	return "", "", false
}

// follow makes the condition of a place that may lead over relations: it holds
// when a related row is there for which it does.
func follow(m *schema.Model, place string, o op.Operator, values []operand) (op.Cond, error) {
	name, rest, dotted := strings.Cut(place, ".")
	r := m.Relation(name)
	f := m.Field(name)
	if r == nil || (f != nil && shown(f)) {
		if r == nil && (f == nil || !shown(f)) && dotted {
			return op.Cond{}, unknownPlace(m, name)
		}
		return compare(m, place, o, values)
	}
	if !dotted {
		return op.Cond{}, op.Errorf(op.CodeValidation, "%s.%s is a relation; compare one of its fields, such as %s.%s", m.Name, r.Name, r.Name, visible(r.Target)[0].Name)
	}
	c, err := follow(r.Target, rest, o, values)
	if err != nil {
		return op.Cond{}, err
	}
	return op.Cond{Kind: op.Has, Relation: r.Name, Conds: []op.Cond{c}}, nil
}

// unknownPlace is the error for a place whose first step is nothing.
func unknownPlace(m *schema.Model, name string) error {
	var fields []string
	for _, f := range visible(m) {
		fields = append(fields, f.Name)
	}
	relations := "it has no relations"
	if names := relationNames(m); len(names) > 0 {
		relations = "its relations are " + strings.Join(names, ", ")
	}
	return op.Errorf(op.CodeValidation, "%s has no field or relation %q; its fields are %s, and %s", m.Name, name, strings.Join(fields, ", "), relations)
}

func relationNames(m *schema.Model) []string {
	var names []string
	for _, r := range m.Relations {
		names = append(names, r.Name)
	}
	return names
}

// parseWith reads relations to load, such as "album.artist", into what a find
// asks for. Those that begin alike are loaded once.
func parseWith(m *schema.Model, paths []string) ([]op.With, error) {
	var list []op.With
	for _, path := range paths {
		at, model := &list, m
		for name := range strings.SplitSeq(path, ".") {
			r := model.Relation(strings.TrimSpace(name))
			if r == nil {
				names := relationNames(model)
				if len(names) == 0 {
					return nil, op.Errorf(op.CodeValidation, "--with %s: %s has no relations", path, model.Name)
				}
				return nil, op.Errorf(op.CodeValidation, "--with %s: %s has no relation %q; its relations are %s", path, model.Name, name, strings.Join(names, ", "))
			}
			i := slices.IndexFunc(*at, func(w op.With) bool { return w.Relation == r.Name })
			if i < 0 {
				i = len(*at)
				w := op.With{Relation: r.Name, Fields: allFields(r.Target)}
				if r.Many() {
					w.Sort = total(r.Target, nil)
				}
				*at = append(*at, w)
			}
			at, model = &(*at)[i].With, r.Target
		}
	}
	return list, nil
}

// parseOrder reads an order such as "-createdAt,title".
func parseOrder(m *schema.Model, text string) ([]op.Sort, error) {
	var keys []op.Sort
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" && text == "" {
			break
		}
		f, desc, err := sortKey(m, part)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(keys, func(k op.Sort) bool { return k.Field == f.Name }) {
			return nil, op.Errorf(op.CodeValidation, "--sort %s names %s twice", text, f.Name)
		}
		keys = append(keys, op.Sort{Field: f.Name, Desc: desc})
	}
	return total(m, keys), nil
}

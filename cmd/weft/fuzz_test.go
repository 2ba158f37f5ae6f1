package main

import (
	"errors"
	"net/url"
	"testing"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// FuzzList reads any address as that of a list: it is refused with a code that
// says so, or becomes an operation whose own cursor can be read again.
func FuzzList(f *testing.F) {
	var models []*schema.Model
	for _, v := range append(sampleModels(), Item{}, Part{}) {
		m, err := schema.FromStruct(v)
		if err != nil {
			f.Fatal(err)
		}
		models = append(models, m)
	}
	set, err := schema.Build(models...)
	if err != nil {
		f.Fatal(err)
	}
	book := set.Model("Book")
	for _, q := range []string{
		"", "sort=-pages&limit=7", "field=pages&op=between&value=1,9", "field=keywords&op=contains&value=sea",
		"field=published&value=1990-01-01", "field=price&op=in&value=1.5,2", "field=id&op=is+null",
		"after=e30", "sort=price&before=eyJvIjoiQm9vayBwcmljZSBpZCIsImsiOlsiZDEuNSIsInN4Il19", "field=keywords.0&value=%22sea%22",
	} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		v, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		q, err := parseList(book, v)
		if err == nil {
			find := q.find()
			err = op.Normalize(&find)
		}
		if err != nil {
			if !errors.Is(err, op.ErrValidation) {
				t.Fatalf("%q: %v (%s)", query, err, op.CodeOf(err))
			}
			return
		}
		if q.after == nil {
			return
		}
		row := make([]any, len(book.Fields))
		for i, k := range q.order() {
			row[book.Field(k.Field).Pos] = q.after[i]
		}
		again, err := readCursor(book, q.order(), writeCursor(book, q.order(), row))
		if err != nil {
			t.Fatalf("%q: %v", query, err)
		}
		for i := range again {
			if op.CompareValues(again[i], q.after[i]) != 0 {
				t.Fatalf("%q: %v became %v", query, q.after[i], again[i])
			}
		}
	})
}

// FuzzKey reads any address as that of a row.
func FuzzKey(f *testing.F) {
	item, err := schema.FromStruct(Item{})
	if err != nil {
		f.Fatal(err)
	}
	part, err := schema.FromStruct(Part{})
	if err != nil {
		f.Fatal(err)
	}
	set, err := schema.Build(item, part)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("1,a")
	f.Add(`1,a\,b\\`)
	f.Add(",,")
	f.Fuzz(func(t *testing.T, id string) {
		m := set.Model("Part")
		cond, err := op.KeyCond(m, id)
		if err != nil {
			return
		}
		key := []any{cond.Conds[0].Value, cond.Conds[1].Value}
		u, err := url.Parse(rowPath(m, key))
		if err != nil {
			t.Fatal(err)
		}
		again, err := op.KeyCond(m, u.Path[len("/models/Part/"):])
		if err != nil || again.Conds[0].Value != key[0] || again.Conds[1].Value != key[1] {
			t.Fatalf("%q became %v: %v", id, again, err)
		}
	})
}

package main

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// Rows on one page of a list.
const (
	defaultLimit = 20
	maxLimit     = 200
)

// listQuery is what the address of a list asks for.
type listQuery struct {
	m      *schema.Model
	sort   *schema.Field // nil is the order of the key
	desc   bool
	filter op.Cond
	limit  int
	after  []any
	before []any

	deleted bool // also rows that are marked deleted

	// As they were given, for the form.
	field, operator, value string
}

// operators are offered in the form, in this order.
var operators = []op.Operator{
	op.Eq, op.Ne, op.Lt, op.Le, op.Gt, op.Ge, op.In, op.NotIn, op.Between,
	op.Like, op.StartsWith, op.EndsWith, op.Contains, op.IsNull, op.NotNull,
}

var listParams = []string{"field", "op", "value", "sort", "limit", "after", "before", "deleted", "format"}

// parseList reads the address of a list. The query it returns with an error
// still shows what was given.
func parseList(m *schema.Model, v url.Values) (listQuery, error) {
	q := listQuery{
		m: m, limit: defaultLimit,
		field: v.Get("field"), operator: v.Get("op"), value: v.Get("value"),
	}
	for name, values := range v {
		if !slices.Contains(listParams, name) {
			return q, op.Errorf(op.CodeValidation, "there is no parameter %q; the parameters are %s", name, strings.Join(listParams, ", "))
		}
		if len(values) > 1 {
			return q, op.Errorf(op.CodeValidation, "the parameter %s is given %d times; give it once", name, len(values))
		}
	}
	if f := v.Get("format"); f != "" && f != "json" && f != "html" {
		return q, op.Errorf(op.CodeValidation, "the format is json or html, not %q", f)
	}
	if s := v.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > maxLimit {
			return q, op.Errorf(op.CodeValidation, "the limit is a number from 1 to %d, not %q", maxLimit, s)
		}
		q.limit = n
	}
	var err error
	if q.deleted, err = withDeleted(m, v.Get("deleted")); err != nil {
		return q, err
	}
	if err := q.parseSort(v.Get("sort")); err != nil {
		return q, err
	}
	if err := q.parseFilter(); err != nil {
		return q, err
	}
	return q, q.parseCursors(v.Get("after"), v.Get("before"))
}

// withDeleted reads whether rows that are marked deleted are wanted too.
func withDeleted(m *schema.Model, s string) (bool, error) {
	switch {
	case s == "":
		return false, nil
	case s != "1":
		return false, op.Errorf(op.CodeValidation, "deleted is 1 or left out, not %q", s)
	case m.DeletedF == nil:
		return false, op.Errorf(op.CodeValidation, "%s has no soft delete, so there are no deleted rows to show", m.Name)
	}
	return true, nil
}

func (q *listQuery) parseSort(s string) error {
	if s == "" {
		return nil
	}
	f, desc, err := sortKey(q.m, s)
	if err == nil {
		q.sort, q.desc = f, desc
	}
	return err
}

func (q *listQuery) parseFilter() error {
	if q.field == "" {
		if q.value != "" {
			return op.Errorf(op.CodeValidation, "the value %q has no field to compare with; choose one", q.value)
		}
		return nil
	}
	if q.operator == "" {
		q.operator = op.Eq.String()
	}
	o, err := op.ParseOperator(q.operator)
	if err != nil {
		return err
	}
	var values []operand
	switch {
	case takesList(o):
		for part := range strings.SplitSeq(q.value, ",") {
			values = append(values, operand{text: strings.TrimSpace(part)})
		}
	case q.value != "" || takesValue(o):
		values = []operand{{text: q.value}}
	}
	q.filter, err = compare(q.m, q.field, o, values)
	return err
}

// order is the order of the list, made total by the key.
func (q *listQuery) order() []op.Sort {
	if q.sort == nil {
		return total(q.m, nil)
	}
	return total(q.m, []op.Sort{{Field: q.sort.Name, Desc: q.desc}})
}

func (q *listQuery) parseCursors(after, before string) (err error) {
	if after != "" && before != "" {
		return op.Errorf(op.CodeValidation, "after and before exclude each other")
	}
	if after != "" {
		q.after, err = readCursor(q.m, q.order(), after)
	}
	if before != "" {
		q.before, err = readCursor(q.m, q.order(), before)
	}
	return err
}

// find is the operation for the page, with one row more to see whether there
// is another page.
func (q *listQuery) find() op.Op {
	return op.Op{
		Kind: op.Find, Model: q.m, Filter: q.filter, Sort: q.order(),
		Limit: q.limit + 1, After: q.after, Before: q.before,
		Fields: allFields(q.m), With: labels(q.m, nil), WithDeleted: q.deleted,
	}
}

// with is the address of the same list with other parameters; an empty one is
// left out.
func (q *listQuery) with(changes map[string]string) string {
	v := url.Values{}
	set := func(name, value string) {
		if value != "" {
			v.Set(name, value)
		}
	}
	if q.field != "" {
		set("field", q.field)
		set("op", q.operator)
		set("value", q.value)
	}
	if q.sort != nil {
		set("sort", sortParam(q.sort, q.desc))
	}
	if q.limit != defaultLimit {
		set("limit", strconv.Itoa(q.limit))
	}
	if q.deleted {
		set("deleted", "1")
	}
	for name, value := range changes {
		v.Del(name)
		set(name, value)
	}
	if len(v) == 0 {
		return modelPath(q.m)
	}
	return modelPath(q.m) + "?" + v.Encode()
}

func sortParam(f *schema.Field, desc bool) string {
	if desc {
		return "-" + f.Name
	}
	return f.Name
}

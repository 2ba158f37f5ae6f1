package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// relatedShown is how many rows of a relation the page of a row lists.
const relatedShown = 20

func allFields(m *schema.Model) []string {
	out := make([]string, len(m.Fields))
	for i, f := range m.Fields {
		out[i] = f.Name
	}
	return out
}

// labels asks for the rows that the fields of a model point at, so that their
// names can be shown instead of their keys. The relation back to where the rows
// came from is left out.
func labels(m *schema.Model, from *schema.Relation) []op.With {
	var out []op.With
	for _, f := range visible(m) {
		r := pointer(m, f)
		if r == nil || label(r.Target) == nil {
			continue
		}
		if from != nil && from.Kind != schema.ManyToMany && r.Target == from.Owner && slices.Equal(r.From, from.To) {
			continue
		}
		out = append(out, op.With{Relation: r.Name, Fields: allFields(r.Target)})
	}
	return out
}

// record is a row with what was loaded with it.
type record struct {
	m       *schema.Model
	vals    []any // by field position
	related map[string]*op.Related
}

// read takes a row apart that holds all fields and these relations.
func read(m *schema.Model, with []op.With, row []any) record {
	rec := record{m: m, vals: row[:len(m.Fields)], related: map[string]*op.Related{}}
	for i, w := range with {
		if at := len(m.Fields) + i; at < len(row) {
			rec.related[w.Relation], _ = row[at].(*op.Related)
		}
	}
	return rec
}

func (r record) key() []any {
	out := make([]any, len(r.m.Primary))
	for i, f := range r.m.Primary {
		out[i] = r.vals[f.Pos]
	}
	return out
}

func (r record) path() string {
	if op.Deleted(r.m, r.vals) {
		return rowPath(r.m, r.key()) + "?deleted=1"
	}
	return rowPath(r.m, r.key())
}

// name is what people call the row.
func (r record) name() string {
	if f := label(r.m); f != nil {
		if s, ok := r.vals[f.Pos].(string); ok && s != "" {
			return makeCell(f, s, false).Text
		}
	}
	parts := make([]string, len(r.m.Primary))
	for i, v := range r.key() {
		parts[i] = op.Text(v)
	}
	return strings.Join(parts, ", ")
}

// cell shows a field; one that points at another row leads there, by its name
// where that was loaded.
func (r record) cell(f *schema.Field, whole bool) cell {
	v := r.vals[f.Pos]
	c := makeCell(f, v, whole)
	to := pointer(r.m, f)
	if v == nil || to == nil {
		if (f.Primary && len(r.m.Primary) == 1) || (f == label(r.m) && !whole && v != nil) {
			c.Href = r.path()
		}
		return c
	}
	if len(to.Target.Primary) == 1 && to.To[0] == to.Target.Primary[0] {
		c.Href = rowPath(to.Target, []any{v})
	} else {
		c.Href = listPath(to.Target, to.To[0].Name, "=", op.Text(v))
	}
	if rel := r.related[to.Name]; rel != nil && len(rel.Rows) > 0 {
		target := read(to.Target, nil, rel.Rows[0])
		c.Whole = c.Text
		c.Text, c.Href, c.Number = target.name(), target.path(), false
	}
	return c
}

// column is the head of a column.
type column struct {
	Name, Type   string
	Href, Sorted string // "", "up" or "down"
	Number       bool
}

type tableRow struct {
	Href  string
	Cells []cell
}

type table struct {
	Columns []column
	Rows    []tableRow
	Open    bool // the rows need a link of their own: no column leads to them
}

// columnsOf are the fields in the order of a list: times that Weft keeps come
// last, since they are seldom what one looks for.
func columnsOf(m *schema.Model) []*schema.Field {
	fields := visible(m)
	late := func(f *schema.Field) int {
		if f.Role == schema.RoleCreated || f.Role == schema.RoleUpdated || f.Role == schema.RoleDeleted {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(fields, func(a, b *schema.Field) int { return late(a) - late(b) })
	return fields
}

// tableOf shows records of one model; columns in hide are left out.
func tableOf(m *schema.Model, recs []record, hide []*schema.Field) table {
	t := table{Open: true}
	if len(m.Primary) == 1 {
		t.Open = !shown(m.Primary[0]) || pointer(m, m.Primary[0]) != nil
	}
	var fields []*schema.Field
	for _, f := range columnsOf(m) {
		if !slices.Contains(hide, f) || f.Primary {
			fields = append(fields, f)
			t.Columns = append(t.Columns, column{Name: f.Name, Type: typeName(f), Number: isNumber(f)})
		}
	}
	for _, r := range recs {
		row := tableRow{Href: r.path()}
		for _, f := range fields {
			row.Cells = append(row.Cells, r.cell(f, false))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// listBody is what the template of a list gets.
type listBody struct {
	Model     *schema.Model
	Error     string
	Table     table
	Count     int64
	Filtered  bool
	Fields    []*schema.Field
	Operators []op.Operator
	Query     listForm
	First     string // addresses; empty where they lead nowhere
	Previous  string
	Next      string
}

type listForm struct {
	Field, Op, Value, Sort, Limit string
	Deleted                       bool
}

// listPage shows a page of a model's rows.
func (b *browser) listPage(w http.ResponseWriter, r *http.Request) {
	m := b.model(w, r)
	if m == nil {
		return
	}
	q, err := parseList(m, r.URL.Query())
	body := listBody{
		Model: m, Fields: visible(m), Operators: operators, Filtered: q.filter.Kind != op.True,
		Query: listForm{Field: q.field, Op: q.operator, Value: q.value, Sort: r.URL.Query().Get("sort"), Limit: r.URL.Query().Get("limit"), Deleted: q.deleted},
	}
	var recs []record
	if err == nil {
		recs, err = b.list(r, &q, &body)
	}
	status := http.StatusOK
	if err != nil {
		status, body.Error = b.explain(r, err)
	}
	if wantsJSON(r) {
		if err != nil {
			writeJSON(w, status, map[string]any{"error": body.Error, "code": op.CodeOf(err)})
			return
		}
		writeJSON(w, status, listJSON(&q, recs, &body))
		return
	}
	body.Table = tableOf(m, recs, nil)
	for i := range body.Table.Columns {
		c := &body.Table.Columns[i]
		f := m.Field(c.Name)
		if !sortable(f) {
			continue
		}
		down := false
		if q.sort == f {
			c.Sorted = "up"
			if down = !q.desc; q.desc {
				c.Sorted = "down"
			}
		}
		c.Href = q.with(map[string]string{"sort": sortParam(f, down)})
	}
	b.render(w, status, "list.html", page{Title: m.Name, Here: m.Name, Body: body})
}

// list reads the page and finds out what lies around it.
func (b *browser) list(r *http.Request, q *listQuery, body *listBody) ([]record, error) {
	find := q.find()
	rows, err := b.rows(r.Context(), find)
	if err != nil {
		return nil, err
	}
	count, err := b.eng.Do(r.Context(), op.Op{Kind: op.Count, Model: q.m, Filter: q.filter, WithDeleted: q.deleted})
	if err != nil {
		return nil, err
	}
	body.Count = count.N
	more := len(rows) > q.limit
	switch {
	case more && q.before != nil:
		rows = rows[1:]
	case more:
		rows = rows[:q.limit]
	}
	var recs []record
	for _, row := range rows {
		recs = append(recs, read(q.m, find.With, row))
	}
	if q.after != nil || q.before != nil {
		body.First = q.with(nil)
	}
	if n := len(recs); n > 0 {
		if q.after != nil || (q.before != nil && more) {
			body.Previous = q.with(map[string]string{"before": writeCursor(q.m, find.Sort, recs[0].vals)})
		}
		if q.before != nil || more {
			body.Next = q.with(map[string]string{"after": writeCursor(q.m, find.Sort, recs[n-1].vals)})
		}
	}
	return recs, nil
}

// listJSON is the list for programs.
func listJSON(q *listQuery, recs []record, body *listBody) any {
	data := make([]jsonObject, len(recs))
	for i, r := range recs {
		data[i] = r.json()
	}
	next := ""
	if body.Next != "" {
		next = writeCursor(q.m, q.order(), recs[len(recs)-1].vals)
	}
	return struct {
		Data    []jsonObject `json:"data"`
		Total   int64        `json:"total"`
		Limit   int          `json:"limit"`
		HasMore bool         `json:"hasMore"`
		Cursor  string       `json:"cursor,omitempty"`
	}{data, body.Count, q.limit, next != "", next}
}

// json is the row for programs, with its fields in declared order.
func (r record) json() jsonObject {
	var out jsonObject
	for _, f := range visible(r.m) {
		out = append(out, jsonMember{f.Name, jsonValue(f, r.vals[f.Pos])})
	}
	return out
}

// relationBody is one relation on the page of a row.
type relationBody struct {
	*schema.Relation
	Table table
	More  bool
	All   string // address of the whole list; empty where there is none
}

// rowPage shows one row and where its relations lead.
func (b *browser) rowPage(w http.ResponseWriter, r *http.Request) {
	m := b.model(w, r)
	if m == nil {
		return
	}
	id := r.PathValue("id")
	noRow := func(err error) { // a key of another shape is a key that no row has
		b.fail(w, r, http.StatusNotFound, fmt.Sprintf("There is no %s with the key %q: %s.", m.Name, id, err))
	}
	cond, err := op.KeyCond(m, id)
	if err != nil {
		noRow(err)
		return
	}
	o := op.Op{Kind: op.Find, Model: m, Filter: cond, Limit: 1, Fields: allFields(m)}
	if o.WithDeleted, err = withDeleted(m, r.URL.Query().Get("deleted")); err != nil {
		b.failWith(w, r, err)
		return
	}
	for _, rel := range m.Relations {
		w := op.With{Relation: rel.Name, Fields: allFields(rel.Target), With: labels(rel.Target, rel)}
		if rel.Many() {
			w.Limit = relatedShown + 1
			for _, f := range rel.Target.Primary {
				w.Sort = append(w.Sort, op.Sort{Field: f.Name})
			}
		}
		o.With = append(o.With, w)
	}
	rows, err := b.rows(r.Context(), o)
	switch {
	case op.CodeOf(err) == op.CodeValidation:
		noRow(err)
		return
	case err != nil:
		b.failWith(w, r, err)
		return
	case len(rows) == 0:
		b.fail(w, r, http.StatusNotFound, fmt.Sprintf("There is no %s with the key %q.", m.Name, id))
		return
	}
	rec := read(m, o.With, rows[0])
	if wantsJSON(r) {
		writeJSON(w, http.StatusOK, rec.json())
		return
	}
	b.render(w, http.StatusOK, "row.html", page{Title: m.Name + " " + rec.name(), Here: m.Name, Body: rowBody(rec, o.With)})
}

type rowField struct {
	Name, Type string
	Cell       cell
}

func rowBody(rec record, with []op.With) any {
	var fields []rowField
	for _, f := range visible(rec.m) {
		fields = append(fields, rowField{f.Name, typeName(f), rec.cell(f, true)})
	}
	var relations []relationBody
	for i, rel := range rec.m.Relations {
		rb := relationBody{Relation: rel}
		var recs []record
		if loaded := rec.related[rel.Name]; loaded != nil {
			for _, row := range loaded.Rows {
				recs = append(recs, read(rel.Target, with[i].With, row))
			}
		}
		if rb.More = rel.Many() && len(recs) > relatedShown; rb.More {
			recs = recs[:relatedShown]
		}
		var hide []*schema.Field
		switch {
		case rel.Kind == schema.HasMany && len(rel.To) == 1:
			hide = rel.To
			rb.All = listPath(rel.Target, rel.To[0].Name, "=", op.Text(rec.vals[rel.From[0].Pos]))
		case rel.Kind == schema.ManyToMany && len(rel.ViaFrom) == 1:
			rb.All = listPath(rel.Via, rel.ViaFrom[0].Name, "=", op.Text(rec.vals[rel.From[0].Pos]))
		}
		rb.Table = tableOf(rel.Target, recs, hide)
		relations = append(relations, rb)
	}
	return map[string]any{"Model": rec.m, "Name": rec.name(), "Fields": fields, "Relations": relations}
}

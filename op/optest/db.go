package optest

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// rec is a row by field names.
type rec map[string]any

// model returns the model with that name.
func (d *db) model(name string) *schema.Model {
	d.Helper()
	m := d.s.models.Model(name)
	if m == nil {
		d.Fatalf("the suite has no model %s", name)
	}
	return m
}

// do brings an operation into canonical form and runs it.
func (d *db) do(o op.Op) (op.Result, error) {
	d.Helper()
	if err := op.Normalize(&o); err != nil {
		return op.Result{}, err
	}
	return d.eng.Do(d.ctx, o)
}

// must is do for an operation that has to succeed.
func (d *db) must(o op.Op) op.Result {
	d.Helper()
	res, err := d.do(o)
	if err != nil {
		d.Fatalf("%s: %v", dumpOp(o), err)
	}
	return res
}

// n runs a write and returns the number of rows it reports.
func (d *db) n(o op.Op) int64 {
	d.Helper()
	res := d.must(o)
	if res.Rows != nil {
		d.drain(res.Rows)
	}
	return res.N
}

// fail runs an operation that must fail with the code and returns the error.
func (d *db) fail(o op.Op, code op.Code) error {
	d.Helper()
	res, err := d.do(o)
	if err == nil && res.Rows != nil {
		for res.Rows.Next() {
		}
		err = res.Rows.Err()
		_ = res.Rows.Close()
	}
	if err == nil {
		d.Fatalf("%s: succeeded, want %s", dumpOp(o), code)
	}
	d.isCode(err, code)
	return err
}

// isCode checks the code of an error and that errors.Is agrees.
func (d *db) isCode(err error, code op.Code) {
	d.Helper()
	if got := op.CodeOf(err); got != code {
		d.Fatalf("the error has code %s, want %s: %v", got, code, err)
	}
	if s := sentinels[code]; !errors.Is(err, s) {
		d.Fatalf("errors.Is does not hold for the sentinel of %s: %v", code, err)
	}
	if strings.TrimSpace(err.Error()) == "" {
		d.Fatal("the error has no message")
	}
}

var sentinels = map[op.Code]error{
	op.CodeNotFound: op.ErrNotFound, op.CodeConflict: op.ErrConflict, op.CodeForbidden: op.ErrForbidden,
	op.CodeValidation: op.ErrValidation, op.CodeUnsupported: op.ErrUnsupported, op.CodeDatabase: op.ErrDatabase,
	op.CodeTimeout: op.ErrTimeout, op.CodeCancelled: op.ErrCancelled, op.CodeInternal: op.ErrInternal,
	op.CodeUnauthorized: op.ErrUnauthorized,
}

// conflict runs an operation that must fail with a conflict of the reason.
func (d *db) conflict(o op.Op, reason string) *op.ConflictError {
	d.Helper()
	return d.isConflict(d.fail(o, op.CodeConflict), reason)
}

func (d *db) isConflict(err error, reason string) *op.ConflictError {
	d.Helper()
	var c *op.ConflictError
	if !errors.As(err, &c) {
		d.Fatalf("the error is no *op.ConflictError: %v", err)
	}
	if c.Reason != reason {
		d.Fatalf("the conflict has reason %q, want %q: %v", c.Reason, reason, err)
	}
	return c
}

// find runs a find and collects its rows.
func (d *db) find(o op.Op) [][]any {
	d.Helper()
	o.Kind = op.Find
	return d.collect(o)
}

// collect runs an operation that gives rows.
func (d *db) collect(o op.Op) [][]any {
	d.Helper()
	res := d.must(o)
	if res.Rows == nil {
		d.Fatalf("%s: the result has no rows", dumpOp(o))
	}
	return d.drain(res.Rows)
}

func (d *db) drain(rows op.Rows) [][]any {
	d.Helper()
	out, err := drain(rows)
	if err != nil {
		d.Fatalf("read rows: %v", err)
	}
	return out
}

// drain reads rows to their end; a row is copied, it is valid until Next only.
func drain(rows op.Rows) ([][]any, error) {
	var out [][]any
	for rows.Next() {
		row := slices.Clone(rows.Row())
		for i, v := range row {
			if b, ok := v.([]byte); ok {
				row[i] = append([]byte{}, b...)
			}
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		_ = rows.Close()
		return out, err
	}
	return out, rows.Close()
}

// count counts the rows of a condition.
func (d *db) count(model string, c op.Cond) int64 {
	d.Helper()
	return d.must(op.Op{Kind: op.Count, Model: d.model(model), Filter: c}).N
}

// row makes a complete row: values given, and for the others NULL where that
// is allowed, version 1, Unset for keys that the database assigns, else a zero.
func (d *db) row(model string, r rec) []any {
	d.Helper()
	row, err := fullRow(d.model(model), r)
	if err != nil {
		d.Fatal(err)
	}
	return row
}

func fullRow(m *schema.Model, r rec) ([]any, error) {
	row := make([]any, len(m.Fields))
	known := 0
	for i, f := range m.Fields {
		v, given := r[f.Name]
		if given {
			known++
		}
		switch _, unset := v.(op.Unset); {
		case unset:
			row[i] = v
		case given:
			c, err := op.CanonField(f, v)
			if err != nil {
				return nil, fmt.Errorf("%s.%s: %w", m.Name, f.Name, err)
			}
			row[i] = c
		default:
			row[i] = zero(m, f)
		}
	}
	if known != len(r) {
		return nil, fmt.Errorf("a row of %s names a field that does not exist: %v", m.Name, r)
	}
	return row, nil
}

// zero is the value of a field that a test does not care for.
func zero(m *schema.Model, f *schema.Field) any {
	switch {
	case f.Auto:
		return op.Unset{}
	case f == m.VersionF:
		return int64(1)
	case f.Nullable:
		return nil
	}
	switch f.Type {
	case schema.UUID:
		return "00000000-0000-4000-8000-000000000000"
	case schema.Enum:
		return f.Enum[0]
	case schema.Time:
		return "00:00:00"
	case schema.Array:
		return op.JSON("[]")
	}
	switch f.Type.Kind() {
	case schema.KindInt:
		return int64(0)
	case schema.KindFloat:
		return float64(0)
	case schema.KindDecimal:
		return decimal.Zero
	case schema.KindBool:
		return false
	case schema.KindTime:
		return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	case schema.KindBytes:
		return []byte{}
	case schema.KindJSON:
		return op.JSON("{}")
	}
	return ""
}

// ins is an insert of rows.
func (d *db) ins(model string, rows ...rec) op.Op {
	d.Helper()
	o := op.Op{Kind: op.Insert, Model: d.model(model)}
	for _, r := range rows {
		o.Rows = append(o.Rows, d.row(model, r))
	}
	return o
}

// insert inserts rows, which must succeed.
func (d *db) insert(model string, rows ...rec) {
	d.Helper()
	if n := d.n(d.ins(model, rows...)); n != int64(len(rows)) {
		d.Fatalf("insert of %d rows of %s reports %d", len(rows), model, n)
	}
}

// set is an update of the rows of a condition.
func (d *db) set(model string, c op.Cond, as ...op.Assign) op.Op {
	d.Helper()
	return op.Op{Kind: op.Update, Model: d.model(model), Filter: c, Set: as}
}

// del is a delete of the rows of a condition.
func (d *db) del(model string, c op.Cond) op.Op {
	d.Helper()
	return op.Op{Kind: op.Delete, Model: d.model(model), Filter: c}
}

// get returns the row with a single-field key, nil when absent.
func (d *db) get(model string, key any) rec {
	d.Helper()
	m := d.model(model)
	rows := d.find(op.Op{Model: m, Filter: op.Cmp(m.Primary[0].Name, op.Eq, key)})
	if len(rows) > 1 {
		d.Fatalf("%d rows of %s have key %v", len(rows), model, key)
	}
	if len(rows) == 0 {
		return nil
	}
	return named(m, rows[0])
}

func named(m *schema.Model, row []any) rec {
	r := rec{}
	for i, f := range m.Fields {
		if i < len(row) {
			r[f.Name] = row[i]
		}
	}
	return r
}

// ids returns the first key field of the rows of a condition, sorted.
func (d *db) ids(model string, c op.Cond) []string {
	d.Helper()
	m := d.model(model)
	var out []string
	for _, r := range d.find(op.Op{Model: m, Filter: c, Fields: []string{m.Primary[0].Name}}) {
		out = append(out, fmt.Sprint(r[0]))
	}
	sort.Strings(out)
	return out
}

// matches checks which rows a condition holds for: a list of keys, separated by spaces.
func (d *db) matches(model string, c op.Cond, want string) {
	d.Helper()
	if got := strings.Join(d.ids(model, c), " "); got != want {
		d.Errorf("%s holds for [%s], want [%s]", dumpCond(c), got, want)
	}
	if got, want := d.count(model, c), int64(len(strings.Fields(want))); got != want {
		d.Errorf("count of %s is %d, want %d", dumpCond(c), got, want)
	}
}

// Short forms for conditions.
var cmp = op.Cmp

func list(field string, o op.Operator, vs ...any) op.Cond {
	return op.Cond{Kind: op.Compare, Field: field, Op: o, List: append([]any{}, vs...)}
}

func null(field string) op.Cond { return op.Cond{Kind: op.Compare, Field: field, Op: op.IsNull} }

func notNull(field string) op.Cond { return op.Cond{Kind: op.Compare, Field: field, Op: op.NotNull} }

func and(cs ...op.Cond) op.Cond { return op.Cond{Kind: op.And, Conds: cs} }

func or(cs ...op.Cond) op.Cond { return op.Cond{Kind: op.Or, Conds: cs} }

func not(c op.Cond) op.Cond { return op.Cond{Kind: op.Not, Conds: []op.Cond{c}} }

func by(field string) op.Sort { return op.Sort{Field: field} }

func desc(field string) op.Sort { return op.Sort{Field: field, Desc: true} }

func to(field string, v any) op.Assign { return op.Assign{Field: field, Value: v} }

func inc(field string, v any) op.Assign { return op.Assign{Field: field, Inc: true, Value: v} }

func dec(s string) decimal.Decimal { return decimal.RequireFromString(s) }

// at reads a time or a date of the suite.
func at(s string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05.999999999", s)
	if err != nil {
		t, err = time.Parse("2006-01-02", s)
	}
	if err != nil {
		panic("optest: bad time " + s)
	}
	return t
}

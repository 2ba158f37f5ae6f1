package validate_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/weftdb/weft/layer/validate"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/mem"
	"github.com/weftdb/weft/schema"
)

type Page struct {
	ID    int64 `weft:"primary,auto"`
	Title string
	Slug  string
	Views int64
	Owner string `weft:"immutable"`
	Ver   int64  `weft:"version"`
}

// pages are instances of Page.
type pages struct {
	m    *schema.Model
	list []*Page
}

func newPages(m *schema.Model, n int) *pages {
	p := &pages{m: m}
	for range n {
		p.list = append(p.list, &Page{})
	}
	return p
}

func (p *pages) Len() int           { return len(p.list) }
func (p *pages) Instance(i int) any { return p.list[i] }

func (p *pages) Load(i int, row []any) error {
	for j, f := range p.m.Fields {
		if _, unset := row[j].(op.Unset); !unset && row[j] != nil {
			reflect.ValueOf(p.list[i]).Elem().FieldByIndex(f.GoIndex).Set(reflect.ValueOf(row[j]))
		}
	}
	return nil
}

func (p *pages) Store(i int, row []any) error {
	for j, f := range p.m.Fields {
		v := reflect.ValueOf(p.list[i]).Elem().FieldByIndex(f.GoIndex)
		if _, unset := row[j].(op.Unset); unset && v.IsZero() {
			continue
		}
		row[j] = v.Interface()
	}
	return nil
}

// book of hooks: what ran, and what they shall do.
type hookLog struct {
	*testing.T
	m    *schema.Model
	eng  op.Engine
	ran  []string
	does map[string]func(*Page) error
}

func hooked(t *testing.T, names ...string) *hookLog {
	t.Helper()
	set := build(t, Page{})
	l := &hookLog{T: t, m: set.Model("Page"), does: map[string]func(*Page) error{}}
	hook := func(name string) []validate.Hook {
		if len(names) > 0 && !slices.Contains(names, name) {
			return nil
		}
		return []validate.Hook{func(_ context.Context, x any) error {
			p := x.(*Page)
			l.ran = append(l.ran, fmt.Sprintf("%s %s/%d v%d", name, p.Title, p.Views, p.Ver))
			if f := l.does[name]; f != nil {
				return f(p)
			}
			return nil
		}}
	}
	h := &validate.Hooks{
		BeforeCreate: hook("BeforeCreate"), AfterCreate: hook("AfterCreate"),
		BeforeUpdate: hook("BeforeUpdate"), AfterUpdate: hook("AfterUpdate"),
		BeforeDelete: hook("BeforeDelete"), AfterDelete: hook("AfterDelete"),
		AfterFind: hook("AfterFind"),
		New:       func(n int) op.Instances { return newPages(l.m, n) },
	}
	l.eng = validate.New(validate.Options{Hooks: func(*schema.Model) *validate.Hooks { return h }})(mem.Open())
	t.Cleanup(func() { _ = l.eng.Close() })
	l.must(op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: set, Apply: true}})
	return l
}

func (l *hookLog) must(o op.Op) (op.Result, [][]any) {
	l.Helper()
	res, rows, err := l.try(o)
	if err != nil {
		l.Fatal(err)
	}
	return res, rows
}

func (l *hookLog) try(o op.Op) (op.Result, [][]any, error) {
	if o.Kind != op.Migrate && o.Kind != op.Batch {
		o.Model = l.m
	}
	res, err := l.eng.Do(ctx, o)
	if err != nil || res.Rows == nil {
		return res, nil, err
	}
	defer res.Rows.Close()
	var rows [][]any
	for res.Rows.Next() {
		rows = append(rows, slices.Clone(res.Rows.Row()))
	}
	return res, rows, res.Rows.Err()
}

func (l *hookLog) page(title string, views int64) []any {
	return row(l, l.m, map[string]any{"title": title, "views": views, "owner": "o"})
}

// table is what the rows are, without running hooks.
func (l *hookLog) table() string {
	l.Helper()
	before := l.ran
	_, rows := l.must(op.Op{Kind: op.Find, Fields: []string{"title", "slug", "views", "ver"}, Sort: []op.Sort{{Field: "id"}}})
	l.ran = before
	return strings.TrimSpace(fmt.Sprintln(rows))
}

func (l *hookLog) expect(want ...string) {
	l.Helper()
	if !slices.Equal(l.ran, want) {
		l.Errorf("ran %q, want %q", l.ran, want)
	}
	l.ran = nil
}

func (l *hookLog) tableIs(want string) {
	l.Helper()
	if got := l.table(); got != want {
		l.Errorf("the table is %s, want %s", got, want)
	}
}

func TestCreateHooks(t *testing.T) {
	l := hooked(t)
	l.does["BeforeCreate"] = func(p *Page) error { p.Slug = "s-" + p.Title; return nil }
	in := newPages(l.m, 2)
	rows := [][]any{l.page("a", 1), l.page("b", 2)}
	res, got := l.must(op.Op{Kind: op.Insert, Rows: rows, Instances: in, Returning: true, Fields: []string{"slug", "id"}})
	l.expect("BeforeCreate a/1 v1", "BeforeCreate b/2 v1", "AfterCreate a/1 v1", "AfterCreate b/2 v1")
	if res.N != 2 || fmt.Sprint(got) != "[[s-a 1] [s-b 2]]" {
		t.Errorf("got %d %v", res.N, got)
	}
	if in.list[1].ID != 2 || in.list[1].Slug != "s-b" || value(t, l.m, rows[1], "slug") != "s-b" {
		t.Errorf("instance %+v, row %v", in.list[1], rows[1])
	}
	l.must(op.Op{Kind: op.Insert, Rows: [][]any{l.page("c", 3)}})
	l.expect("BeforeCreate c/3 v1", "AfterCreate c/3 v1")
	l.tableIs("[[a s-a 1 1] [b s-b 2 1] [c s-c 3 1]]")
}

func TestSaveHooks(t *testing.T) {
	l := hooked(t)
	l.must(op.Op{Kind: op.Insert, Rows: [][]any{l.page("a", 1)}})
	l.ran = nil
	l.does["BeforeUpdate"] = func(p *Page) error { p.Slug = "s-" + p.Title; return nil }
	in := newPages(l.m, 1)
	*in.list[0] = Page{ID: 1, Title: "new", Views: 1, Owner: "o", Ver: 1}
	res, _ := l.must(op.Op{Kind: op.Update, Filter: op.Cmp("id", op.Eq, 1), Set: []op.Assign{{Field: "title", Value: "new"}}, Instances: in})
	l.expect("BeforeUpdate new/1 v1", "AfterUpdate new/1 v2")
	if res.N != 1 || in.list[0].Ver != 2 {
		t.Errorf("%d %+v", res.N, in.list[0])
	}
	l.tableIs("[[new s-new 1 2]]")

	// What may not be set may not be set by a hook.
	l.does["BeforeUpdate"] = func(p *Page) error { p.Owner = "other"; return nil }
	_, _, err := l.try(op.Op{Kind: op.Update, Filter: op.Cmp("id", op.Eq, 1), Set: []op.Assign{{Field: "title", Value: "x"}}, Instances: in})
	if !errors.Is(err, op.ErrValidation) || !strings.Contains(err.Error(), "owner is immutable") {
		t.Errorf("got %v", err)
	}
	l.tableIs("[[new s-new 1 2]]")
}

func TestUpdateByQueryLoadsTheRows(t *testing.T) {
	l := hooked(t)
	l.must(op.Op{Kind: op.Insert, Rows: [][]any{l.page("a", 1), l.page("b", 2), l.page("c", 3)}})
	l.ran = nil
	inc := op.Op{Kind: op.Increment, Filter: op.Cmp("views", op.Ge, 2), Set: []op.Assign{{Field: "views", Inc: true, Value: 10}}}
	if res, _ := l.must(inc); res.N != 2 {
		t.Errorf("N is %d", res.N)
	}
	l.expect("BeforeUpdate b/12 v1", "BeforeUpdate c/13 v1", "AfterUpdate b/12 v2", "AfterUpdate c/13 v2")
	l.tableIs("[[a  1 1] [b  12 2] [c  13 2]]")

	l.does["BeforeUpdate"] = func(p *Page) error {
		if p.Title == "b" {
			p.Views, p.Slug = 100, "hook"
		}
		return nil
	}
	inc.Returning, inc.Fields = true, []string{"views"}
	res, rows := l.must(inc)
	if res.N != 2 || fmt.Sprint(rows) != "[[100] [23]]" {
		t.Errorf("%d %v", res.N, rows)
	}
	l.expect("BeforeUpdate b/22 v2", "BeforeUpdate c/23 v2", "AfterUpdate b/100 v3", "AfterUpdate c/23 v3")
	l.tableIs("[[a  1 1] [b hook 100 3] [c  23 3]]")

	// A guard that does not hold stops it, in both ways.
	inc.Guards = []op.Guard{{Kind: op.GuardMust, Model: l.m, Filter: inc.Filter, Must: op.Cmp("ver", op.Eq, 1)}}
	if _, _, err := l.try(inc); !errors.Is(err, op.ErrConflict) {
		t.Errorf("got %v", err)
	}
	delete(l.does, "BeforeUpdate")
	if _, _, err := l.try(inc); !errors.Is(err, op.ErrConflict) {
		t.Errorf("got %v", err)
	}
	l.tableIs("[[a  1 1] [b hook 100 3] [c  23 3]]")
}

func TestDeleteHooksSeeTheRowsAsTheyWere(t *testing.T) {
	l := hooked(t)
	l.must(op.Op{Kind: op.Insert, Rows: [][]any{l.page("a", 1), l.page("b", 2)}})
	l.ran = nil
	res, rows := l.must(op.Op{Kind: op.Delete, Filter: op.Cmp("title", op.Eq, "b"), Returning: true, Fields: []string{"title"}})
	if res.N != 1 || fmt.Sprint(rows) != "[[b]]" {
		t.Errorf("%d %v", res.N, rows)
	}
	l.expect("BeforeDelete b/2 v1", "AfterDelete b/2 v1")
	if res, _ := l.must(op.Op{Kind: op.Delete, Filter: op.Cmp("title", op.Eq, "b")}); res.N != 0 {
		t.Errorf("N is %d", res.N)
	}
	l.expect()
	l.tableIs("[[a  1 1]]")
}

func TestAfterFind(t *testing.T) {
	l := hooked(t, "AfterFind")
	l.must(op.Op{Kind: op.Insert, Rows: [][]any{l.page("a", 1), l.page("b", 2)}})
	l.does["AfterFind"] = func(p *Page) error { p.Title += "!"; return nil }
	_, rows := l.must(op.Op{Kind: op.Find, Fields: []string{"views", "title"}, Sort: []op.Sort{{Field: "id"}}})
	if fmt.Sprint(rows) != "[[1 a!] [2 b!]]" {
		t.Errorf("rows %v", rows)
	}
	_, rows = l.must(op.Op{Kind: op.Find, Fields: []string{"views", "title"}, Sort: []op.Sort{{Field: "id"}}})
	if fmt.Sprint(rows) != "[[1 a!] [2 b!]]" {
		t.Errorf("the hook changed what is stored: %v", rows)
	}
	boom := errors.New("boom")
	l.does["AfterFind"] = func(p *Page) error {
		if p.Title == "b" {
			return boom
		}
		return nil
	}
	_, rows, err := l.try(op.Op{Kind: op.Find, Sort: []op.Sort{{Field: "id"}}})
	if !errors.Is(err, boom) || len(rows) != 1 {
		t.Errorf("%v, %d rows", err, len(rows))
	}
}

func TestFailingHooksChangeNothing(t *testing.T) {
	boom := errors.New("boom")
	conflict := &op.ConflictError{Reason: op.ReasonStale, Index: -1}
	update := func(l *hookLog) op.Op {
		return op.Op{Kind: op.Update, Filter: op.Cmp("views", op.Ge, 1), Set: []op.Assign{{Field: "title", Value: "x"}}}
	}
	insert := func(l *hookLog) op.Op { return op.Op{Kind: op.Insert, Rows: [][]any{l.page("c", 3)}} }
	remove := func(l *hookLog) op.Op { return op.Op{Kind: op.Delete} }
	batch := func(of func(l *hookLog) op.Op) func(l *hookLog) op.Op {
		return func(l *hookLog) op.Op {
			first, second := insert(l), of(l)
			first.Model, second.Model = l.m, l.m
			return op.Op{Kind: op.Batch, Batch: []op.Op{first, second}}
		}
	}
	for _, x := range []struct {
		hook string
		op   func(l *hookLog) op.Op
	}{
		{"BeforeCreate", insert},
		{"AfterCreate", insert},
		{"BeforeUpdate", update},
		{"AfterUpdate", update},
		{"BeforeDelete", remove},
		{"AfterDelete", remove},
		{"AfterUpdate", batch(update)},
		{"AfterDelete", batch(remove)},
		{"AfterCreate", batch(insert)},
	} {
		t.Run(x.hook, func(t *testing.T) {
			l := hooked(t)
			l.must(op.Op{Kind: op.Insert, Rows: [][]any{l.page("a", 1), l.page("b", 2)}})
			before := l.table()
			n := 0
			second := func(does func() error) {
				n = 0
				l.does[x.hook] = func(*Page) error {
					if n++; n == 2 || strings.HasSuffix(x.hook, "Create") {
						return does()
					}
					return nil
				}
			}
			second(func() error { return boom })
			_, _, err := l.try(x.op(l))
			want := op.CodeInternal
			if strings.HasPrefix(x.hook, "Before") {
				want = op.CodeValidation
			}
			if !errors.Is(err, boom) || op.CodeOf(err) != want || !strings.Contains(err.Error()+errText(err), x.hook+" Page") {
				t.Errorf("error: %v, code %s", err, op.CodeOf(err))
			}
			l.tableIs(before)

			second(func() error { return conflict })
			_, _, err = l.try(x.op(l))
			var c *op.ConflictError
			if !errors.As(err, &c) || op.CodeOf(err) != op.CodeConflict {
				t.Errorf("error: %v, code %s", err, op.CodeOf(err))
			}
			l.tableIs(before)

			second(func() error { panic("oh no") })
			_, _, err = l.try(x.op(l))
			if op.CodeOf(err) != op.CodeInternal || !strings.Contains(err.Error()+errText(err), "oh no") {
				t.Errorf("panic: %v, code %s", err, op.CodeOf(err))
			}
			l.tableIs(before)
		})
	}
}

// errText is the text of the causes.
func errText(err error) string {
	s := ""
	for err = errors.Unwrap(err); err != nil; err = errors.Unwrap(err) {
		s += " " + err.Error()
	}
	return s
}

func TestHooksInATransactionUseIt(t *testing.T) {
	l := hooked(t)
	tx, err := l.eng.Begin(ctx, op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(ctx)
	if _, err := tx.Do(ctx, op.Op{Kind: op.Insert, Model: l.m, Rows: [][]any{l.page("a", 1)}}); err != nil {
		t.Fatal(err)
	}
	l.expect("BeforeCreate a/1 v1", "AfterCreate a/1 v1")
	if err := tx.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	l.tableIs("[]")
}

func TestUpsertHooks(t *testing.T) {
	l := hooked(t, "BeforeCreate", "AfterCreate")
	r := l.page("a", 1)
	r[l.m.Field("id").Pos] = int64(7)
	up := op.Op{Kind: op.Upsert, Rows: [][]any{r}, Conflict: &op.Conflict{}}
	l.must(up)
	l.expect("BeforeCreate a/1 v1", "AfterCreate a/1 v1")
	l.must(up)
	l.expect("BeforeCreate a/1 v1")
	up.Conflict = &op.Conflict{Fields: []string{"id"}, Update: []string{"owner"}}
	if _, _, err := l.try(up); !errors.Is(err, op.ErrValidation) {
		t.Errorf("got %v", err)
	}
}

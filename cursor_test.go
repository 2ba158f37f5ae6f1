package weft_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
)

// Mixed can be ordered by values of every kind.
type Mixed struct {
	ID int64 `weft:"primary,auto"`
	S  string
	N  *int64
	F  float64
	D  decimal.Decimal `weft:"precision=10,scale=3"`
	T  time.Time
	B  bool
	R  []byte
	J  map[string]any
}

func mixed(t *testing.T, db *weft.DB) *weft.Repository[Mixed] {
	t.Helper()
	r := weft.Repo[Mixed](db)
	var list []*Mixed
	for i := range 12 {
		n := int64(i % 4)
		m := &Mixed{
			S: fmt.Sprint("s", i%3), N: &n, F: float64(i%5) / 3, D: decimal.New(int64(i%4), -3), B: i%2 == 0,
			T: time.Date(2025, 1, 1+i%3, 0, 0, 0, i*1000, time.UTC), R: []byte{byte(i % 2), 255}, J: map[string]any{"i": i % 4},
		}
		if i%6 == 5 {
			m.N = nil
		}
		list = append(list, m)
	}
	must(t, r.CreateMany(t.Context(), list))
	return r
}

// Pages of every order have each row once, forwards and back.
func TestCursorsOfEveryKind(t *testing.T) {
	on(t, []any{Mixed{}}, func(t *testing.T, db *weft.DB) {
		ctx, r := t.Context(), mixed(t, db)
		for _, field := range []string{"s", "n", "f", "d", "t", "b", "r", "id"} {
			for _, dir := range []weft.Direction{weft.Asc, weft.Desc} {
				q := r.OrderBy(field, dir)
				all, err := q.Limit(100).All(ctx)
				must(t, err)
				var got []*Mixed
				cursor, start := "", ""
				for {
					p, err := q.Limit(5).After(cursor).Page(ctx)
					must(t, err)
					got = append(got, p.Data...)
					if cursor, start = p.Cursor, p.Start; !p.HasMore {
						break
					}
				}
				equal(t, len(got), 12)
				for i, m := range got {
					equal(t, m.ID, all[i].ID)
				}
				back, err := q.Limit(4).Before(start).Page(ctx)
				must(t, err)
				for i, m := range back.Data {
					equal(t, m.ID, all[len(all)-len(got)%5-4+i].ID)
				}
			}
		}
		p, err := r.OrderBy("j.i", weft.Asc).Limit(3).Page(ctx)
		must(t, err)
		equal(t, p.Cursor, "") // an order by a place in JSON has none
		equal(t, p.HasMore, true)
	})
}

// A cursor that was changed, or made up, is refused and reads nothing.
func TestCursorsThatWereChanged(t *testing.T) {
	on(t, []any{Mixed{}}, func(t *testing.T, db *weft.DB) {
		ctx, r := t.Context(), mixed(t, db)
		q := r.OrderBy("n", weft.Asc).OrderBy("t", weft.Asc).OrderBy("d", weft.Asc).OrderBy("b", weft.Asc).OrderBy("r", weft.Asc)
		p, err := q.Limit(2).Page(ctx)
		must(t, err)
		text, err := base64.RawURLEncoding.DecodeString(p.Cursor)
		must(t, err)
		var form map[string]any
		must(t, json.Unmarshal(text, &form))
		forged := func(change func(form map[string]any, key []any)) string {
			var f map[string]any
			must(t, json.Unmarshal(text, &f))
			change(f, f["k"].([]any))
			data, err := json.Marshal(f)
			must(t, err)
			return base64.RawURLEncoding.EncodeToString(data)
		}
		equal(t, len(form["k"].([]any)), 6)
		for name, cursor := range map[string]string{
			"text":            "nonsense!",
			"base64 of text":  base64.RawURLEncoding.EncodeToString([]byte("nonsense")),
			"cut off":         p.Cursor[:len(p.Cursor)/2],
			"another version": forged(func(f map[string]any, _ []any) { f["v"] = 9 }),
			"another order":   forged(func(f map[string]any, _ []any) { f["s"] = "Mixed id" }),
			"fewer keys":      forged(func(f map[string]any, k []any) { f["k"] = k[:2] }),
			"more keys":       forged(func(f map[string]any, k []any) { f["k"] = append(k, "1") }),
			"a bad integer":   forged(func(_ map[string]any, k []any) { k[0] = "1; DROP TABLE" }),
			"a bad time":      forged(func(_ map[string]any, k []any) { k[1] = "yesterday" }),
			"a bad decimal":   forged(func(_ map[string]any, k []any) { k[2] = "x" }),
			"a bad boolean":   forged(func(_ map[string]any, k []any) { k[3] = "perhaps" }),
			"bad bytes":       forged(func(_ map[string]any, k []any) { k[4] = "%%%" }),
			"a bad key":       forged(func(_ map[string]any, k []any) { k[5] = "" }),
		} {
			for way, err := range map[string]error{
				"after": errOf(q.After(cursor).Page(ctx)), "before": errOf(q.Before(cursor).Page(ctx)), "all": errOf(q.After(cursor).All(ctx)),
			} {
				if weft.CodeOf(err) != weft.CodeValidation {
					t.Errorf("%s %s: %v", way, name, err)
				}
			}
		}
		_, err = r.OrderBy("s", weft.Asc).After(p.Cursor).Page(ctx)
		is(t, err, weft.ErrValidation)
	})
}

// Inside a transaction Iter goes on by cursor, so rows can be written meanwhile.
func TestIterInsideTransactions(t *testing.T) {
	on(t, []any{Mixed{}}, func(t *testing.T, db *weft.DB) {
		ctx, r := t.Context(), mixed(t, db)
		first, err := r.OrderBy("id", weft.Asc).Limit(6).Page(ctx)
		must(t, err)
		must(t, db.Tx(ctx, func(tx *weft.DB) error {
			in := r.In(tx)
			count := func(q *weft.Query[Mixed]) (n int) {
				for m, err := range q.Iter(ctx) {
					must(t, err)
					m.S += "!"
					must(t, in.Save(ctx, m))
					n++
				}
				return n
			}
			equal(t, count(in.OrderBy("id", weft.Desc)), 12)
			equal(t, count(in.OrderBy("n", weft.Asc).Limit(7)), 7)
			equal(t, count(in.OrderBy("id", weft.Asc).Before(first.Cursor)), 5)
			equal(t, count(in.OrderBy("id", weft.Asc).After(first.Cursor)), 6)

			n := 0
			for _, err := range in.Select("b").Distinct().Iter(ctx) {
				must(t, err)
				n++
			}
			equal(t, n, 2)
			for range in.Select("b").Distinct().Iter(ctx) {
				break
			}
			for _, err := range in.OrderBy("j.i", weft.Asc).Iter(ctx) {
				is(t, err, weft.ErrValidation) // it could not go on
			}
			stop := in.Each(ctx, func(*Mixed) error { return errStop })
			is(t, stop, errStop)
			is(t, in.Each(ctx, nil), weft.ErrValidation)
			for _, err := range in.Where("nothing", "=", 1).Iter(ctx) {
				is(t, err, weft.ErrValidation)
			}
			return nil
		}))
	})
}

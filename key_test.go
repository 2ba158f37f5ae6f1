package weft_test

import (
	"errors"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
)

type (
	ByUint struct {
		ID uint32 `weft:"primary"`
		V  string
	}
	ByUint64 struct {
		ID uint64 `weft:"primary"`
		V  string
	}
	ByBytes struct {
		ID   []byte `weft:"primary"`
		V    string
		Kids []*BytesKid `weft:"has_many,fk=ParentID"`
	}
	BytesKid struct {
		ID       int64 `weft:"primary,auto"`
		ParentID []byte
	}
	ByTime struct {
		ID time.Time `weft:"primary"`
		V  string
	}
	ByDecimal struct {
		ID decimal.Decimal `weft:"primary,precision=10,scale=2"`
		V  string
	}
	ByBool struct {
		ID bool `weft:"primary"`
		V  string
	}
	ByLabel struct {
		ID label `weft:"primary"`
		V  string
	}
	ByMoney struct {
		ID money `weft:"primary"`
		V  string
	}
	ByThree struct {
		A time.Time `weft:"primary"`
		B []byte    `weft:"primary"`
		C label     `weft:"primary"`
		V string
	}
)

// keyed tries everything that goes by key.
func keyed[T any](t *testing.T, db *weft.DB, x *T, key, bad string) {
	t.Helper()
	ctx, r := t.Context(), weft.Repo[T](db)
	must(t, r.Create(ctx, x))
	err := r.Create(ctx, x)
	var c *weft.ConflictError
	if !errors.As(err, &c) || c.Reason != "exists" || c.ID != key {
		t.Fatalf("%T again: %+v", x, c)
	}
	must(t, r.Save(ctx, x))
	must(t, errOf(r.Find(ctx, key)))
	must(t, errOf(r.Update(ctx, key, weft.Set{"v": "n"})))
	p, err := r.Limit(1).Page(ctx)
	must(t, err)
	p, err = r.Limit(1).After(p.Cursor).Page(ctx)
	must(t, err)
	equal(t, len(p.Data), 0)
	if err := errOf(r.Find(ctx, bad)); !errors.Is(err, weft.ErrValidation) && !errors.Is(err, weft.ErrNotFound) {
		t.Fatalf("bad key of %T: %v", x, err)
	}
	ok, err := r.Delete(ctx, key)
	must(t, err)
	equal(t, ok, true)
}

func TestKeysOfEveryKind(t *testing.T) {
	models := []any{ByUint{}, ByUint64{}, ByBytes{}, BytesKid{}, ByTime{}, ByDecimal{}, ByBool{}, ByLabel{}, ByMoney{}, ByThree{}}
	on(t, models, func(t *testing.T, db *weft.DB) {
		ctx, now := t.Context(), time.Now()
		keyed(t, db, &ByUint{1 << 31, "x"}, weft.Key(uint32(1<<31)), "-1")
		keyed(t, db, &ByUint64{1 << 62, "x"}, weft.Key(uint64(1<<62)), "x")
		keyed(t, db, &ByBytes{ID: []byte{0, 255, ',', '\\'}}, weft.Key([]byte{0, 255, ',', '\\'}), "")
		keyed(t, db, &ByTime{now, "x"}, weft.Key(now), "yesterday")
		keyed(t, db, &ByDecimal{decimal.RequireFromString("1.50"), "x"}, weft.Key(decimal.RequireFromString("1.5")), "x")
		keyed(t, db, &ByBool{true, "x"}, weft.Key(true), "maybe")
		keyed(t, db, &ByLabel{"l", "x"}, weft.Key(label("l")), "")
		keyed(t, db, &ByMoney{money{7}, "x"}, weft.Key(money{7}), "")
		keyed(t, db, &ByThree{now, []byte(",\\"), "c,", "x"}, weft.Key(now, []byte(",\\"), "c,"), "one")
		is(t, weft.Repo[ByUint64](db).Create(ctx, &ByUint64{ID: 1 << 63}), weft.ErrValidation)

		must(t, weft.Repo[ByBytes](db).Create(ctx, &ByBytes{ID: []byte{1}}))
		must(t, weft.Repo[BytesKid](db).Create(ctx, &BytesKid{ParentID: []byte{1}}))
		b, err := weft.Repo[ByBytes](db).With("kids").First(ctx)
		must(t, err)
		equal(t, len(b.Kids), 1)
	})
}

package weft_test

import (
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

type (
	label   string
	level   int32
	instant time.Time
	blob    []byte
	place   struct {
		City string
		Zip  int
	}
	// money converts itself, with a value and a pointer receiver.
	money struct{ cents int64 }
	// token converts itself, with pointer receivers only.
	token struct{ s string }
	// bomb goes off when it is written.
	bomb struct{ armed bool }
)

func (m money) Value() (driver.Value, error) { return fmt.Sprint(m.cents), nil }

func (m *money) Scan(v any) error {
	s, ok := v.(string)
	if !ok {
		return fmt.Errorf("not a string: %T", v)
	}
	_, err := fmt.Sscan(s, &m.cents)
	return err
}

func (t *token) Value() (driver.Value, error) { return t.s, nil }

func (t *token) Scan(v any) error { t.s, _ = v.(string); return nil }

func (b bomb) MarshalJSON() ([]byte, error) {
	if b.armed {
		panic("boom")
	}
	return []byte("{}"), nil
}

// Base is embedded by models.
type Base struct {
	weft.Model
	Kind string
}

// Thing has a field of every Go type that can be stored.
type Thing struct {
	Base
	Name  label
	Num   level
	When  instant
	PWhen *instant
	Raw   json.RawMessage
	B16   [16]byte
	Blob  blob `weft:"default=abc"`
	U     uuid.UUID
	PU    *uuid.UUID
	PD    *decimal.Decimal
	ND    decimal.NullDecimal
	M     money
	PM    *money
	T     token
	PT    *token
	NS    sql.NullString
	NI    sql.NullInt64
	NI32  sql.NullInt32
	NT    sql.NullTime
	NB    sql.NullBool
	NF    sql.NullFloat64
	NG    sql.Null[int64]
	PNS   *sql.NullString
	PName *label
	PNum  *level
	PBool *bool
	PF    *float32
	F32   float32
	U8    uint8
	U64   uint64
	PU16  *uint16
	Any   any
	Map   map[string]any
	List  []string
	PList *[]int
	Addr  place
	PAddr *place
	Home  place     `weft:"embed,prefix=home"`
	Day   time.Time `weft:"type=date"`
	Clock string    `weft:"type=time"`
	Bomb  bomb

	note string
	Skip chan int `weft:"-"`
}

func fullThing() *Thing {
	u, d := uuid.New(), decimal.RequireFromString("1.5")
	name, num, yes, f, u16 := label("q"), level(3), true, float32(0.1), uint16(9)
	at := instant(time.Date(2020, 1, 2, 3, 4, 5, 6789, time.FixedZone("x", 7200)))
	return &Thing{
		Name: "n", Num: 5, When: at, PWhen: &at, Raw: json.RawMessage(`{"b":1,"a":[1, 2]}`), B16: [16]byte{1, 2}, Blob: blob("hi"),
		U: u, PU: &u, PD: &d, ND: decimal.NewNullDecimal(d), M: money{5}, PM: &money{6}, T: token{"t"}, PT: &token{"p"},
		NS: sql.NullString{String: "s", Valid: true}, NI: sql.NullInt64{Int64: 1, Valid: true}, NI32: sql.NullInt32{Int32: 2, Valid: true},
		NT: sql.NullTime{Time: time.Time(at), Valid: true}, NB: sql.NullBool{Bool: true, Valid: true}, NF: sql.NullFloat64{Float64: 1.5, Valid: true},
		NG: sql.Null[int64]{V: 4, Valid: true}, PNS: &sql.NullString{String: "z", Valid: true}, PName: &name, PNum: &num, PBool: &yes, PF: &f, F32: 0.1,
		U8: 200, U64: 1 << 62, PU16: &u16, Any: map[string]any{"x": 1}, Map: map[string]any{"y": 2}, List: []string{"a"}, PList: &[]int{1},
		Addr: place{"Oslo", 1}, PAddr: &place{"Rome", 2}, Home: place{"Bonn", 3},
		Day: time.Date(2020, 1, 2, 23, 0, 0, 0, time.FixedZone("x", -7200)), Clock: "12:30", note: "kept", Skip: make(chan int),
	}
}

// on opens each engine of this process with these models.
func on(t *testing.T, models []any, fn func(t *testing.T, db *weft.DB)) {
	t.Helper()
	for name, open := range engines {
		t.Run(name, func(t *testing.T) {
			db, err := weft.Open(open(t), weft.Models(models...), weft.AutoMigrate())
			must(t, err)
			t.Cleanup(func() { must(t, db.Close()) })
			fn(t, db)
		})
	}
}

func TestEveryGoType(t *testing.T) {
	on(t, []any{Thing{}}, func(t *testing.T, db *weft.DB) {
		ctx := t.Context()
		things := weft.Repo[Thing](db)
		zero := &Thing{Clock: "00:00:00"}
		must(t, things.Create(ctx, zero))
		got, err := things.Find(ctx, zero.ID)
		must(t, err)
		if weft.Changed(zero) != nil || weft.Changed(got) != nil {
			t.Fatalf("changed %v %v", weft.Changed(zero), weft.Changed(got))
		}
		if got.PU != nil || got.PD != nil || got.Raw != nil || got.Any != nil || got.PT != nil || got.NS.Valid || got.PNS != nil || string(got.Blob) != "abc" {
			t.Fatalf("zero %+v", got)
		}
		full := fullThing()
		must(t, things.Create(ctx, full))
		got, err = things.Find(ctx, full.ID)
		must(t, err)
		if weft.Changed(full) != nil || weft.Changed(got) != nil {
			t.Fatalf("changed %v %v", weft.Changed(full), weft.Changed(got))
		}
		if *got.PU != *full.PU || !got.PD.Equal(*full.PD) || *got.PM != *full.PM || *got.PT != *full.PT || got.T != full.T || got.NS != full.NS ||
			*got.PNS != *full.PNS || got.NG != full.NG || got.B16 != full.B16 || got.Addr != full.Addr || *got.PAddr != *full.PAddr || got.Home != full.Home ||
			string(got.Raw) != `{"a":[1,2],"b":1}` || *got.PF != 0.1 || got.F32 != 0.1 || got.Clock != "12:30:00" {
			t.Fatalf("got %+v", got)
		}
		want := time.Date(2020, 1, 2, 1, 4, 5, 6000, time.UTC)
		if !time.Time(got.When).Equal(want) || !time.Time(*got.PWhen).Equal(want) || !got.NT.Time.Equal(want) {
			t.Fatalf("times %v %v %v", time.Time(got.When), time.Time(*got.PWhen), got.NT)
		}
		if !got.Day.Equal(time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC)) {
			t.Fatalf("day %v", got.Day)
		}
		got.PU, got.PT, got.PNS, got.M = nil, nil, nil, money{7}
		must(t, things.Save(ctx, got))
		again, err := things.Find(ctx, got.ID)
		must(t, err)
		if again.PU != nil || again.PT != nil || again.PNS != nil || again.M != (money{7}) || again.PM == nil {
			t.Fatalf("saved %+v", again)
		}
	})
}

func TestBytesAreNotShared(t *testing.T) {
	on(t, []any{Thing{}}, func(t *testing.T, db *weft.DB) {
		ctx := t.Context()
		things := weft.Repo[Thing](db)
		for range 2 { // what is done to a default must not reach the next row
			for _, x := range []*Thing{things.New(), {}} {
				x.Clock = "00:00:00"
				must(t, things.Create(ctx, x))
				equal(t, string(x.Blob), "abc")
				x.Blob[0] = 'X'
				equal(t, fmt.Sprint(weft.Changed(x)), "[blob]")
				got, err := things.Find(ctx, x.ID)
				must(t, err)
				equal(t, string(got.Blob), "abc")
				got.Blob[1] = 'Y'
				was := weft.Was(got, "blob").(blob)
				equal(t, string(was), "abc")
				was[0] = 'Z'
				equal(t, string(weft.Was(got, "blob").(blob)), "abc")
			}
		}
	})
}

func TestCursorOverEveryType(t *testing.T) {
	on(t, []any{Thing{}}, func(t *testing.T, db *weft.DB) {
		ctx := t.Context()
		things := weft.Repo[Thing](db)
		for range 3 {
			must(t, things.Create(ctx, fullThing()))
			must(t, things.Create(ctx, &Thing{Clock: "00:00:00"}))
		}
		for _, f := range db.Schema().Model("Thing").Fields {
			for _, dir := range []weft.Direction{weft.Asc, weft.Desc} {
				q := things.OrderBy(f.Name, dir)
				all, err := q.All(ctx)
				if errors.Is(err, weft.ErrValidation) {
					continue // JSON has no order
				}
				must(t, err)
				var ids, back []string
				var start string
				for cursor := ""; ; {
					p, err := q.Limit(2).After(cursor).Page(ctx)
					must(t, err)
					for _, x := range p.Data {
						ids = append(ids, x.ID)
					}
					cursor, start = p.Cursor, p.Start
					if cursor == "" {
						t.Fatalf("%s: no cursor", f.Name)
					}
					if !p.HasMore {
						break
					}
				}
				for {
					p, err := q.Limit(2).Before(start).Page(ctx)
					must(t, err)
					for i := len(p.Data) - 1; i >= 0; i-- {
						back = append(back, p.Data[i].ID)
					}
					start = p.Start
					if !p.HasMore {
						break
					}
				}
				if len(all) != 6 || len(ids) != 6 || len(back) != 4 {
					t.Fatalf("%s: %d %d %d rows", f.Name, len(all), len(ids), len(back))
				}
				for i, id := range back {
					if ids[3-i] != id {
						t.Fatalf("%s backwards: %v, forwards %v", f.Name, back, ids)
					}
				}
			}
		}
	})
}

func TestMethodsOfTypesThatPanic(t *testing.T) {
	on(t, []any{Thing{}}, func(t *testing.T, db *weft.DB) {
		err := weft.Repo[Thing](db).Create(t.Context(), &Thing{Clock: "00:00:00", Bomb: bomb{true}})
		is(t, err, weft.ErrInternal)
		says(t, err, "bomb", "boom")
	})
}

// Wide and Narrow are the same table, of which Narrow knows less.
type Wide struct {
	weft.Model
	Info map[string]any
	Text string
}

type Narrow struct {
	weft.Model
	Info struct{ City string }
	Text string
}

func (Narrow) Weft() weft.Options { return weft.Options{Table: "wides"} }

func TestStoredJSONThatSaysMore(t *testing.T) {
	ctx := t.Context()
	file := filepath.Join(t.TempDir(), "t.db")
	db, err := weft.Open(sqlite.Open(file), weft.Models(Wide{}), weft.AutoMigrate())
	must(t, err)
	w := &Wide{Info: map[string]any{"City": "Oslo", "zip": 1}}
	must(t, weft.Repo[Wide](db).Create(ctx, w))
	must(t, db.Close())
	db, err = weft.Open(sqlite.Open(file), weft.Models(Narrow{}))
	must(t, err)
	narrow := weft.Repo[Narrow](db)
	n, err := narrow.Find(ctx, w.ID)
	must(t, err)
	if c := weft.Changed(n); c != nil {
		t.Fatalf("changed %v", c)
	}
	n.Text = "x"
	must(t, narrow.Save(ctx, n))
	must(t, db.Close())
	db, err = weft.Open(sqlite.Open(file), weft.Models(Wide{}))
	must(t, err)
	defer db.Close()
	got, err := weft.Repo[Wide](db).Find(ctx, w.ID)
	must(t, err)
	if got.Info["zip"] == nil || got.Text != "x" {
		t.Fatalf("Save wrote a field that had not changed: %+v", got)
	}
}

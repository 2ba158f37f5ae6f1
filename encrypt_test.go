package weft_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/layer/encrypt"
	"github.com/weftdb/weft/layer/fault"
	"github.com/weftdb/weft/op/mem"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

type iban string

type address struct {
	Street string
	No     int
}

// Wallet has encrypted fields of many Go types.
type Wallet struct {
	weft.Model
	weft.SoftDelete
	Label  string `weft:"unique"`
	Color  string
	Pin    string          `weft:"encrypted" validate:"required,len=11"`
	IBAN   iban            `weft:"encrypted,default=none,immutable"`
	Amount decimal.Decimal `weft:"encrypted,precision=12,scale=2"`
	Limit  *int64          `weft:"encrypted"`
	Opened time.Time       `weft:"encrypted"`
	VIP    bool            `weft:"encrypted"`
	Rate   float32         `weft:"encrypted"`
	Meta   map[string]any  `weft:"encrypted"`
	Tags   []string        `weft:"encrypted"`
	Home   address         `weft:"encrypted"`
	Work   *address        `weft:"encrypted"`
	Scan   []byte          `weft:"encrypted"`
	Hint   sql.NullString  `weft:"encrypted"`
	Moves  []*Move         `weft:"has_many"`
	Sum    int64           `weft:"count=moves"`
}

func (Wallet) Weft() weft.Options {
	return weft.Options{Transforms: map[string]func(any) any{
		"Pin": func(v any) any { return strings.TrimSpace(v.(string)) },
	}}
}

// Move gets its key from the database.
type Move struct {
	ID       int64 `weft:"primary,auto"`
	WalletID string
	Memo     string  `weft:"encrypted"`
	Wallet   *Wallet `weft:"belongs_to"`
}

// Pass has neither a version nor times.
type Pass struct {
	weft.Tracked
	ID   string `weft:"primary"`
	Door string
	Code string `weft:"encrypted"`
	Uses int64
}

// Bare is not even tracked.
type Bare struct {
	ID   string `weft:"primary"`
	Code string `weft:"encrypted"`
}

// Diary belongs to a user.
type Diary struct {
	weft.Model
	UserID string
	Text   string `weft:"encrypted"`
}

func (Diary) Weft() weft.Options { return weft.Options{Scope: weft.UserScope} }

// Watched notes what its hooks saw.
type Watched struct {
	weft.Model
	Code string `weft:"encrypted"`
	Seen string
}

func (w *Watched) BeforeCreate(context.Context) error {
	w.Seen = "create " + w.Code
	w.Code += "!"
	return nil
}

func (w *Watched) BeforeUpdate(context.Context) error {
	w.Seen = "update " + w.Code
	w.Code += "?"
	return nil
}

func (w *Watched) AfterFind(context.Context) error {
	if strings.HasPrefix(w.Code, "weft:") {
		return errors.New("a hook saw a ciphertext")
	}
	return nil
}

const pin = "PLAIN-41111" // what must not be seen anywhere below

func secretModels() weft.Option {
	return weft.Models(Wallet{}, Move{}, Pass{}, Bare{}, Diary{}, Watched{})
}

func secretKey(t testing.TB, id string) weft.SecretKey {
	t.Helper()
	k, err := weft.NewSecretKey(id, []byte(id+strings.Repeat(".", 32-len(id))))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func keyRing(t testing.TB, ids ...string) *weft.KeyRing {
	t.Helper()
	var keys []weft.SecretKey
	for _, id := range ids {
		keys = append(keys, secretKey(t, id))
	}
	r, err := weft.NewKeyRing(keys[0], keys[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// eachSecret runs a test on every engine and then looks through all that
// reached it: no clear value may be there.
func eachSecret(t *testing.T, fn func(t *testing.T, db *weft.DB, sw *fault.Switch)) {
	t.Helper()
	for name, open := range engines {
		t.Run(name, func(t *testing.T) {
			layer, sw := fault.New(fault.Options{})
			db, err := weft.Open(open(t), secretModels(), weft.AutoMigrate(), weft.With(layer), weft.Encrypt(keyRing(t, "k1")))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				for _, o := range sw.Ops() {
					if s := fmt.Sprintf("%v %v %v %v %v", o.Rows, o.Set, o.Filter, o.Guards, o.Batch); strings.Contains(s, "PLAIN") {
						t.Errorf("%s reached the engine with a clear value", o.Describe())
					}
				}
				must(t, db.Close())
			})
			sw.Reset()
			fn(t, db, sw)
		})
	}
}

func wallet(label string) *Wallet {
	limit := int64(5000)
	return &Wallet{
		Label: label, Pin: " " + pin + " ", Amount: decimal.RequireFromString("12.30"), Limit: &limit,
		Opened: time.Date(2024, 2, 29, 12, 0, 0, 123456000, time.UTC), VIP: true, Rate: 0.1,
		Meta: map[string]any{"k": "PLAIN"}, Tags: []string{"PLAIN", "b"}, Home: address{"PLAIN street", 5}, Work: &address{"PLAIN road", 6},
		Scan: []byte("PLAIN\x00\xff"), Hint: sql.NullString{String: "PLAIN", Valid: true},
	}
}

func sameWallet(t testing.TB, got, want *Wallet) {
	t.Helper()
	g, w := *got, *want
	g.Model, w.Model, g.Amount, w.Amount, g.Moves, w.Moves = weft.Model{}, weft.Model{}, decimal.Zero, decimal.Zero, nil, nil
	if !reflect.DeepEqual(g, w) || !got.Amount.Equal(want.Amount) || got.ID != want.ID {
		t.Fatalf("got  %+v\nwant %+v", *got, *want)
	}
}

func TestEncryptedFields(t *testing.T) {
	eachSecret(t, func(t *testing.T, db *weft.DB, sw *fault.Switch) {
		ctx := t.Context()
		repo := weft.Repo[Wallet](db)
		w := wallet("a")
		must(t, repo.Create(ctx, w))
		equal(t, w.Pin, pin) // the transform saw the clear value
		equal(t, w.IBAN, "none")
		equal(t, weft.VersionOf(w), 1)
		got, err := repo.Find(ctx, w.ID)
		must(t, err)
		sameWallet(t, got, w)

		// Dirty tracking is that of clear values.
		equal(t, len(weft.Changed(got)), 0)
		sw.Reset()
		must(t, repo.Save(ctx, got))
		equal(t, sw.Count(0), 0)
		got.Pin = "PLAIN-42222"
		got.Meta["k"] = "PLAIN2"
		got.Limit = nil
		equal(t, fmt.Sprint(weft.Changed(got)), "[pin limit meta]")
		equal(t, weft.Was(got, "pin"), any(pin))
		must(t, repo.Save(ctx, got))
		equal(t, sw.Count(0), 1) // one statement
		var names []string
		for _, a := range sw.Ops()[0].Set {
			names = append(names, a.Field)
		}
		equal(t, fmt.Sprint(names), "[pin limit meta updatedAt]")
		again, err := repo.Get(ctx, w.ID)
		must(t, err)
		sameWallet(t, again, got)
		equal(t, weft.VersionOf(again), 2)

		// A stale save is found by the version, and the fresh row is clear.
		w.Pin = "PLAIN-43333"
		err = repo.Save(ctx, w)
		is(t, err, weft.ErrConflict)
		fresh, ok := weft.Fresh[Wallet](err)
		equal(t, ok, true)
		equal(t, fresh.Pin, "PLAIN-42222")

		// Rules see the clear value, and errors do not show it.
		got.Pin = "PLAIN"
		err = repo.Save(ctx, got)
		is(t, err, weft.ErrValidation)
		says(t, err, "pin must be exactly 11 characters long")
		_, err = repo.Update(ctx, w.ID, weft.Set{"limit": "PLAIN-44444"})
		is(t, err, weft.ErrValidation)
		if strings.Contains(err.Error(), "PLAIN") {
			t.Errorf("the value is in the error: %v", err)
		}
		_, err = repo.Update(ctx, w.ID, weft.Set{"iban": "PLAIN"})
		says(t, err, "immutable")
		bare := wallet("x")
		bare.Pin = ""
		says(t, repo.Create(ctx, bare), "pin is required")
		says(t, repo.Validate(ctx, bare), "pin is required")
	})
}

func TestEncryptedWrites(t *testing.T) {
	eachSecret(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		repo := weft.Repo[Wallet](db)
		list := []*Wallet{wallet("a"), wallet("b"), wallet("c")}
		must(t, repo.CreateMany(ctx, list))
		pinOf := func(label, want string) {
			t.Helper()
			w, err := repo.Where("label", "=", label).First(ctx)
			must(t, err)
			equal(t, w.Pin, want)
		}
		up, err := repo.Update(ctx, list[0].ID, weft.Set{"pin": "PLAIN-aaaaa", "color": "red"})
		must(t, err)
		equal(t, up.Pin+up.Color, "PLAIN-aaaaared")
		pinOf("a", "PLAIN-aaaaa")

		n, err := repo.Where("label", "in", []string{"b", "c"}).Update(ctx, weft.Set{"pin": "PLAIN-bbbbb"})
		must(t, err)
		equal(t, n, 2)
		pinOf("b", "PLAIN-bbbbb")
		all, err := repo.Where("label", "!=", "a").UpdateAll(ctx, weft.Set{"pin": "PLAIN-ccccc", "limit": nil})
		must(t, err)
		equal(t, len(all), 2)
		for _, w := range all {
			equal(t, w.Pin, "PLAIN-ccccc")
			equal(t, weft.VersionOf(w), 3)
			equal(t, w.Limit, nil)
			w.Color = "blue" // the version that came back is the row's
			must(t, repo.Save(ctx, w))
		}
		set, err := repo.Patch(strings.NewReader(`{"pin":"PLAIN-ddddd","tags":["PLAIN"],"vip":false}`), "pin", "tags", "vip")
		must(t, err)
		up, err = repo.Update(ctx, list[0].ID, set)
		must(t, err)
		equal(t, fmt.Sprint(up.Pin, up.Tags, up.VIP), "PLAIN-ddddd[PLAIN] false")

		// What exists is found by a unique field and has another key.
		again := wallet("a")
		created, err := repo.OnConflict("label").Create(ctx, again)
		must(t, err)
		equal(t, created, false)
		equal(t, again.Pin, "PLAIN-ddddd")
		again = wallet("a")
		created, err = repo.OnConflict("label").Update("pin").Create(ctx, again)
		must(t, err)
		equal(t, created, false)
		equal(t, again.ID, list[0].ID)
		pinOf("a", pin)
		many := []*Wallet{wallet("a"), wallet("d"), wallet("b")}
		many[0].Pin, many[1].Pin, many[2].Pin = "PLAIN-eeeee", "PLAIN-fffff", "PLAIN-ggggg"
		n, err = repo.OnConflict("label").Update("pin", "tags").CreateMany(ctx, many)
		must(t, err)
		equal(t, n, 3)
		equal(t, many[0].ID, list[0].ID)
		for label, want := range map[string]string{"a": "PLAIN-eeeee", "d": "PLAIN-fffff", "b": "PLAIN-ggggg"} {
			pinOf(label, want)
		}

		// Keys from the database.
		moves := weft.Repo[Move](db)
		ms := []*Move{{WalletID: list[0].ID, Memo: "PLAIN 1"}, {WalletID: list[0].ID, Memo: "PLAIN 2"}}
		must(t, moves.CreateMany(ctx, ms))
		m := &Move{WalletID: list[1].ID, Memo: "PLAIN 3"}
		must(t, moves.Create(ctx, m))
		if ms[0].ID == 0 || ms[1].ID <= ms[0].ID || m.ID <= ms[1].ID {
			t.Errorf("keys are %d, %d, %d", ms[0].ID, ms[1].ID, m.ID)
		}
		got, err := moves.Find(ctx, weft.Key(ms[1].ID))
		must(t, err)
		equal(t, got.Memo, "PLAIN 2")
		got.Memo = "PLAIN 4"
		must(t, moves.Save(ctx, got)) // no version and not tracked: all columns
		got, err = moves.Find(ctx, weft.Key(ms[1].ID))
		must(t, err)
		equal(t, got.Memo, "PLAIN 4")
	})
}

func TestEncryptedReads(t *testing.T) {
	eachSecret(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		repo := weft.Repo[Wallet](db)
		a, b := wallet("a"), wallet("b")
		b.Hint, b.Limit = sql.NullString{}, nil
		must(t, repo.CreateMany(ctx, []*Wallet{a, b}))
		must(t, weft.Repo[Move](db).CreateMany(ctx, []*Move{{WalletID: a.ID, Memo: "PLAIN 1"}, {WalletID: a.ID, Memo: "PLAIN 2"}, {WalletID: b.ID, Memo: "PLAIN 3"}}))
		byLabel := repo.OrderBy("label", weft.Asc)

		n := 0
		for w, err := range byLabel.Iter(ctx) {
			must(t, err)
			equal(t, w.Pin, pin)
			n++
		}
		equal(t, n, 2)
		page, err := byLabel.Limit(1).Page(ctx)
		must(t, err)
		equal(t, page.Data[0].Pin, pin)
		next, err := byLabel.Limit(1).After(page.Cursor).Page(ctx)
		must(t, err)
		equal(t, next.Data[0].Label, "b")
		part, err := byLabel.Select("pin").All(ctx) // and what is needed beside
		must(t, err)
		equal(t, part[1].Pin, pin)
		part[1].Pin = "PLAIN-part1"
		must(t, repo.Save(ctx, part[1]))

		pins, err := weft.Pluck(ctx, byLabel, weft.Col[string]("pin"))
		must(t, err)
		equal(t, fmt.Sprint(pins), "["+pin+" PLAIN-part1]")
		type short struct {
			Pin  string
			Home address
			Hint *string
		}
		shorts, err := weft.Into[short](ctx, byLabel)
		must(t, err)
		equal(t, shorts[0].Pin+shorts[0].Home.Street+*shorts[0].Hint, pin+"PLAIN streetPLAIN")
		equal(t, shorts[1].Hint, nil)
		maps, err := weft.Into[map[string]any](ctx, byLabel.Select("pin", "amount"))
		must(t, err)
		equal(t, fmt.Sprint(maps[0]), "map[amount:12.3 pin:"+pin+"]")
		type small struct{ Limit int8 }
		_, err = weft.Into[small](ctx, byLabel)
		says(t, err, "limit", "does not fit")
		if strings.Contains(err.Error(), "5000") {
			t.Errorf("the value is in the error: %v", err)
		}

		// NULL can be asked for; zero is no NULL.
		none, err := repo.Where("hint", "is null", nil).All(ctx)
		must(t, err)
		equal(t, len(none), 1)
		equal(t, none[0].Hint.Valid, false)
		for _, c := range []weft.Cond{weft.If("limit", "=", nil), weft.If("limit", "is null", nil), weft.Not(weft.If("limit", "not null", nil))} {
			n, err := repo.Filter(c).Count(ctx)
			must(t, err)
			equal(t, n, 1)
		}

		// Relations, eager and lazy, both ways.
		ws, err := byLabel.With("moves.wallet", "sum").All(ctx)
		must(t, err)
		equal(t, ws[0].Moves[0].Memo+ws[0].Moves[1].Memo+ws[0].Moves[0].Wallet.Pin, "PLAIN 1PLAIN 2"+pin)
		equal(t, ws[0].Sum, 2)
		ms, err := weft.Repo[Move](db).All(ctx)
		must(t, err)
		must(t, weft.Repo[Move](db).LoadAll(ctx, ms, "wallet"))
		equal(t, ms[2].Wallet.Pin, "PLAIN-part1")
		n64, err := repo.Filter(weft.Has("moves", weft.If("memo", "not null", nil))).Count(ctx)
		must(t, err)
		equal(t, n64, 2)

		js, err := weft.JSON(ws[0])
		must(t, err)
		if !bytes.Contains(js, []byte(`"pin":"`+pin)) {
			t.Errorf("the JSON is %s", js)
		}

		// Soft delete keeps the row, and its ciphertexts.
		_, err = repo.Delete(ctx, a.ID)
		must(t, err)
		gone, err := repo.WithDeleted().Where("label", "=", "a").First(ctx)
		must(t, err)
		equal(t, gone.Pin, pin)
		must(t, repo.Restore(ctx, a.ID))
		back, err := repo.Find(ctx, a.ID)
		must(t, err)
		equal(t, back.Pin, pin)
		must(t, repo.Purge(ctx, a.ID))
	})
}

func TestNothingGoesByEncryptedFields(t *testing.T) {
	eachSecret(t, func(t *testing.T, db *weft.DB, sw *fault.Switch) {
		ctx := t.Context()
		repo := weft.Repo[Wallet](db)
		for name, fn := range map[string]func() error{
			"where":    func() error { _, err := repo.Where("pin", "=", pin).All(ctx); return err },
			"count":    func() error { _, err := repo.Where("pin", "like", pin).Count(ctx); return err },
			"in":       func() error { _, err := repo.WhereIn("pin", pin).All(ctx); return err },
			"path":     func() error { _, err := repo.Where("meta.k", "=", pin).All(ctx); return err },
			"sort":     func() error { _, err := repo.OrderBy("pin", weft.Asc).All(ctx); return err },
			"distinct": func() error { _, err := repo.Select("pin").Distinct().All(ctx); return err },
			"pluck":    func() error { _, err := weft.Pluck(ctx, repo.Distinct(), weft.Col[string]("pin")); return err },
			"sum":      func() error { _, err := repo.Sum(ctx, "amount"); return err },
			"max":      func() error { _, err := repo.Max(ctx, "limit"); return err },
			"avg":      func() error { _, err := repo.Avg(ctx, "amount"); return err },
			"group": func() error {
				_, err := weft.Into[map[string]any](ctx, repo.GroupBy("pin").Agg(weft.Count("n")))
				return err
			},
			"aggregate": func() error {
				_, err := weft.Into[map[string]any](ctx, repo.GroupBy("label").Agg(weft.Sum("limit", "n")))
				return err
			},
			"increment": func() error { _, err := repo.Increment(ctx, "x", "limit", 1); return err },
			"inc":       func() error { _, err := repo.Update(ctx, "x", weft.Set{"limit": weft.Inc(1)}); return err },
			"set path":  func() error { _, err := repo.Update(ctx, "x", weft.Set{"meta.k": 1}); return err },
			"update":    func() error { _, err := repo.Where("pin", "=", pin).Update(ctx, weft.Set{"color": "x"}); return err },
			"delete":    func() error { _, err := repo.Where("pin", "=", pin).Delete(ctx); return err },
			"has":       func() error { _, err := repo.Filter(weft.Has("moves", weft.If("memo", "=", "x"))).All(ctx); return err },
			"with": func() error {
				_, err := repo.WithQuery("moves", func(r *weft.Rel) { r.Filter(weft.If("memo", "=", "x")) }).All(ctx)
				return err
			},
			"with sort": func() error {
				_, err := repo.WithQuery("moves", func(r *weft.Rel) { r.Sort(weft.By("memo", weft.Asc)) }).All(ctx)
				return err
			},
			"explain": func() error { _, err := repo.Where("pin", "=", pin).Explain(ctx); return err },
		} {
			err := fn()
			if !errors.Is(err, weft.ErrValidation) {
				t.Errorf("%s: %v", name, err)
				continue
			}
			says(t, err, "is encrypted")
		}
		equal(t, sw.Count(0), 0)
	})
}

// A model without a version is saved against the values it was loaded with,
// encrypted ones too.
func TestEncryptedWithoutVersion(t *testing.T) {
	eachSecret(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		repo := weft.Repo[Pass](db)
		must(t, repo.Create(ctx, &Pass{ID: "p", Door: "north", Code: "PLAIN 1"}))
		load := func() *Pass {
			t.Helper()
			p, err := repo.Find(ctx, "p")
			must(t, err)
			return p
		}
		a, b := load(), load()
		a.Code = "PLAIN 2"
		must(t, repo.Save(ctx, a))
		b.Door = "south"
		err := repo.Save(ctx, b)
		is(t, err, weft.ErrConflict)
		fresh, ok := weft.Fresh[Pass](err)
		equal(t, ok, true)
		equal(t, fresh.Code+fresh.Door, "PLAIN 2north")
		fresh.Door = "south"
		must(t, repo.Save(ctx, fresh))
		a.Code = "PLAIN 3"
		is(t, repo.Save(ctx, a), weft.ErrConflict) // by a field that is not encrypted
		c := load()
		equal(t, c.Code+c.Door, "PLAIN 2south")
		c.Code = "PLAIN 4"
		must(t, repo.Save(ctx, c))
		c.Code = "PLAIN 5"
		must(t, repo.Save(ctx, c)) // against what the last save remembered
		equal(t, load().Code, "PLAIN 5")
		must(t, repo.Save(ctx, c)) // nothing to do
		z := &Pass{ID: "z"}
		must(t, repo.Create(ctx, z)) // zero is a value like others
		z.Uses = 1
		must(t, repo.Save(ctx, z))

		bares := weft.Repo[Bare](db)
		must(t, bares.Save(ctx, &Bare{ID: "b", Code: "PLAIN 1"}))
		must(t, bares.Save(ctx, &Bare{ID: "b", Code: "PLAIN 2"}))
		got, err := bares.Find(ctx, "b")
		must(t, err)
		equal(t, got.Code, "PLAIN 2")
	})
}

func TestEncryptedForUsersHooksAndTransactions(t *testing.T) {
	eachSecret(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		ann, bob := weft.Repo[Diary](db.User("ann")), weft.Repo[Diary](db.User("bob"))
		d := &Diary{Text: "PLAIN of ann"}
		must(t, ann.Create(ctx, d))
		n, err := bob.Filter(weft.Everything()).Update(ctx, weft.Set{"text": "PLAIN of bob"})
		must(t, err)
		equal(t, n, 0)
		n, err = ann.Filter(weft.Everything()).Update(ctx, weft.Set{"text": "PLAIN of ann 2"})
		must(t, err)
		equal(t, n, 1)
		_, err = bob.Update(ctx, d.ID, weft.Set{"text": "PLAIN of bob"})
		is(t, err, weft.ErrNotFound)
		got, err := ann.Find(ctx, d.ID)
		must(t, err)
		equal(t, got.Text, "PLAIN of ann 2")

		watched := weft.Repo[Watched](db)
		w := &Watched{Code: "CODE 1"}
		must(t, watched.Create(ctx, w))
		equal(t, w.Seen+w.Code, "create CODE 1CODE 1!")
		w.Code = "CODE 2"
		must(t, watched.Save(ctx, w))
		equal(t, w.Seen+w.Code, "update CODE 2CODE 2?")
		_, err = watched.Filter(weft.Everything()).Update(ctx, weft.Set{"code": "CODE 3"})
		must(t, err)
		w, err = watched.Find(ctx, w.ID)
		must(t, err)
		equal(t, w.Seen+w.Code, "update CODE 3CODE 3?")

		boom := errors.New("boom")
		repo := weft.Repo[Wallet](db)
		a := wallet("a")
		must(t, repo.Create(ctx, a))
		err = db.Tx(ctx, func(tx *weft.DB) error {
			in := repo.In(tx)
			if _, err := in.Filter(weft.Everything()).Update(ctx, weft.Set{"pin": "PLAIN-tx111"}); err != nil {
				return err
			}
			if err := in.Create(ctx, wallet("b")); err != nil {
				return err
			}
			if err := weft.Repo[Move](tx).Create(ctx, &Move{WalletID: a.ID, Memo: "PLAIN"}); err != nil {
				return err
			}
			for w, err := range in.OrderBy("label", weft.Asc).Iter(ctx) {
				if err != nil {
					return err
				}
				if w.Label == "a" && w.Pin != "PLAIN-tx111" {
					t.Errorf("inside, the pin is %s", w.Pin)
				}
			}
			return boom
		})
		is(t, err, boom)
		got2, err := repo.All(ctx)
		must(t, err)
		equal(t, len(got2), 1)
		equal(t, got2[0].Pin, pin)
		err = db.InTx(ctx, func(ctx context.Context) error {
			a.Pin = "PLAIN-tx222"
			return repo.Save(ctx, a)
		})
		must(t, err)
		count, err := weft.Repo[Move](db).Count(ctx)
		must(t, err)
		equal(t, count, 0)
	})
}

func TestKeysAreNeeded(t *testing.T) {
	open := func(opts ...weft.Option) error {
		db, err := weft.Open(mem.Open(), append(opts, weft.Models(Bare{}, Pass{}))...)
		if err == nil {
			must(t, db.Close())
		}
		return err
	}
	says(t, open(), "encrypted fields need keys", "weft.Encrypt(ring)", "Bare.code, Pass.code")
	says(t, open(weft.Encrypt(nil)), "key ring given to Encrypt is nil")
	says(t, open(weft.Encrypt(keyRing(t, "a")), weft.Encrypt(keyRing(t, "b"))), "Encrypt is given twice")
	says(t, open(weft.With(encrypt.New(encrypt.Options{Ring: keyRing(t, "a")}))), "has its place by weft.Encrypt")
	must(t, open(weft.Encrypt(keyRing(t, "a"))))
	db, err := weft.Open(mem.Open(), weft.Models(Seat{}), weft.Encrypt(keyRing(t, "a"))) // nothing to encrypt
	must(t, err)
	must(t, db.Rotate(t.Context(), weft.Rotation{}))
	must(t, db.Close())
	is(t, db.Rotate(t.Context(), weft.Rotation{}), weft.ErrDatabase)
	db, err = weft.Open(mem.Open(), weft.Models(Seat{}))
	must(t, err)
	says(t, db.Rotate(t.Context(), weft.Rotation{}), "Open was given no keys")
	_, err = db.KeyUse(t.Context())
	says(t, err, "Open was given no keys")
	must(t, db.Close())
	var none *weft.DB
	says(t, none.Rotate(t.Context(), weft.Rotation{}), "nil")
}

// Nobody who listens hears a secret: logs, observers, plans, raw SQL.
func TestSecretsAreNotHeard(t *testing.T) {
	var heard bytes.Buffer
	log := slog.New(slog.NewTextHandler(&heard, &slog.HandlerOptions{Level: slog.LevelDebug}))
	seen := func(ctx context.Context, c weft.Call) (context.Context, func(error)) {
		fmt.Fprintf(&heard, "%+v %s\n", c.Op, c.SQL())
		return ctx, nil
	}
	ring := keyRing(t, "k1")
	db, err := weft.Open(sqlite.Open(t.TempDir()+"/x.db"), secretModels(), weft.AutoMigrate(), weft.Encrypt(ring), weft.Log(log, time.Nanosecond), weft.Observe(seen))
	must(t, err)
	defer db.Close()
	ctx := t.Context()
	repo := weft.Repo[Wallet](db)
	w := wallet("a")
	must(t, repo.Create(ctx, w))
	must(t, weft.Repo[Move](db).Create(ctx, &Move{Memo: "PLAIN"}))
	_, err = repo.Filter(weft.Everything()).Update(ctx, weft.Set{"pin": pin})
	must(t, err)
	w2 := wallet("a")
	is(t, repo.Create(ctx, w2), weft.ErrConflict)
	must(t, db.Rotate(ctx, weft.Rotation{}))
	plan, err := repo.Explain(ctx)
	must(t, err)
	fmt.Fprintf(&heard, "%+v %+v %v %+v %#v\n", *plan, ring, ring, *ring, ring)
	raw, err := weft.SQL[map[string]any](ctx, db, "SELECT * FROM wallets")
	must(t, err)
	fmt.Fprintf(&heard, "%s\n", raw)
	if !strings.HasPrefix(raw[0]["pin"].(string), "weft:1:k1:") {
		t.Errorf("raw SQL sees %v", raw[0]["pin"])
	}
	_, err = db.Exec(ctx, "UPDATE wallets SET pin = 'PLAINLY'")
	must(t, err)
	_, err = repo.Find(ctx, w.ID)
	is(t, err, weft.ErrDatabase)
	says(t, err, "Wallet.pin of \""+w.ID+"\"", "is not encrypted")
	heard.WriteString(err.Error())
	for _, secret := range []string{"PLAIN", "k1....", "[107 49 46"} {
		if strings.Contains(strings.ReplaceAll(heard.String(), "'PLAINLY'", ""), secret) {
			t.Errorf("%q was heard", secret)
		}
	}
	if heard.Len() < 1000 {
		t.Error("nothing was heard")
	}
}

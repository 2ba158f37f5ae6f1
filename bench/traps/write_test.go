package traps

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// A struct given to Updates leaves out its zero fields.
func TestUpdatesZero(t *testing.T) {
	g, w := both(t)
	people(t, g, w)
	ctx := t.Context()

	var ada GUser
	must(t, g.First(&ada, "name = ?", "Ada").Error)
	// snippet:zero-gorm
	g.Model(&ada).Updates(GUser{Age: 0, Active: false}) // writes neither
	// end:zero-gorm
	var got GUser
	must(t, g.First(&got, "name = ?", "Ada").Error)
	equal(t, "GORM", got.Age, 36)
	equal(t, "GORM", got.Active, true)

	users := weft.Repo[User](w)
	u, err := users.Where("name", "=", "Ada").First(ctx)
	must(t, err)
	// snippet:zero-weft
	u, err = users.Update(ctx, u.ID, weft.Set{"age": 0, "active": false})
	// end:zero-weft
	must(t, err)
	equal(t, "Weft", u.Age, 0)
	equal(t, "Weft", u.Active, false)
	u.Age, u.Active = 36, true
	must(t, users.Save(ctx, u)) // or by the instance
	u.Age, u.Active = 0, false
	must(t, users.Save(ctx, u))
	u, err = users.Find(ctx, u.ID)
	must(t, err)
	equal(t, "Weft", u.Age, 0)
}

// A false where the default is true is replaced.
func TestDefaultTrue(t *testing.T) {
	g, w := both(t)

	dora := GUser{Name: "Dora", Active: false}
	must(t, g.Create(&dora).Error)
	equal(t, "GORM", dora.Active, true)

	users := weft.Repo[User](w)
	u := users.New()
	u.Name, u.Active = "Dora", false
	must(t, users.Create(t.Context(), u))
	equal(t, "Weft", u.Active, false)
}

// Relations are saved with their owner.
func TestCascade(t *testing.T) {
	g, w := both(t)
	people(t, g, w)
	ctx := t.Context()

	var ada GUser
	must(t, g.Preload("Posts").First(&ada, "name = ?", "Ada").Error)
	ada.Posts = append(ada.Posts, GPost{Title: "by the way"})
	ada.Posts[0].Title = "changed"
	must(t, g.Save(&ada).Error)
	var n int64
	must(t, g.Model(&GPost{}).Where("title = ?", "by the way").Count(&n).Error)
	equal(t, "GORM inserts", n, 1)
	must(t, g.Model(&GPost{}).Where("title = ?", "changed").Count(&n).Error)
	equal(t, "GORM updates", n, 0) // it inserts or leaves alone

	users, posts := weft.Repo[User](w), weft.Repo[Post](w)
	u, err := users.With("posts").Where("name", "=", "Ada").First(ctx)
	must(t, err)
	u.Posts = append(u.Posts, &Post{Title: "by the way"})
	must(t, users.Save(ctx, u))
	n, err = posts.Where("title", "=", "by the way").Count(ctx)
	must(t, err)
	equal(t, "Weft", n, 0)
}

// The last Save wins, with all columns of what it had read.
func TestLostUpdate(t *testing.T) {
	g, w := both(t)
	people(t, g, w)
	ctx := t.Context()

	// snippet:lost-gorm
	var mine, yours GUser
	g.First(&mine, "name = ?", "Ada")
	g.First(&yours, "name = ?", "Ada")
	yours.Age = 37
	g.Save(&yours)
	mine.Name = "Ada L."
	g.Save(&mine) // writes all columns: the age is 36 again
	// end:lost-gorm
	var got GUser
	must(t, g.First(&got, mine.ID).Error)
	equal(t, "GORM", got.Age, 36)

	users := weft.Repo[User](w)
	a, err := users.Where("name", "=", "Ada").First(ctx)
	must(t, err)
	b, err := users.Where("name", "=", "Ada").First(ctx)
	must(t, err)
	b.Age = 37
	must(t, users.Save(ctx, b))
	a.Name = "Ada L."
	err = users.Save(ctx, a)
	is(t, err, weft.ErrConflict)
	if fresh, ok := weft.Fresh[User](err); !ok || fresh.Age != 37 {
		t.Fatal(fresh, ok)
	}
}

// Save of a row that is gone inserts it again.
func TestSaveOfDeleted(t *testing.T) {
	g, w := both(t)
	people(t, g, w)
	ctx := t.Context()

	var ben GUser
	must(t, g.First(&ben, "name = ?", "Ben").Error)
	must(t, g.Exec("DELETE FROM g_users WHERE id = ?", ben.ID).Error)
	ben.Age++
	must(t, g.Save(&ben).Error)
	var n int64
	must(t, g.Model(&GUser{}).Where("name = ?", "Ben").Count(&n).Error)
	equal(t, "GORM", n, 1)

	users := weft.Repo[User](w)
	u, err := users.Where("name", "=", "Ben").First(ctx)
	must(t, err)
	_, err = users.Delete(ctx, u.ID)
	must(t, err)
	u.Age++
	is(t, users.Save(ctx, u), weft.ErrNotFound)
}

// Without TranslateError a unique value that exists is text of the driver.
func TestUnique(t *testing.T) {
	g, w := both(t)
	people(t, g, w)

	err := g.Create(&GUser{Name: "Ada"}).Error
	if err == nil || errors.Is(err, gorm.ErrDuplicatedKey) {
		t.Fatal(err)
	}
	err = weft.Repo[User](w).Create(t.Context(), &User{Name: "Ada"})
	var c *weft.ConflictError
	if !errors.As(err, &c) || c.Reason != "unique" || c.Fields[0] != "name" {
		t.Fatal(err)
	}
}

// Times are local, and have nanoseconds that the database may not keep.
func TestTimes(t *testing.T) {
	g, w := both(t)

	old := time.Local
	time.Local = time.FixedZone("elsewhere", 2*60*60)
	defer func() { time.Local = old }()
	u := GUser{Name: "Dora"}
	must(t, g.Create(&u).Error)
	equal(t, "GORM", u.CreatedAt.Location() == time.UTC, false)

	p := &User{Name: "Dora"}
	must(t, weft.Repo[User](w).Create(t.Context(), p))
	equal(t, "Weft", p.CreatedAt.Location(), time.UTC)
	equal(t, "Weft", p.CreatedAt, p.CreatedAt.Truncate(time.Microsecond))
}

// What is written with the outer handle is not in the transaction.
func TestOuterHandle(t *testing.T) {
	g, w := both(t)
	ctx := t.Context()

	err := g.Transaction(func(tx *gorm.DB) error {
		if err := g.Create(&GUser{Name: "Dora"}).Error; err != nil { // g, not tx
			return err
		}
		return errors.New("roll back")
	})
	equal(t, "GORM", err.Error(), "roll back")
	var n int64
	must(t, g.Model(&GUser{}).Count(&n).Error)
	equal(t, "GORM", n, 1) // it stays

	users := weft.Repo[User](w)
	err = w.Tx(ctx, func(tx *weft.DB) error {
		return users.Create(ctx, &User{Name: "Dora"}) // not users.In(tx)
	})
	is(t, err, weft.ErrValidation)
}

// A column whose type has changed is altered without a word.
func TestMigrateType(t *testing.T) {
	g, w := both(t)
	people(t, g, w)

	type changed struct {
		ID   uint
		Name int64
	}
	must(t, g.Table("g_users").AutoMigrate(&changed{}))
	types, err := g.Table("g_users").Migrator().ColumnTypes("g_users")
	must(t, err)
	for _, c := range types {
		if c.Name() == "name" {
			equal(t, "GORM", c.DatabaseTypeName(), "integer")
		}
	}

	path := filepath.Join(t.TempDir(), "changed.db")
	open := func(models weft.Option) error {
		db, err := weft.Open(sqlite.Open(path), models, weft.AutoMigrate())
		if err != nil {
			return err
		}
		return db.Close()
	}
	must(t, open(weft.Models(Before{})))
	is(t, open(weft.Models(After{})), weft.ErrValidation)
}

// Before and After are one table.
type Before struct {
	ID   int64
	Name string
}

type After struct {
	ID   int64
	Name int64
}

func (Before) Weft() weft.Options { return weft.Options{Table: "things"} }
func (After) Weft() weft.Options  { return weft.Options{Table: "things"} }

// BeforeUpdate and BeforeDelete note what they see.
func (u *GUser) BeforeUpdate(*gorm.DB) error {
	hooked = append(hooked, "update "+u.Name)
	return nil
}

func (u *GUser) BeforeDelete(*gorm.DB) error {
	hooked = append(hooked, "delete "+u.Name)
	return nil
}

var hooked []string

// UpdateColumn runs no hooks, and by a query they see an empty model.
func TestHooks(t *testing.T) {
	g, w := both(t)
	people(t, g, w)
	ctx := t.Context()

	hooked = nil
	must(t, g.Model(&GUser{}).Where("name = ?", "Ada").UpdateColumn("age", 1).Error)
	equal(t, "GORM: UpdateColumn", len(hooked), 0)
	must(t, g.Model(&GUser{}).Where("name = ?", "Ada").Update("age", 1).Error)
	must(t, g.Where("name = ?", "Cleo").Delete(&GUser{}).Error)
	equal(t, "GORM: by query", hooked[0]+","+hooked[1], "update ,delete ")

	var seen []string
	note := func(what string) func(context.Context, *User) error {
		return func(_ context.Context, u *User) error {
			seen = append(seen, what+" "+u.Name)
			return nil
		}
	}
	must(t, weft.On(w, weft.OnBeforeUpdate, note("update")))
	must(t, weft.On(w, weft.OnBeforeDelete, note("delete")))
	users := weft.Repo[User](w)
	_, err := users.Where("name", "=", "Ada").Update(ctx, weft.Set{"age": 1})
	must(t, err)
	_, err = users.Where("name", "=", "Cleo").Delete(ctx)
	must(t, err)
	equal(t, "Weft", seen[0]+","+seen[1], "update Ada,delete Cleo")
}

// Only DryRun, a log or EXPLAIN by hand tells the number of queries.
func TestPreloadQueries(t *testing.T) {
	g, w := both(t)
	people(t, g, w)

	n := 0
	must(t, g.Callback().Query().After("gorm:query").Register("count", func(*gorm.DB) { n++ }))
	var list []GUser
	must(t, g.Find(&list).Error)
	for i := range list {
		must(t, g.Model(&list[i]).Association("Posts").Find(&list[i].Posts))
	}
	equal(t, "GORM in a loop", n, 4)
	n = 0
	must(t, g.Preload("Posts").Find(&list).Error)
	equal(t, "GORM with Preload", n, 2)

	users := weft.Repo[User](w)
	all, err := users.All(t.Context())
	must(t, err)
	must(t, users.LoadAll(t.Context(), all, "posts")) // one query
	equal(t, "Weft", weft.Loaded(all[0], "posts"), true)
}

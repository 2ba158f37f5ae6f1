package weft_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/op"
)

// Doc and the others can be deleted softly. Docs lie in folders and have pages,
// a cover, labels and stars; Scan can not.
type Doc struct {
	weft.Model
	weft.SoftDelete
	Slug     string `weft:"unique"`
	N        int64
	FolderID *string
	Folder   *Folder  `weft:"belongs_to"`
	Pages    []*Page  `weft:"has_many,fk=DocID"`
	Cover    *Cover   `weft:"has_one,fk=DocID"`
	Labels   []*Label `weft:"many_to_many,through=DocLabel"`
	Stars    []*Label `weft:"many_to_many,through=DocStar"`
	Scans    []*Scan  `weft:"has_many,fk=DocID"`
}

type Folder struct {
	weft.Model
	weft.SoftDelete
	Name string
	Docs []*Doc `weft:"has_many"`
}

type Page struct {
	weft.Model
	weft.SoftDelete
	DocID string
	Text  string
	Doc   *Doc `weft:"belongs_to"`
}

// Cover marks deleted rows in a field of its own and has no version.
type Cover struct {
	ID    string `weft:"primary"`
	DocID string
	Gone  *time.Time `weft:"deleted"`
	Doc   *Doc       `weft:"belongs_to"`
}

type Label struct {
	ID   string `weft:"primary"`
	Name string
	weft.SoftDelete
	Docs []*Doc `weft:"many_to_many,through=DocLabel"`
}

// DocLabel is known by the pair.
type DocLabel struct {
	DocID   string `weft:"primary"`
	LabelID string `weft:"primary"`
	weft.SoftDelete
}

// DocStar is known by a key of its own and belongs to a user.
type DocStar struct {
	ID      int64 `weft:"primary,auto"`
	UserID  string
	DocID   string
	LabelID string
	weft.SoftDelete
}

func (DocStar) Weft() weft.Options {
	return weft.Options{
		Scope:   weft.UserScope,
		Indexes: []weft.Index{{Fields: []string{"userId", "docId", "labelId"}, Unique: true}},
	}
}

type Scan struct {
	weft.Model
	DocID string
	Doc   *Doc `weft:"belongs_to,on_delete=cascade"`
}

var softModels = []any{Doc{}, Folder{}, Page{}, Cover{}, Label{}, DocLabel{}, DocStar{}, Scan{}}

// soft runs a test on every engine with three docs: a and b in a folder, and c,
// which is deleted.
func soft(t *testing.T, fn func(t *testing.T, db *weft.DB, docs *weft.Repository[Doc], a, b, c *Doc)) {
	t.Helper()
	on(t, softModels, func(t *testing.T, db *weft.DB) {
		ctx := t.Context()
		docs := weft.Repo[Doc](db)
		f := &Folder{Name: "f"}
		must(t, weft.Repo[Folder](db).Create(ctx, f))
		list := []*Doc{{Slug: "a", N: 1, FolderID: &f.ID}, {Slug: "b", N: 2, FolderID: &f.ID}, {Slug: "c", N: 4, FolderID: &f.ID}}
		must(t, docs.CreateMany(ctx, list))
		gone, err := docs.Delete(ctx, list[2].ID)
		must(t, err)
		equal(t, gone, true)
		fn(t, db, docs, list[0], list[1], list[2])
	})
}

// slugs are those of docs, in order.
func slugs(t *testing.T, q interface {
	OrderBy(string, weft.Direction) *weft.Query[Doc]
},
) string {
	t.Helper()
	list, err := q.OrderBy("slug", weft.Asc).All(t.Context())
	must(t, err)
	var out []string
	for _, d := range list {
		out = append(out, d.Slug)
	}
	return strings.Join(out, " ")
}

func TestDeletedRowsAreGone(t *testing.T) {
	soft(t, func(t *testing.T, db *weft.DB, docs *weft.Repository[Doc], a, b, c *Doc) {
		ctx := t.Context()
		every := docs.Filter(weft.Everything())
		p, err := docs.Get(ctx, c.ID)
		must(t, err)
		if p != nil {
			t.Fatalf("Get gives %+v", p)
		}
		is(t, errOf(docs.Find(ctx, c.ID)), weft.ErrNotFound)
		is(t, errOf(docs.Where("slug", "=", "c").First(ctx)), weft.ErrNotFound)
		equal(t, slugs(t, docs), "a b")
		equal(t, slugs(t, docs.Filter(weft.Or(weft.If("slug", "=", "c"), weft.If("n", "=", 1)))), "a")
		n, err := docs.Count(ctx)
		must(t, err)
		equal(t, n, 2)
		n, err = docs.Select("folderId").Distinct().Where("n", ">", 3).Count(ctx)
		must(t, err)
		equal(t, n, 0)
		there, err := docs.Where("n", "=", 4).Exists(ctx)
		must(t, err)
		equal(t, there, false)
		for _, sum := range []func() (weft.Num, error){
			func() (weft.Num, error) { return docs.Sum(ctx, "n") },
			func() (weft.Num, error) { return docs.WithDeleted().Where("deletedAt", "=", nil).Sum(ctx, "n") },
		} {
			num, err := sum()
			must(t, err)
			equal(t, num.Int64(), 3)
		}
		most, err := docs.Max(ctx, "n")
		must(t, err)
		equal(t, most.Int64(), 2)
		groups, err := weft.Into[struct{ N int64 }](ctx, docs.GroupBy().Agg(weft.Count("n")))
		must(t, err)
		equal(t, groups[0].N, 2)
		names, err := weft.Pluck(ctx, docs.OrderBy("slug", weft.Asc), weft.Col[string]("slug"))
		must(t, err)
		equal(t, fmt.Sprint(names), "[a b]")
		page, err := docs.WithTotal().Page(ctx)
		must(t, err)
		equal(t, *page.Total, 2)
		seen := 0
		for _, err := range docs.Iter(ctx) {
			must(t, err)
			seen++
		}
		must(t, db.Tx(ctx, func(tx *weft.DB) error { // there it pages by key
			return docs.In(tx).Each(ctx, func(*Doc) error { seen++; return nil })
		}))
		equal(t, seen, 4)

		is(t, errOf(docs.Update(ctx, c.ID, weft.Set{"n": 9})), weft.ErrNotFound)
		is(t, errOf(docs.Update(ctx, c.ID, weft.Set{"n": 9}.IfVersion(1))), weft.ErrNotFound)
		is(t, errOf(docs.Update(ctx, c.ID, weft.Set{"n": 9}.IfVersion(2))), weft.ErrNotFound)
		is(t, errOf(docs.Increment(ctx, c.ID, "n", 1)), weft.ErrNotFound)
		c.N = 9
		is(t, docs.Save(ctx, c), weft.ErrNotFound)
		n, err = every.Update(ctx, weft.Set{"n": 7})
		must(t, err)
		equal(t, n, 2)
		rows, err := docs.Where("slug", "=", "c").UpdateAll(ctx, weft.Set{"n": 8})
		must(t, err)
		equal(t, len(rows), 0)
		gone, err := docs.Delete(ctx, c.ID)
		must(t, err)
		equal(t, gone, false)
		n, err = every.Delete(ctx)
		must(t, err)
		equal(t, n, 2)

		left, err := docs.WithDeleted().OrderBy("slug", weft.Asc).All(ctx)
		must(t, err)
		equal(t, len(left), 3)
		equal(t, left[2].N, 4)
		for _, d := range left {
			if d.DeletedAt == nil || !d.DeletedAt.Equal(d.UpdatedAt) || d.DeletedAt.Nanosecond()%1000 != 0 {
				t.Fatalf("%s was deleted at %v, updated at %v", d.Slug, d.DeletedAt, d.UpdatedAt)
			}
		}
		equal(t, weft.VersionOf(left[2]), 2)
	})
}

func TestWithDeleted(t *testing.T) {
	soft(t, func(t *testing.T, db *weft.DB, docs *weft.Repository[Doc], a, b, c *Doc) {
		ctx := t.Context()
		all := docs.WithDeleted()
		equal(t, slugs(t, all), "a b c")
		equal(t, slugs(t, all.Where("deletedAt", "not null", nil)), "c")
		equal(t, slugs(t, docs.Where("n", ">", 1).WithDeleted()), "b c")
		n, err := all.Count(ctx)
		must(t, err)
		equal(t, n, 3)
		sum, err := all.Sum(ctx, "n")
		must(t, err)
		equal(t, sum.Int64(), 7)
		there, err := all.Where("slug", "=", "c").Exists(ctx)
		must(t, err)
		equal(t, there, true)
		type group struct{ DeletedAt *time.Time }
		groups, err := weft.Into[group](ctx, all.GroupBy("deletedAt"))
		must(t, err)
		equal(t, len(groups), 2)
		got, err := weft.Pluck(ctx, all.Where("n", "=", 4), weft.Col[string]("slug"))
		must(t, err)
		equal(t, fmt.Sprint(got), "[c]")
		equal(t, slugs(t, docs), "a b") // the query before is what it was

		// A write by such a query reaches what it shows.
		n, err = all.Where("n", ">", 1).Update(ctx, weft.Set{"n": 5})
		must(t, err)
		equal(t, n, 2)
		shown, err := all.Where("slug", "=", "c").First(ctx)
		must(t, err)
		equal(t, shown.N, 5)
		equal(t, weft.VersionOf(shown), 3)
		shown.N = 6
		is(t, docs.Save(ctx, shown), weft.ErrNotFound)

		scans := weft.Repo[Scan](db)
		for _, err := range []error{
			errOf(scans.WithDeleted().All(ctx)), errOf(scans.WithDeleted().Count(ctx)), scans.Restore(ctx, "x"), scans.Purge(ctx, "x"),
			errOf(scans.Filter(weft.Everything()).Restore(ctx)), errOf(scans.Filter(weft.Everything()).Purge(ctx)),
			errOf(docs.WithQuery("scans", func(r *weft.Rel) { r.WithDeleted() }).All(ctx)),
			errOf(docs.Where("n", "=", -1).WithQuery("scans", func(r *weft.Rel) { r.WithDeleted() }).All(ctx)),
		} {
			is(t, err, weft.ErrUnsupported)
			says(t, err, "Scan has no soft delete", "weft.SoftDelete")
		}
	})
}

func TestRestore(t *testing.T) {
	soft(t, func(t *testing.T, db *weft.DB, docs *weft.Repository[Doc], a, b, c *Doc) {
		ctx := t.Context()
		must(t, docs.Restore(ctx, c.ID))
		equal(t, slugs(t, docs), "a b c")
		back, err := docs.Find(ctx, c.ID)
		must(t, err)
		if back.DeletedAt != nil || !back.UpdatedAt.After(c.UpdatedAt) || !back.CreatedAt.Equal(c.CreatedAt) {
			t.Fatalf("restored %+v, of %+v", back, c)
		}
		equal(t, weft.VersionOf(back), 3)
		must(t, docs.Restore(ctx, c.ID)) // it lives: nothing happens
		again, err := docs.Find(ctx, c.ID)
		must(t, err)
		equal(t, weft.VersionOf(again), 3)
		is(t, docs.Restore(ctx, "0196a3c8-0000-7000-8000-000000000000"), weft.ErrNotFound)

		// An instance that was loaded before it was deleted and restored is stale.
		c.N = 50
		err = docs.Save(ctx, c)
		is(t, err, weft.ErrConflict)
		fresh, ok := weft.Fresh[Doc](err)
		equal(t, ok, true)
		equal(t, fresh.N, 4)

		// Another row has taken the slug meanwhile.
		_, err = docs.Delete(ctx, c.ID)
		must(t, err)
		must(t, docs.Create(ctx, &Doc{Slug: "c"}))
		err = docs.Restore(ctx, c.ID)
		var conflict *weft.ConflictError
		if !errors.As(err, &conflict) || conflict.Reason != op.ReasonUnique || fmt.Sprint(conflict.Fields) != "[slug]" || conflict.Deleted {
			t.Fatalf("restore gives %v", err)
		}
		equal(t, slugs(t, docs), "a b c")
		equal(t, slugs(t, docs.WithDeleted()), "a b c c")

		// By a query.
		is(t, docs.Restore(ctx, c.ID), weft.ErrConflict)
		n, err := docs.WhereIn("slug", "a", "b").Delete(ctx)
		must(t, err)
		equal(t, n, 2)
		is(t, errOf(docs.WithDeleted().Restore(ctx)), weft.ErrValidation) // no condition
		n, err = docs.WhereIn("slug", "a", "b").Restore(ctx)
		must(t, err)
		equal(t, n, 2)
		n, err = docs.WhereIn("slug", "a", "b").Restore(ctx)
		must(t, err)
		equal(t, n, 0)
		is(t, errOf(docs.Filter(weft.Everything()).Restore(ctx)), weft.ErrConflict)

		// The mark is no field like others.
		d, err := docs.Find(ctx, a.ID)
		must(t, err)
		now := time.Now()
		d.DeletedAt = &now
		for _, err := range []error{
			docs.Save(ctx, d), errOf(docs.Update(ctx, a.ID, weft.Set{"deletedAt": now})), errOf(docs.Update(ctx, a.ID, weft.Set{"deletedAt": nil})),
			errOf(docs.Where("n", "=", 1).Update(ctx, weft.Set{"deletedAt": nil})), errOf(docs.OnConflict("slug").Update("deletedAt").Create(ctx, &Doc{Slug: "x"})),
		} {
			is(t, err, weft.ErrValidation)
			says(t, err, "deletedAt", "Restore")
		}
		equal(t, slugs(t, docs), "a b c")
		_, err = docs.Patch(strings.NewReader(`{"deletedAt": null}`))
		is(t, err, weft.ErrValidation)
		is(t, errOf(docs.Patch(strings.NewReader(`{}`), "deletedAt")), weft.ErrValidation)
	})
}

func TestPurge(t *testing.T) {
	soft(t, func(t *testing.T, db *weft.DB, docs *weft.Repository[Doc], a, b, c *Doc) {
		ctx := t.Context()
		scans := weft.Repo[Scan](db)
		for _, d := range []*Doc{a, b, c} {
			must(t, scans.Create(ctx, &Scan{DocID: d.ID}))
		}
		count := func(want int64) {
			t.Helper()
			n, err := scans.Count(ctx)
			must(t, err)
			equal(t, n, want)
		}
		_, err := docs.Delete(ctx, b.ID)
		must(t, err)
		count(3) // a mark carries nothing away
		must(t, docs.Purge(ctx, b.ID))
		count(2)
		must(t, docs.Purge(ctx, a.ID)) // it lives
		count(1)
		equal(t, slugs(t, docs.WithDeleted()), "c")
		is(t, docs.Purge(ctx, a.ID), weft.ErrNotFound)
		is(t, docs.Restore(ctx, a.ID), weft.ErrNotFound)
		must(t, docs.Create(ctx, &Doc{Model: weft.Model{ID: a.ID}, Slug: "a"})) // the key is free

		n, err := docs.Where("slug", "=", "c").Purge(ctx) // not shown, not purged
		must(t, err)
		equal(t, n, 0)
		is(t, errOf(docs.WithDeleted().Purge(ctx)), weft.ErrValidation)
		n, err = docs.WithDeleted().Where("deletedAt", "<", time.Now().Add(time.Hour)).Purge(ctx)
		must(t, err)
		equal(t, n, 1)
		equal(t, slugs(t, docs.WithDeleted()), "a")
		count(0)
	})
}

func TestUniqueAmongLiveRows(t *testing.T) {
	soft(t, func(t *testing.T, db *weft.DB, docs *weft.Repository[Doc], a, b, c *Doc) {
		ctx := t.Context()
		must(t, docs.Create(ctx, &Doc{Slug: "c", N: 10}))
		err := docs.Create(ctx, &Doc{Slug: "c"})
		is(t, err, weft.ErrConflict)
		says(t, err, "another row has the same slug")
		is(t, errOf(docs.Update(ctx, a.ID, weft.Set{"slug": "c"})), weft.ErrConflict)

		// Upserts meet live rows only.
		d := &Doc{Slug: "c", N: 11}
		created, err := docs.OnConflict("slug").Update("n").Create(ctx, d)
		must(t, err)
		equal(t, created, false)
		if d.ID == c.ID {
			t.Fatal("the upsert met the deleted row")
		}
		_, err = docs.Delete(ctx, d.ID)
		must(t, err)
		d = &Doc{Slug: "c", N: 12}
		created, err = docs.OnConflict("slug").Create(ctx, d)
		must(t, err)
		equal(t, created, true)
		n, err := docs.OnConflict("slug").Update("n").CreateMany(ctx, []*Doc{{Slug: "c", N: 13}, {Slug: "d", N: 14}})
		must(t, err)
		equal(t, n, 2)
		back, err := docs.Find(ctx, d.ID)
		must(t, err)
		equal(t, back.N, 13)
		old, err := docs.WithDeleted().Where("id", "=", c.ID).First(ctx)
		must(t, err)
		equal(t, old.N, 4)

		// The key of a deleted row is taken, and the error says why.
		same := func() *Doc { return &Doc{Model: weft.Model{ID: c.ID}, Slug: "e"} }
		for _, err := range []error{
			docs.Create(ctx, same()), docs.Save(ctx, same()), errOf(docs.OnConflict().Create(ctx, same())),
			errOf(docs.OnConflict("id").Update("n").Create(ctx, same())),
			docs.CreateMany(ctx, []*Doc{{Slug: "f"}, same()}),
			errOf(docs.OnConflict("id").Update("n").CreateMany(ctx, []*Doc{{Slug: "f"}, same()})),
		} {
			var conflict *weft.ConflictError
			if !errors.As(err, &conflict) || conflict.Reason != op.ReasonExists || !conflict.Deleted || conflict.ID != c.ID {
				t.Fatalf("the error is %v", err)
			}
			says(t, err, "is deleted", "Restore", "Purge")
		}
		equal(t, slugs(t, docs), "a b c d")
		must(t, docs.Validate(ctx, same()))

		covers := weft.Repo[Cover](db) // nothing is remembered of these
		cover := &Cover{ID: "1", DocID: a.ID}
		must(t, covers.Save(ctx, cover))
		gone, err := covers.Delete(ctx, "1")
		must(t, err)
		equal(t, gone, true)
		cover.DocID = b.ID
		err = covers.Save(ctx, cover)
		is(t, err, weft.ErrConflict)
		says(t, err, "is deleted")
		must(t, covers.Restore(ctx, "1"))
		must(t, covers.Save(ctx, cover))
		back2, err := covers.Find(ctx, "1")
		must(t, err)
		equal(t, back2.DocID, b.ID)
		if back2.Gone != nil {
			t.Fatal("still marked")
		}

		// What is given as deleted is created so, as a copy of another database is.
		at := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
		must(t, docs.Create(ctx, &Doc{Slug: "a", SoftDelete: weft.SoftDelete{DeletedAt: &at}}))
		was, err := docs.WithDeleted().Where("deletedAt", "=", at).First(ctx)
		must(t, err)
		equal(t, was.Slug, "a")
		equal(t, slugs(t, docs), "a b c d")
	})
}

func TestSoftRelations(t *testing.T) {
	soft(t, func(t *testing.T, db *weft.DB, docs *weft.Repository[Doc], a, b, c *Doc) {
		ctx := t.Context()
		folders, pages, covers, labels := weft.Repo[Folder](db), weft.Repo[Page](db), weft.Repo[Cover](db), weft.Repo[Label](db)
		must(t, pages.CreateMany(ctx, []*Page{{DocID: a.ID, Text: "1"}, {DocID: a.ID, Text: "2"}, {DocID: b.ID, Text: "3"}, {DocID: c.ID, Text: "4"}}))
		must(t, covers.CreateMany(ctx, []*Cover{{ID: "ca", DocID: a.ID}, {ID: "cb", DocID: b.ID}}))
		must(t, labels.CreateMany(ctx, []*Label{{ID: "x", Name: "X"}, {ID: "y", Name: "Y"}}))
		for _, d := range []*Doc{a, b} {
			must(t, docs.Link(ctx, d, "labels", "x", "y"))
		}
		_, err := pages.Where("text", "=", "2").Delete(ctx)
		must(t, err)
		_, err = covers.Delete(ctx, "cb")
		must(t, err)
		_, err = labels.Delete(ctx, "y")
		must(t, err)
		must(t, docs.Unlink(ctx, b, "labels", "x"))

		// Eagerly, lazily, and lazily in a transaction.
		check := func(a, b *Doc) {
			t.Helper()
			equal(t, a.Folder.Name, "f")
			equal(t, len(a.Folder.Docs), 2)
			equal(t, len(a.Pages), 1)
			equal(t, a.Pages[0].Text, "1")
			equal(t, a.Cover.ID, "ca")
			equal(t, len(a.Labels), 1)
			equal(t, a.Labels[0].Name, "X")
			equal(t, len(a.Labels[0].Docs), 1)
			equal(t, len(b.Pages), 1)
			if b.Cover != nil || !weft.Loaded(b, "cover") {
				t.Fatalf("the cover of b is %v", b.Cover)
			}
			equal(t, len(b.Labels), 0)
		}
		all := []string{"folder.docs", "pages", "cover", "labels.docs"}
		eager, err := docs.With(all...).OrderBy("slug", weft.Asc).All(ctx)
		must(t, err)
		check(eager[0], eager[1])
		lazy, err := docs.OrderBy("slug", weft.Asc).All(ctx)
		must(t, err)
		must(t, docs.LoadAll(ctx, lazy, all...))
		check(lazy[0], lazy[1])
		must(t, db.Tx(ctx, func(tx *weft.DB) error {
			must(t, docs.In(tx).LoadAll(ctx, lazy, all...))
			check(lazy[0], lazy[1])
			return nil
		}))

		// What leads to a deleted parent leads nowhere.
		_, err = folders.Filter(weft.Everything()).Delete(ctx)
		must(t, err)
		orphan, err := docs.With("folder").Where("slug", "=", "a").First(ctx)
		must(t, err)
		if orphan.Folder != nil || orphan.FolderID == nil {
			t.Fatalf("the folder is %v, its key %v", orphan.Folder, orphan.FolderID)
		}
		for i, c := range []struct {
			cond weft.Cond
			want string
		}{
			{weft.Has("folder"), ""},
			{weft.Not(weft.Has("folder")), "a b"},
			{weft.Has("pages", weft.If("text", "=", "2")), ""},
			{weft.HasCount("pages", "=", 1), "a b"},
			{weft.Has("cover"), "a"},
			{weft.Has("labels"), "a"},
			{weft.HasCount("labels", "=", 0), "b"},
			{weft.Has("labels", weft.HasCount("docs", "=", 1)), "a"},
			{weft.Has("pages", weft.Has("doc", weft.If("slug", "=", "c"))), ""},
		} {
			if got := slugs(t, docs.Filter(c.cond)); got != c.want {
				t.Errorf("condition %d holds for %q, want %q", i, got, c.want)
			}
		}
		none, err := pages.Filter(weft.Has("doc")).Count(ctx)
		must(t, err)
		equal(t, none, 2)

		// With deleted rows, where they are asked for.
		shown, err := docs.WithQuery("folder", func(r *weft.Rel) { r.WithDeleted() }).WithQuery("pages", func(r *weft.Rel) {
			r.WithDeleted().OrderBy("text", weft.Desc).Limit(1)
		}).WithQuery("labels", func(r *weft.Rel) { r.WithDeleted() }).WithDeleted().OrderBy("slug", weft.Asc).All(ctx)
		must(t, err)
		equal(t, len(shown), 3)
		equal(t, shown[0].Folder.Name, "f")
		equal(t, shown[0].Pages[0].Text, "2")
		equal(t, len(shown[0].Labels), 2) // the deleted label, and both links live
		equal(t, len(shown[1].Labels), 1) // one link was taken away
		equal(t, shown[2].Pages[0].Text, "4")
		hidden, err := docs.WithDeleted().With("folder", "pages").Where("slug", "=", "c").First(ctx)
		must(t, err)
		if hidden.Folder != nil {
			t.Fatal("the relation of a row that is shown shows deleted rows")
		}
		equal(t, len(hidden.Pages), 1)

		must(t, folders.Restore(ctx, *a.FolderID))
		back, err := folders.With("docs").First(ctx)
		must(t, err)
		equal(t, len(back.Docs), 2)
	})
}

// A pair that was parted can be joined again, whatever key the join model has.
func TestSoftLinks(t *testing.T) {
	soft(t, func(t *testing.T, db *weft.DB, docs *weft.Repository[Doc], a, b, c *Doc) {
		ctx := t.Context()
		must(t, weft.Repo[Label](db).CreateMany(ctx, []*Label{{ID: "x"}, {ID: "y"}, {ID: "z"}}))
		ann := db.User("ann")
		for _, l := range []struct {
			docs     *weft.Repository[Doc]
			relation string
			rows     func(deleted bool) int64
		}{
			{docs, "labels", func(deleted bool) int64 { return countOf[DocLabel](t, db, deleted) }},
			{weft.Repo[Doc](ann), "stars", func(deleted bool) int64 { return countOf[DocStar](t, ann, deleted) }},
		} {
			ids := func() string {
				t.Helper()
				must(t, l.docs.Load(ctx, a, l.relation))
				list := a.Labels
				if l.relation == "stars" {
					list = a.Stars
				}
				var out []string
				for _, x := range list {
					out = append(out, x.ID)
				}
				return strings.Join(out, " ")
			}
			must(t, l.docs.Link(ctx, a, l.relation, "x", "y"))
			equal(t, ids(), "x y")
			must(t, l.docs.Unlink(ctx, a, l.relation, "x"))
			must(t, l.docs.Unlink(ctx, a, l.relation, "x"))
			equal(t, ids(), "y")
			equal(t, l.rows(true), 2)
			must(t, l.docs.Link(ctx, a, l.relation, "x", "y"))
			equal(t, ids(), "x y")
			must(t, l.docs.Link(ctx, a, l.relation, "x"))
			equal(t, l.rows(false), 2)
			must(t, l.docs.Relink(ctx, a, l.relation, "z", "x"))
			equal(t, ids(), "x z")
			must(t, l.docs.Relink(ctx, a, l.relation))
			equal(t, ids(), "")
			equal(t, l.rows(false), 0)
			must(t, l.docs.Relink(ctx, a, l.relation, "y"))
			equal(t, ids(), "y")
			if got := l.rows(true); got < 3 {
				t.Errorf("%d rows of the join model are left, want all that ever were", got)
			}
		}
	})
}

func countOf[T any](t *testing.T, db *weft.DB, deleted bool) int64 {
	t.Helper()
	q := weft.Repo[T](db).Filter(weft.Everything())
	if deleted {
		q = q.WithDeleted()
	}
	n, err := q.Count(t.Context())
	must(t, err)
	return n
}

// A user's handle sees its own rows of the join model alone, those of others
// neither in relations nor in conditions; without one, a pair counts once.
func TestScopedJoinModel(t *testing.T) {
	soft(t, func(t *testing.T, db *weft.DB, docs *weft.Repository[Doc], a, b, c *Doc) {
		ctx := t.Context()
		must(t, weft.Repo[Label](db).CreateMany(ctx, []*Label{{ID: "x"}, {ID: "y"}}))
		ann, bob := weft.Repo[Doc](db.User("ann")), weft.Repo[Doc](db.User("bob"))
		must(t, ann.Link(ctx, a, "stars", "x", "y"))
		must(t, bob.Link(ctx, a, "stars", "x"))
		must(t, bob.Link(ctx, b, "stars", "y"))
		stars := func(r *weft.Repository[Doc]) string {
			t.Helper()
			list, err := r.With("stars").OrderBy("slug", weft.Asc).All(ctx)
			must(t, err)
			var out []string
			for _, d := range list {
				s := d.Slug
				for _, l := range d.Stars {
					s += l.ID
				}
				out = append(out, s)
			}
			limited, err := r.WithQuery("stars", func(r *weft.Rel) { r.OrderBy("id", weft.Asc).Limit(5) }).OrderBy("slug", weft.Asc).All(ctx)
			must(t, err)
			for i, d := range limited {
				equal(t, len(d.Stars), len(list[i].Stars))
			}
			must(t, r.LoadAll(ctx, limited, "stars"))
			for i, d := range limited {
				equal(t, len(d.Stars), len(list[i].Stars))
			}
			return strings.Join(out, " ")
		}
		equal(t, stars(ann), "axy b")
		equal(t, stars(bob), "ax by")
		equal(t, stars(docs), "axy by")
		for _, c := range []struct {
			cond         weft.Cond
			ann, bob, db string
		}{
			{weft.Has("stars"), "a", "a b", "a b"},
			{weft.Has("stars", weft.If("id", "=", "y")), "a", "b", "a b"},
			{weft.HasCount("stars", "=", 2), "a", "", "a"},
			{weft.HasCount("stars", "=", 1), "", "a b", "b"},
			{weft.Not(weft.Has("stars", weft.If("id", "=", "x"))), "b", "b", "b"},
		} {
			equal(t, slugs(t, ann.Filter(c.cond)), c.ann)
			equal(t, slugs(t, bob.Filter(c.cond)), c.bob)
			equal(t, slugs(t, docs.Filter(c.cond)), c.db)
		}
		must(t, ann.Unlink(ctx, a, "stars", "x"))
		equal(t, stars(ann), "ay b")
		equal(t, stars(bob), "ax by")
		equal(t, stars(docs), "axy by")
		must(t, bob.Unlink(ctx, a, "stars", "x"))
		equal(t, stars(docs), "ay by")

		// Marks of a user's rows are the user's.
		mine := weft.Repo[DocStar](db.User("ann"))
		theirs, err := weft.Repo[DocStar](db).WithDeleted().Where("userId", "=", "bob").All(ctx)
		must(t, err)
		for _, s := range theirs {
			is(t, mine.Restore(ctx, weft.Key(s.ID)), weft.ErrNotFound)
			is(t, mine.Purge(ctx, weft.Key(s.ID)), weft.ErrNotFound)
			gone, err := mine.Delete(ctx, weft.Key(s.ID))
			must(t, err)
			equal(t, gone, false)
		}
		n, err := mine.WithDeleted().Count(ctx)
		must(t, err)
		equal(t, n, 2)
		n, err = mine.WithDeleted().Filter(weft.Everything()).Purge(ctx)
		must(t, err)
		equal(t, n, 2)
		equal(t, countOf[DocStar](t, db, true), 2)
	})
}

func TestSoftDeleteInTransactions(t *testing.T) {
	soft(t, func(t *testing.T, db *weft.DB, docs *weft.Repository[Doc], a, b, c *Doc) {
		ctx := t.Context()
		stop := errors.New("stop")
		is(t, db.Tx(ctx, func(tx *weft.DB) error {
			in := docs.In(tx)
			_, err := in.Delete(ctx, a.ID)
			must(t, err)
			must(t, in.Restore(ctx, c.ID))
			must(t, in.Purge(ctx, b.ID))
			equal(t, slugs(t, in), "c")
			is(t, tx.Tx(ctx, func(tx *weft.DB) error { // it can fail alone
				_, err := docs.In(tx).Delete(ctx, c.ID)
				must(t, err)
				equal(t, slugs(t, docs.In(tx)), "")
				return stop
			}), stop)
			equal(t, slugs(t, in), "c")
			return stop
		}), stop)
		equal(t, slugs(t, docs), "a b")
		equal(t, slugs(t, docs.WithDeleted()), "a b c")

		must(t, db.Tx(ctx, func(tx *weft.DB) error {
			in := docs.In(tx)
			_, err := in.Delete(ctx, a.ID)
			must(t, err)
			return in.Create(ctx, &Doc{Slug: "a", N: 100}) // takes the slug over
		}))
		is(t, docs.Restore(ctx, a.ID), weft.ErrConflict)
		d, err := docs.Where("slug", "=", "a").First(ctx)
		must(t, err)
		equal(t, d.N, 100)

		// What was deleted meanwhile cannot be saved.
		loaded, err := docs.Find(ctx, b.ID)
		must(t, err)
		_, err = docs.Delete(ctx, b.ID)
		must(t, err)
		loaded.N = 77
		is(t, docs.Save(ctx, loaded), weft.ErrNotFound)
		is(t, errOf(docs.Update(ctx, b.ID, weft.Set{"n": 1}.IfVersion(weft.VersionOf(loaded)))), weft.ErrNotFound)
		must(t, docs.Restore(ctx, b.ID))
		is(t, docs.Save(ctx, loaded), weft.ErrConflict)
	})
}

// Pages go on where they were when rows around the cursor are deleted.
func TestCursorsAcrossDeletedRows(t *testing.T) {
	soft(t, func(t *testing.T, db *weft.DB, docs *weft.Repository[Doc], a, b, c *Doc) {
		ctx := t.Context()
		for _, s := range []string{"d", "e", "f", "g"} {
			must(t, docs.Create(ctx, &Doc{Slug: s}))
		}
		q := docs.OrderBy("slug", weft.Asc).Limit(2)
		first, err := q.WithTotal().Page(ctx)
		must(t, err)
		equal(t, first.Data[1].Slug, "b")
		equal(t, *first.Total, 6)
		_, err = docs.WhereIn("slug", "b", "d").Delete(ctx) // the cursor's own row, and the next
		must(t, err)
		second, err := q.After(first.Cursor).Page(ctx)
		must(t, err)
		equal(t, second.Data[0].Slug+second.Data[1].Slug, "ef")
		back, err := q.Before(second.Start).Page(ctx)
		must(t, err)
		equal(t, len(back.Data), 1)
		equal(t, back.Data[0].Slug, "a")
		all, err := q.WithDeleted().After(first.Cursor).Page(ctx)
		must(t, err)
		equal(t, all.Data[0].Slug+all.Data[1].Slug, "cd")
	})
}

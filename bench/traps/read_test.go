package traps

import (
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/weftdb/weft"
)

// A query of GORM that has a condition is changed by the next one.
func TestSharedStatement(t *testing.T) {
	g, w := both(t)
	people(t, g, w)
	ctx := t.Context()

	// snippet:shared-gorm
	adults := g.Where("age >= ?", 18)
	var osloers, all []GUser
	adults.Where("city = ?", "Oslo").Find(&osloers)
	adults.Find(&all) // still has city = 'Oslo'
	// end:shared-gorm
	equal(t, "GORM", gnames(all), "Ada")

	users := weft.Repo[User](w)
	// snippet:shared-weft
	grown := users.Where("age", ">=", 18)
	inOslo, err := grown.Where("city", "=", "Oslo").All(ctx)
	everybody, err := grown.OrderBy("name", weft.Asc).All(ctx) // Ada and Ben
	// end:shared-weft
	must(t, err)
	equal(t, "Weft", wnames(inOslo)+", "+wnames(everybody), "Ada, Ada Ben")
}

// What finds nothing is an error with First, and none with Find.
func TestNothingFound(t *testing.T) {
	g, w := both(t)
	people(t, g, w)
	ctx := t.Context()

	var u GUser
	is(t, g.First(&u, "name = ?", "Nobody").Error, gorm.ErrRecordNotFound)
	must(t, g.Find(&u, "name = ?", "Nobody").Error)
	must(t, g.Limit(1).Find(&u, "name = ?", "Nobody").Error)
	res := g.Model(&GUser{ID: 99}).Update("age", 1)
	must(t, res.Error)
	equal(t, "GORM: rows", res.RowsAffected, 0)

	users := weft.Repo[User](w)
	p, err := users.Get(ctx, "nobody")
	if p != nil || err != nil {
		t.Fatal(p, err)
	}
	_, err = users.Find(ctx, "nobody")
	is(t, err, weft.ErrNotFound)
	_, err = users.Where("name", "=", "Nobody").First(ctx)
	is(t, err, weft.ErrNotFound)
	_, err = users.Update(ctx, "nobody", weft.Set{"age": 1})
	is(t, err, weft.ErrNotFound)
	n, err := users.Where("name", "=", "Nobody").Update(ctx, weft.Set{"age": 1})
	must(t, err)
	equal(t, "Weft: rows", n, 0)
}

// A struct that is read into twice carries its key as a condition.
func TestReadIntoTwice(t *testing.T) {
	g, w := both(t)
	people(t, g, w)
	ctx := t.Context()

	// snippet:twice-gorm
	var u GUser
	g.Where("name = ?", "Ada").First(&u)
	err := g.Where("name = ?", "Ben").First(&u).Error // … AND id = 1: record not found
	// end:twice-gorm
	is(t, err, gorm.ErrRecordNotFound)

	users := weft.Repo[User](w)
	p, err := users.Where("name", "=", "Ada").First(ctx)
	must(t, err)
	p, err = users.Where("name", "=", "Ben").First(ctx)
	must(t, err)
	equal(t, "Weft", p.Name, "Ben")
}

// A key that is text is SQL.
func TestTextKey(t *testing.T) {
	g, w := both(t)
	people(t, g, w)

	// snippet:key-gorm
	id := "1 = 1 OR id" // from a request
	var list []GUser
	g.Find(&list, id) // SELECT * FROM users WHERE 1 = 1 OR id
	// end:key-gorm
	equal(t, "GORM", len(list), 3)

	_, err := weft.Repo[User](w).Find(t.Context(), id)
	is(t, err, weft.ErrNotFound)
}

// A condition given as a struct leaves out its zero fields.
func TestStructCondition(t *testing.T) {
	g, w := both(t)
	people(t, g, w)

	var list []GUser
	must(t, g.Where(&GUser{Age: 0}).Find(&list).Error)
	equal(t, "GORM", len(list), 3)
	list2, err := weft.Repo[User](w).Where("age", "=", 0).All(t.Context())
	must(t, err)
	equal(t, "Weft", wnames(list2), "Cleo")
}

func TestLike(t *testing.T) {
	g, w := both(t)
	people(t, g, w)
	ctx := t.Context()
	must(t, g.Create(&GUser{Name: "100%"}).Error)
	users := weft.Repo[User](w)
	must(t, users.Create(ctx, &User{Name: "100%"}))

	var list []GUser
	must(t, g.Where("name LIKE ?", "da").Find(&list).Error)
	equal(t, "GORM without %", len(list), 0)
	must(t, g.Where("name LIKE ?", "%"+"%"+"%").Find(&list).Error) // somebody looks for a per cent sign
	equal(t, "GORM with % from a form", len(list), 4)

	n, err := users.Where("name", "like", "DA").Count(ctx)
	must(t, err)
	equal(t, "Weft", n, 1)
	n, err = users.Where("name", "like", "%").Count(ctx)
	must(t, err)
	equal(t, "Weft with % from a form", n, 1)
}

func TestNotEqualAndNull(t *testing.T) {
	g, w := both(t)
	people(t, g, w)

	var list []GUser
	must(t, g.Not("city = ?", "Oslo").Order("name").Find(&list).Error)
	equal(t, "GORM", gnames(list), "Cleo")
	list2, err := weft.Repo[User](w).Where("city", "!=", "Oslo").OrderBy("name", weft.Asc).All(t.Context())
	must(t, err)
	equal(t, "Weft", wnames(list2), "Ben Cleo")
}

// A condition that comes behind Or belongs to its right side.
func TestOr(t *testing.T) {
	g, w := both(t)
	people(t, g, w)

	// snippet:or-gorm
	var list []GUser
	g.Where("name = ?", "Ada").Or("name = ?", "Ben").Where("age < ?", 30).Find(&list)
	// name = 'Ada' OR (name = 'Ben' AND age < 30): Ada is 36
	// end:or-gorm
	equal(t, "GORM", gnames(list), "Ada Ben")
	list2, err := weft.Repo[User](w).Filter(
		weft.Or(weft.If("name", "=", "Ada"), weft.If("name", "=", "Ben")),
		weft.If("age", "<", 30),
	).All(t.Context())
	must(t, err)
	equal(t, "Weft", wnames(list2), "Ben")
}

// A limit on what is preloaded holds for all parents together.
func TestPreloadLimit(t *testing.T) {
	g, w := both(t)
	people(t, g, w)

	// snippet:limit-gorm
	var list []GUser
	g.Preload("Posts", func(db *gorm.DB) *gorm.DB { return db.Order("likes DESC").Limit(2) }).Order("name").Find(&list)
	// two posts of all, not of each
	// end:limit-gorm
	equal(t, "GORM: Ada's", len(list[0].Posts), 0)
	equal(t, "GORM: Ben's", len(list[1].Posts), 2)

	list2, err := weft.Repo[User](w).WithQuery("posts", func(r *weft.Rel) {
		r.OrderBy("likes", weft.Desc).Limit(2)
	}).OrderBy("name", weft.Asc).All(t.Context())
	must(t, err)
	equal(t, "Weft: Ada's", len(list2[0].Posts), 2)
	equal(t, "Weft: Ben's", len(list2[1].Posts), 2)
}

// Count heeds the limit and the offset that the list had.
func TestCountOfPage(t *testing.T) {
	g, w := both(t)
	people(t, g, w)

	var n int64
	must(t, g.Model(&GUser{}).Limit(2).Offset(2).Count(&n).Error)
	equal(t, "GORM", n, 0)
	m, err := weft.Repo[User](w).Limit(2).Offset(2).Count(t.Context())
	must(t, err)
	equal(t, "Weft", m, 3)
}

// A column for which the struct has no field is passed over.
func TestScanMisspelt(t *testing.T) {
	g, w := both(t)
	people(t, g, w)

	type line struct {
		Nmae string
		Age  int
	}
	var lines []line
	must(t, g.Model(&GUser{}).Select("name", "age").Order("age").Scan(&lines).Error)
	equal(t, "GORM", lines[2], line{"", 36})
	_, err := weft.Into[line](t.Context(), weft.Repo[User](w))
	is(t, err, weft.ErrValidation)
}

// Batches go on by key, whatever the order.
func TestBatches(t *testing.T) {
	g, w := both(t)
	people(t, g, w)

	var got []string
	var list []GUser
	must(t, g.Order("name DESC").FindInBatches(&list, 2, func(*gorm.DB, int) error {
		for _, u := range list {
			got = append(got, u.Name)
		}
		return nil
	}).Error)
	equal(t, "GORM", strings.Join(got, " "), "Cleo Ben Cleo") // twice Cleo, and never Ada
	n := 0
	for _, err := range weft.Repo[User](w).OrderBy("name", weft.Desc).Iter(t.Context()) {
		must(t, err)
		n++
	}
	equal(t, "Weft", n, 3)
}

// A list of keys that is empty is no condition.
func TestEmptyList(t *testing.T) {
	g, w := both(t)
	people(t, g, w)

	// snippet:empty-gorm
	ids := []int{} // nothing was chosen
	var list []GUser
	g.Find(&list, ids) // all users
	// end:empty-gorm
	equal(t, "GORM", len(list), 3)
	is(t, g.Delete(&GUser{}, ids).Error, gorm.ErrMissingWhereClause)
	must(t, g.Where("id IN ?", ids).Find(&list).Error)
	equal(t, "GORM with IN", len(list), 0)
	list2, err := weft.Repo[User](w).WhereIn("id", []string{}).All(t.Context())
	must(t, err)
	equal(t, "Weft", len(list2), 0)
}

// Limit(0) is no rows in GORM and no limit in Weft.
func TestLimitZero(t *testing.T) {
	g, w := both(t)
	people(t, g, w)

	var list []GUser
	must(t, g.Limit(0).Find(&list).Error)
	equal(t, "GORM", len(list), 0)
	list2, err := weft.Repo[User](w).Limit(0).All(t.Context())
	must(t, err)
	equal(t, "Weft", len(list2), 3)
}

// A misspelt field is found by the database.
func TestMisspelt(t *testing.T) {
	g, w := both(t)
	people(t, g, w)

	err := g.Order("nmae").Find(&[]GUser{}).Error
	if err == nil || !strings.Contains(err.Error(), "no such column") {
		t.Fatal(err)
	}
	_, err = weft.Repo[User](w).OrderBy("nmae", weft.Asc).All(t.Context())
	is(t, err, weft.ErrValidation)
	if !strings.Contains(err.Error(), "did you mean name?") {
		t.Fatal(err)
	}
}

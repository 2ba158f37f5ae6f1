package traps

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"time"

	gormsqlite "gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
)

// Author, Book and Genre are the models of the tables in the documents.
type Author struct {
	gorm.Model
	Name  string `gorm:"uniqueIndex"`
	Email string
	Books []Book
}

type Book struct {
	gorm.Model
	AuthorID uint
	Title    string
	Sold     int64
	InPrint  bool `gorm:"default:true"`
	Released *time.Time
	Meta     map[string]any `gorm:"serializer:json"`
	Author   *Author
	Genres   []Genre `gorm:"many2many:book_genres"`
}

// Ticket is deleted softly.
type Ticket struct {
	gorm.Model
	Code string `gorm:"uniqueIndex"`
}

type Genre struct {
	ID   uint
	Name string
}

// BeforeSave is a hook of GORM.
func (b *Book) BeforeSave(tx *gorm.DB) error { return nil }

func popular(db *gorm.DB) *gorm.DB { return db.Where("sold > ?", 10) }

// The calls on the left of the tables are GORM's own and do what they do there.
func TestCalls(t *testing.T) {
	noon := time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)
	db, err := gorm.Open(gormsqlite.Open(filepath.Join(t.TempDir(), "calls.db")), &gorm.Config{
		Logger: logger.Discard, TranslateError: true, NowFunc: func() time.Time { return noon },
	})
	must(t, err)
	must(t, db.AutoMigrate(&Author{}, &Book{}, &Genre{}))
	ctx := context.Background()

	ok := func(tx *gorm.DB) {
		t.Helper()
		must(t, tx.Error)
	}
	a := Author{Name: "Ada"}
	ok(db.Create(&a))
	b := Book{AuthorID: a.ID, Title: "Go by night", Sold: 12, Meta: map[string]any{"lang": "en"}}
	ok(db.Create(&b))
	list := []Book{{AuthorID: a.ID, Title: "One", Sold: 1}, {AuthorID: a.ID, Title: "Two", Sold: 20}}
	ok(db.CreateInBatches(&list, 100))
	ok(db.Model(&Book{}).Create(map[string]any{"title": "Three"}))
	ok(db.Clauses(clause.OnConflict{DoNothing: true}).Create(&Author{Name: "Ada"}))
	ok(db.Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "name"}}, DoUpdates: clause.AssignmentColumns([]string{"email"}),
	}).Create(&Author{Name: "Ada", Email: "ada@example.org"}))
	first := Author{}
	ok(db.FirstOrCreate(&first, Author{Name: "Ada"}))
	ok(db.FirstOrInit(&first, Author{Name: "Ada"}))
	if err := db.Create(&Author{Name: "Ada"}).Error; !errors.Is(err, gorm.ErrDuplicatedKey) { // with TranslateError
		t.Fatal(err)
	}

	id := b.ID
	ok(db.First(&Book{}, "id = ?", id))
	ok(db.First(&b))
	ok(db.Take(&Book{}))
	ok(db.Last(&Book{}))
	ok(db.Limit(1).Find(&list, "id = ?", id))
	ok(db.Find(&list))
	ok(db.Find(&list, []uint{1, 2}))
	ok(db.Where("sold > ? AND in_print = ?", 5, true).Find(&list))
	equal(t, "and", len(list), 2)
	titles := []string{"One", "Two"}
	ok(db.Where("title IN ?", titles).Find(&list))
	ok(db.Where("title LIKE ?", "%go%").Find(&list))
	ok(db.Where("title LIKE ?", "Go%").Find(&list))
	ok(db.Where("sold BETWEEN ? AND ?", 1, 100).Find(&list))
	ok(db.Where("released IS NULL").Find(&list))
	ok(db.Where(&Book{Title: "One"}).Find(&list))
	ok(db.Where(map[string]any{"title": "One", "sold": 1}).Find(&list))
	ok(db.Not("title = ?", "One").Find(&list))
	ok(db.Where("sold > ?", 10).Or("title = ?", "One").Find(&list))
	equal(t, "or", len(list), 3)
	ok(db.Where(db.Where("sold > ?", 10).Or("title = ?", "One")).Where("in_print").Find(&list))
	ok(db.Where("json_extract(meta, '$.lang') = ?", "en").Find(&list))
	equal(t, "json", len(list), 1)
	var authors []Author
	ok(db.Where("EXISTS (SELECT 1 FROM books WHERE author_id = authors.id)").Find(&authors))
	ok(db.Order("sold DESC, title").Find(&list))
	ok(db.Limit(20).Offset(40).Find(&list))
	ok(db.Select("title", "sold").Find(&list))
	ok(db.Distinct("author_id").Find(&list))
	ok(db.Model(&Book{}).Pluck("title", &titles))
	var n int64
	ok(db.Model(&Book{}).Count(&n))
	equal(t, "count", n, 4)
	ok(db.Model(&Book{}).Select("COUNT(*) > 0").Scan(&n))
	ok(db.Model(&Book{}).Select("SUM(sold)").Scan(&n))
	equal(t, "sum", n, 33)
	type row struct {
		AuthorID uint
		Sold     int64
	}
	var rows []row
	ok(db.Model(&Book{}).Select("author_id, SUM(sold) AS sold").Group("author_id").Having("SUM(sold) > ?", 10).Scan(&rows))
	equal(t, "groups", len(rows), 1)
	type line struct {
		Title string
		Sold  int64
	}
	var lines []line
	ok(db.Model(&Book{}).Find(&lines))
	ok(db.Joins("Author").Find(&list))
	ok(db.Joins("JOIN authors ON authors.id = books.author_id").Where("authors.name = ?", "Ada").Find(&list))
	ok(db.Preload("Author").Preload("Genres").Find(&list))
	ok(db.Preload("Books.Genres").Find(&authors))
	ok(db.Preload("Books", "sold > ?", 5).Find(&authors))
	ok(db.Preload(clause.Associations).Find(&list))
	r, err := db.Model(&Book{}).Rows()
	must(t, err)
	for r.Next() {
		must(t, db.ScanRows(r, &b))
	}
	must(t, r.Close())
	ok(db.FindInBatches(&list, 100, func(tx *gorm.DB, batch int) error { return nil }))
	ok(db.Scopes(popular).Find(&list))
	ok(db.Unscoped().Find(&list))

	must(t, db.AutoMigrate(&Ticket{}))
	ok(db.Create(&Ticket{Code: "A"}))
	ok(db.Where("code = ?", "A").Delete(&Ticket{}))
	var tickets []Ticket
	ok(db.Unscoped().Where("code = ?", "A").Find(&tickets))
	equal(t, "unscoped", len(tickets), 1)
	// The unique index knows nothing of the mark.
	if err := db.Create(&Ticket{Code: "A"}).Error; !errors.Is(err, gorm.ErrDuplicatedKey) {
		t.Fatal(err)
	}
	ok(db.Unscoped().Model(&Ticket{}).Where("code = ?", "A").Update("deleted_at", nil))
	ok(db.Unscoped().Where("code = ?", "A").Delete(&Ticket{}))

	g := Genre{Name: "crime"}
	ok(db.Create(&g))
	b = Book{}
	ok(db.First(&b))
	must(t, db.Model(&a).Association("Books").Find(&list))
	must(t, db.Model(&b).Association("Genres").Append(&g))
	equal(t, "association", db.Model(&b).Association("Genres").Count(), 1)
	must(t, db.Model(&b).Association("Genres").Replace(&g))
	must(t, db.Model(&b).Association("Genres").Delete(&g))
	must(t, db.Model(&b).Association("Genres").Clear())

	ok(db.Model(&b).Update("title", "New"))
	ok(db.Model(&b).Updates(map[string]any{"title": "New", "sold": 0}))
	ok(db.Model(&b).Updates(Book{Title: "New"}))
	ok(db.Model(&b).Select("Title", "Sold").Updates(Book{Title: "New"}))
	ok(db.Model(&b).Update("sold", gorm.Expr("sold + ?", 1)))
	ok(db.Model(&b).UpdateColumn("sold", 5))
	ok(db.Model(&Book{}).Where("sold = ?", 0).Update("in_print", false))
	ok(db.Session(&gorm.Session{AllowGlobalUpdate: true}).Model(&Book{}).Update("in_print", true))
	ok(db.Model(&list).Clauses(clause.Returning{}).Where("sold > ?", 5).Update("in_print", false))
	ok(db.Save(&b))
	is(t, db.Model(&Book{}).Update("sold", 1).Error, gorm.ErrMissingWhereClause)

	ok(db.Delete(&Book{}, id))
	ok(db.Where("sold = ?", 0).Delete(&Book{}))
	ok(db.Unscoped().Model(&Book{}).Where("id = ?", id).Update("deleted_at", nil))
	ok(db.Unscoped().Delete(&Book{}, id))

	must(t, db.Transaction(func(tx *gorm.DB) error { return nil }))
	tx := db.Begin(&sql.TxOptions{ReadOnly: false})
	ok(tx.SavePoint("a"))
	ok(tx.RollbackTo("a"))
	ok(tx.Commit())
	must(t, db.Callback().Create().Before("gorm:create").Register("note", func(tx *gorm.DB) {}))

	ok(db.Raw("SELECT title, sold FROM books WHERE sold > ?", 5).Scan(&lines))
	ok(db.Exec("UPDATE books SET sold = ?", 0))
	_ = db.ToSQL(func(tx *gorm.DB) *gorm.DB { return tx.Find(&list) })
	ok(db.WithContext(ctx).Find(&list))
	ok(db.Session(&gorm.Session{PrepareStmt: true}).Find(&list))
	ok(db.Session(&gorm.Session{SkipHooks: true}).Find(&list))
	ok(db.Debug().Find(&list))
	must(t, db.Transaction(func(tx *gorm.DB) error {
		db := tx
		return db.Clauses(clause.Locking{Strength: "UPDATE"}).Find(&list).Error
	}))
	ok(db.Select("Books").Delete(&a))
	pool, err := db.DB()
	must(t, err)
	t.Cleanup(func() { must(t, pool.Close()) })
	pool.SetMaxOpenConns(10)
	if err := db.First(&Book{}, "id = ?", -1).Error; !errors.Is(err, gorm.ErrRecordNotFound) {
		t.Fatal(err)
	}
	equal(t, "has table", db.Migrator().HasTable(&Book{}), true)
	if errors.Is(gorm.ErrForeignKeyViolated, gorm.ErrRecordNotFound) {
		t.Fatal("one error for two things")
	}
	equal(t, "rows", db.Where("sold = ?", 99).Delete(&Book{}).RowsAffected, 0)
}

package orm

import (
	"database/sql"
	"errors"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
)

type author struct {
	ID        uint
	Name      string `gorm:"uniqueIndex"`
	Active    bool
	Score     float64
	Born      *time.Time
	Photo     []byte
	CreatedAt time.Time
	UpdatedAt time.Time
	DeletedAt gorm.DeletedAt `gorm:"index"`
	Books     []book
}

type book struct {
	ID       uint
	AuthorID uint
	Title    string
}

func TestGORM(t *testing.T) {
	t.Run("file", func(t *testing.T) { testGORM(t, onFile(t)) })
	t.Run("cluster", func(t *testing.T) { testGORM(t, onCluster(t)) })
}

func testGORM(t *testing.T, on *sql.DB) {
	db, err := gorm.Open(sqlite.Dialector{Conn: on}, &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	check := func(r *gorm.DB) {
		t.Helper()
		if r.Error != nil {
			t.Fatal(r.Error)
		}
	}
	for range 2 { // the second finds everything in place
		if err := db.AutoMigrate(&author{}, &book{}); err != nil {
			t.Fatal(err)
		}
	}
	born := time.Date(1929, 10, 21, 1, 2, 3, 4000, time.FixedZone("west", -8*3600))
	a := author{Name: "Ursula", Active: true, Score: 9.5, Born: &born, Photo: []byte{0, 255}, Books: []book{{Title: "A"}, {Title: "B"}}}
	check(db.Create(&a))
	if a.ID == 0 || a.Books[1].AuthorID != a.ID || a.Books[1].ID == 0 {
		t.Fatalf("keys were not given: %+v", a)
	}
	many := []author{{Name: "x"}, {Name: "y"}, {Name: "z"}}
	check(db.CreateInBatches(&many, 2))

	var got author
	check(db.Preload("Books").First(&got, a.ID))
	if got.Name != "Ursula" || !got.Active || got.Score != 9.5 || got.Born == nil || !got.Born.Equal(born) || len(got.Photo) != 2 || len(got.Books) != 2 {
		t.Errorf("got %+v", got)
	}
	if got.CreatedAt.IsZero() || !got.CreatedAt.Equal(a.CreatedAt.Truncate(time.Microsecond)) {
		t.Errorf("created %v, want %v", got.CreatedAt, a.CreatedAt)
	}
	check(db.Model(&got).Updates(map[string]any{"name": "U", "active": false, "born": nil}))
	check(db.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "name"}}, DoUpdates: clause.AssignmentColumns([]string{"score"})}).
		Create(&author{Name: "U", Score: 10}))
	var again author
	check(db.First(&again, "name = ?", "U"))
	if again.ID != a.ID || again.Active || again.Born != nil || again.Score != 10 {
		t.Errorf("got %+v", again)
	}
	if err := db.Create(&author{Name: "U"}).Error; err == nil {
		t.Error("a name was taken twice")
	}

	// A transaction, one inside it that fails, and one that fails as a whole.
	no := errors.New("no")
	err = db.Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&author{Name: "kept"}).Error; err != nil {
			return err
		}
		_ = tx.Transaction(func(tx *gorm.DB) error {
			if err := tx.Create(&author{Name: "dropped"}).Error; err != nil {
				return err
			}
			return no
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Transaction(func(tx *gorm.DB) error { tx.Create(&author{Name: "dropped"}); return no }); !errors.Is(err, no) {
		t.Fatal(err)
	}
	check(db.Where("name IN ?", []string{"x", "y"}).Delete(&author{}))
	var names []string
	check(db.Model(&author{}).Order("name").Pluck("name", &names))
	if len(names) != 3 || names[0] != "U" || names[1] != "kept" || names[2] != "z" {
		t.Errorf("names %q", names)
	}
	var all int64
	check(db.Unscoped().Model(&author{}).Count(&all))
	if all != 5 {
		t.Errorf("%d with those that are deleted", all)
	}
	rows, err := db.Model(&author{}).Where("score > @low", map[string]any{"low": 5}).Rows()
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var x author
		if err := db.ScanRows(rows, &x); err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 1 || rows.Err() != nil {
		t.Errorf("%d rows, %v", n, rows.Err())
	}
	types, err := db.Migrator().ColumnTypes(&author{})
	if err != nil || len(types) != 9 {
		t.Errorf("%d columns, %v", len(types), err)
	}
}

package orm

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
)

type bunAuthor struct {
	bun.BaseModel `bun:"table:authors"`

	ID     int64  `bun:",pk,autoincrement"`
	Name   string `bun:",unique,notnull"`
	Active bool
	Born   time.Time `bun:",nullzero"`
	Books  []bunBook `bun:"rel:has-many,join:id=author_id"`
}

type bunBook struct {
	bun.BaseModel `bun:"table:books"`

	ID       int64 `bun:",pk,autoincrement"`
	AuthorID int64
	Title    string
}

func TestBun(t *testing.T) {
	t.Run("file", func(t *testing.T) { testBun(t, onFile(t)) })
	t.Run("cluster", func(t *testing.T) { testBun(t, onCluster(t)) })
}

func testBun(t *testing.T, on *sql.DB) {
	ctx := context.Background()
	db := bun.NewDB(on, sqlitedialect.New())
	check := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range []any{(*bunAuthor)(nil), (*bunBook)(nil)} {
		check(db.NewCreateTable().Model(m).IfNotExists().Exec(ctx))
	}
	born := time.Date(2000, 1, 2, 3, 4, 5, 678000, time.UTC)
	a := &bunAuthor{Name: "a", Active: true, Born: born}
	check(db.NewInsert().Model(a).Exec(ctx))
	if a.ID != 1 {
		t.Fatalf("the key is %d", a.ID)
	}
	check(db.NewInsert().Model(&[]bunBook{{AuthorID: 1, Title: "x"}, {AuthorID: 1, Title: "y"}}).Exec(ctx))
	got := new(bunAuthor)
	check(nil, db.NewSelect().Model(got).Relation("Books").Where("name = ?", "a").Scan(ctx))
	if !got.Active || !got.Born.Equal(born) || len(got.Books) != 2 {
		t.Errorf("got %+v", got)
	}
	res, err := db.NewUpdate().Model(got).Set("active = ?", false).WherePK().Exec(ctx)
	check(nil, err)
	if n, _ := res.RowsAffected(); n != 1 {
		t.Errorf("%d rows", n)
	}
	no := errors.New("no")
	err = db.RunInTx(ctx, &sql.TxOptions{}, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewInsert().Model(&bunAuthor{Name: "b"}).Exec(ctx); err != nil {
			return err
		}
		_ = tx.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
			if _, err := tx.NewDelete().Model((*bunAuthor)(nil)).Where("1 = 1").Exec(ctx); err != nil {
				return err
			}
			return no
		})
		return nil
	})
	check(nil, err)
	n, err := db.NewSelect().Model((*bunAuthor)(nil)).Count(ctx)
	if err != nil || n != 2 {
		t.Errorf("%d rows, %v", n, err)
	}
}

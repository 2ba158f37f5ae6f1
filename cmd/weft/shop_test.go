package main

import (
	"context"
	"path/filepath"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// shopRows are the rows of the database that the tests work on, by model, in
// the order of the fields.
var shopRows = []struct {
	model string
	rows  [][]any
}{
	{"Author", [][]any{
		{int64(1), "Ada", day(1815, 12, 10)},
		{int64(2), "Grace", day(1906, 12, 9)},
		{int64(3), "日本太郎", nil},
	}},
	{"Genre", [][]any{{int64(1), "Craft"}, {int64(2), "Maths"}, {int64(3), "Navy, other"}}},
	{"Book", [][]any{
		{
			int64(1), int64(1), "Looms", int64(7), decimal.New(1250, -2), 0.5, true, day(1843, 9, 1), op.JSON(`{"lang":"en","pages":100}`),
			op.JSON(`["loom","card"]`),
			[]byte{0, 255, 16},
			nil,
		},
		{
			int64(2), int64(1), "Cards & <Numbers>", int64(9007199254740993), decimal.New(5, -2), 1.0, false,
			time.Date(1844, 1, 2, 3, 4, 5, 678901000, time.UTC), op.JSON(`{"lang":"fr"}`), op.JSON(`[]`),
			[]byte{},
			"",
		},
		{int64(3), int64(2), "Compilers", int64(-1), nil, nil, true, nil, nil, nil, nil, "line one\nline \"two\", end"},
		{int64(4), nil, "null", int64(0), decimal.New(100000, -2), 1e21, true, nil, nil, nil, nil, "NULL"},
		{int64(5), int64(3), "織機 👩‍💻 é", int64(1990), nil, nil, true, nil, nil, nil, nil, nil},
	}},
	{"BookGenre", [][]any{{int64(1), int64(1)}, {int64(1), int64(2)}, {int64(2), int64(2)}, {int64(3), int64(3)}}},
}

func day(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

// makeShop makes the database that the tests work on.
func makeShop(path string) (err error) {
	models, err := readModels([]string{filepath.Join("testdata", "shop", "models.yaml")})
	if err != nil {
		return err
	}
	list := make([]any, len(models))
	for i, m := range models {
		list[i] = m
	}
	db, err := weft.Open(sqlite.Open(path), weft.Models(list...), weft.AutoMigrate())
	if err != nil {
		return err
	}
	for _, s := range shopRows {
		m := db.Schema().Model(s.model)
		for _, row := range s.rows {
			if _, err := db.Engine().Do(context.Background(), op.Op{Kind: op.Insert, Model: m, Rows: [][]any{row}}); err != nil {
				return err
			}
		}
	}
	return db.Close()
}

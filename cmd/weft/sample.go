package main

import (
	"context"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
)

// The models of the sample: a bookshop.

// Author writes books.
type Author struct {
	weft.Model
	Name    string     `weft:"unique" validate:"required,max=80"`
	Country string     `weft:"index" validate:"required,max=40"`
	Born    time.Time  `weft:"type=date"`
	Died    *time.Time `weft:"type=date"`
	Books   []*Book    `weft:"has_many,fk=AuthorID"`
}

// Book is on the shelf.
type Book struct {
	weft.Model
	AuthorID  string          `weft:"index" validate:"required"`
	Title     string          `weft:"unique" validate:"required,max=120"`
	Published time.Time       `weft:"type=date,index"`
	Pages     int             `validate:"min=1"`
	Price     decimal.Decimal `weft:"precision=8,scale=2"`
	InPrint   bool            `weft:"default=true"`
	Keywords  []string
	PrequelID *string   `weft:"index"`
	Author    *Author   `weft:"belongs_to,fk=AuthorID"`
	Prequel   *Book     `weft:"belongs_to,fk=PrequelID"`
	Sequels   []*Book   `weft:"has_many,fk=PrequelID"`
	Genres    []*Genre  `weft:"many_to_many,through=BookGenre"`
	Reviews   []*Review `weft:"has_many,fk=BookID"`
}

// Genre is what kind of book it is; a book may be of several.
type Genre struct {
	weft.Model
	Name  string  `weft:"unique" validate:"required,max=40"`
	Books []*Book `weft:"many_to_many,through=BookGenre"`
}

// BookGenre joins books and genres.
type BookGenre struct {
	BookID  string `weft:"primary,type=uuid"`
	GenreID string `weft:"primary,type=uuid,index"`
	Book    *Book  `weft:"belongs_to,fk=BookID"`
	Genre   *Genre `weft:"belongs_to,fk=GenreID"`
}

// Address is where a reader lives; it is stored as JSON.
type Address struct {
	Street string `json:"street"`
	City   string `json:"city"`
}

// Reader buys books and says what they are like.
type Reader struct {
	weft.Model
	Name    string `validate:"required,max=80"`
	Email   string `weft:"unique" validate:"required,email"`
	Address Address
	Reviews []*Review `weft:"has_many,fk=ReaderID"`
}

// Review is what one reader thinks of one book.
type Review struct {
	weft.Model
	BookID   string  `weft:"index" validate:"required"`
	ReaderID string  `weft:"index" validate:"required"`
	Stars    int     `weft:"index" validate:"min=1,max=5"`
	Text     string  `weft:"type=text" validate:"max=2000"`
	Book     *Book   `weft:"belongs_to,fk=BookID"`
	Reader   *Reader `weft:"belongs_to,fk=ReaderID"`
}

func sampleModels() []any {
	return []any{Author{}, Book{}, Genre{}, BookGenre{}, Reader{}, Review{}}
}

// loadSample fills an empty database, all or nothing, and returns how many rows
// it wrote: 0 when there was something already.
func loadSample(ctx context.Context, db *weft.DB) (rows int, err error) {
	err = db.Tx(ctx, func(tx *weft.DB) error {
		rows = 0
		for _, exists := range []func(context.Context) (bool, error){
			weft.Repo[Author](tx).Exists, weft.Repo[Book](tx).Exists, weft.Repo[Genre](tx).Exists,
			weft.Repo[Reader](tx).Exists, weft.Repo[Review](tx).Exists,
		} {
			if some, err := exists(ctx); err != nil || some {
				return err
			}
		}
		s := makeSample()
		for _, create := range []func() error{
			func() error { return weft.Repo[Author](tx).CreateMany(ctx, s.authors) },
			func() error { return weft.Repo[Genre](tx).CreateMany(ctx, s.genres) },
			func() error { return weft.Repo[Book](tx).CreateMany(ctx, s.books) },
			func() error { return weft.Repo[BookGenre](tx).CreateMany(ctx, s.bookGenres) },
			func() error { return weft.Repo[Reader](tx).CreateMany(ctx, s.readers) },
			func() error { return weft.Repo[Review](tx).CreateMany(ctx, s.reviews) },
		} {
			if err := create(); err != nil {
				return err
			}
		}
		rows = s.rows()
		return nil
	})
	return rows, err
}

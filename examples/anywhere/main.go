// Command anywhere is one program on any database. Only the address differs:
//
//	anywhere                                               (SQLite, the file anywhere.db)
//	anywhere sqlite:other.db
//	anywhere postgres://postgres@127.0.0.1:5432/postgres
//	anywhere mysql://root@127.0.0.1:3306/test
//
// It prints the same on each of them, however often it runs.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/open/all"
)

// Account is the money of somebody.
type Account struct {
	weft.Model
	Owner   string          `weft:"unique" validate:"required"`
	Balance decimal.Decimal `weft:"precision=18,scale=4"`
	Profile map[string]any

	Bookings []*Booking `weft:"has_many"`
}

// Booking is money that came or went.
type Booking struct {
	weft.Model
	AccountID string
	Amount    decimal.Decimal `weft:"precision=18,scale=4"`
	Text      string

	Account *Account `weft:"belongs_to"`
}

func main() {
	address := "sqlite:anywhere.db"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	if err := run(context.Background(), address, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// snippet:open
func run(ctx context.Context, address string, out io.Writer) error {
	engine, err := all.URL(address) // the line that differs
	if err != nil {
		return err
	}
	db, err := weft.Open(engine, weft.Models(Account{}, Booking{}), weft.AutoMigrate())
	if err != nil {
		return err
	}
	return errors.Join(tour(ctx, db, out), db.Close())
}

// end:open

func tour(ctx context.Context, db *weft.DB, out io.Writer) error {
	accounts := weft.Repo[Account](db)
	for _, a := range []*Account{
		{Owner: "ada", Balance: decimal.RequireFromString("90071992547409.9301"), Profile: map[string]any{"town": "Oslo"}},
		{Owner: "Ben", Balance: decimal.RequireFromString("0.1"), Profile: map[string]any{"town": "Rome"}},
		{Owner: "Zoë", Balance: decimal.RequireFromString("0.2"), Profile: map[string]any{"town": "Oslo"}},
	} {
		if _, err := accounts.OnConflict("owner").Update("balance", "profile").Create(ctx, a); err != nil {
			return err
		}
	}
	if err := transfer(ctx, db, "ada", "Ben", decimal.RequireFromString("0.0001")); err != nil {
		return err
	}
	err := transfer(ctx, db, "Zoë", "Ben", decimal.RequireFromString("5"))
	fmt.Fprintln(out, "too much:", err)

	// Text sorts by bytes, and numbers are exact.
	list, err := accounts.OrderBy("owner", weft.Asc).WithQuery("bookings", func(r *weft.Rel) {
		r.OrderBy("createdAt", weft.Desc).Limit(1)
	}).All(ctx)
	if err != nil {
		return err
	}
	for _, a := range list {
		fmt.Fprintf(out, "%s has %s", a.Owner, a.Balance)
		for _, b := range a.Bookings {
			fmt.Fprintf(out, ", last %s (%s)", b.Amount, b.Text)
		}
		fmt.Fprintln(out)
	}
	sum, err := accounts.Sum(ctx, "balance")
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "together", sum)

	found, err := accounts.Where("owner", "like", "ZOË").Where("profile.town", "=", "Oslo").All(ctx)
	if err != nil {
		return err
	}
	for _, a := range found {
		fmt.Fprintln(out, "found", a.Owner)
	}
	err = accounts.Create(ctx, &Account{Owner: "ada"})
	if conflict := new(weft.ConflictError); errors.As(err, &conflict) {
		fmt.Fprintf(out, "a second %s: %s on %s\n", "ada", conflict.Reason, strings.Join(conflict.Fields, ", "))
		return nil
	}
	return fmt.Errorf("a second ada: %w", err)
}

// errShort is an account without enough on it.
var errShort = errors.New("there is not enough on the account")

// transfer moves money in a serializable transaction, which is repeated when
// somebody else came between.
func transfer(ctx context.Context, db *weft.DB, from, to string, amount decimal.Decimal) error {
	return db.Tx(ctx, func(tx *weft.DB) error {
		accounts, bookings := weft.Repo[Account](tx), weft.Repo[Booking](tx)
		giver, err := accounts.Where("owner", "=", from).First(ctx)
		if err != nil {
			return err
		}
		taker, err := accounts.Where("owner", "=", to).First(ctx)
		if err != nil {
			return err
		}
		if giver.Balance.LessThan(amount) {
			return errShort
		}
		giver.Balance, taker.Balance = giver.Balance.Sub(amount), taker.Balance.Add(amount)
		if err := accounts.Save(ctx, giver); err != nil {
			return err
		}
		if err := accounts.Save(ctx, taker); err != nil {
			return err
		}
		return bookings.CreateMany(ctx, []*Booking{
			{AccountID: giver.ID, Amount: amount.Neg(), Text: "to " + to},
			{AccountID: taker.ID, Amount: amount, Text: "from " + from},
		})
	})
}

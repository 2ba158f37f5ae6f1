package weft_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/weftdb/weft"
)

func ExampleDB_Tx() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	tracks := weft.Repo[Track](db)

	err := db.Tx(ctx, func(tx *weft.DB) error {
		if _, err := tracks.In(tx).Where("title", "=", "Loom").Update(ctx, weft.Set{"plays": weft.Inc(-10)}); err != nil {
			return err
		}
		left, err := tracks.In(tx).Where("plays", "<", 25).Count(ctx)
		if err == nil && left > 0 {
			err = errors.New("that would be too few") // undoes the update
		}
		return err
	})
	fmt.Println(err)
	fmt.Println(tracks.Sum(ctx, "plays"))
	// Output:
	// that would be too few
	// 49 <nil>
}

func ExampleDB_InTx() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	tracks := weft.Repo[Track](db)

	err := db.InTx(ctx, func(ctx context.Context) error { // this ctx carries the transaction
		loom, err := tracks.Where("title", "=", "Loom").First(ctx)
		if err != nil {
			return err
		}
		_, err = tracks.Increment(ctx, loom.ID, "plays", 1)
		return err
	})
	fmt.Println(err)
	fmt.Println(tracks.Sum(ctx, "plays"))
	// Output:
	// <nil>
	// 50 <nil>
}

func ExampleFrom() {
	db := music()
	defer db.Close()
	ctx := context.Background()

	fmt.Println(weft.From(ctx) == nil)
	err := db.InTx(ctx, func(ctx context.Context) error {
		artists := weft.Repo[Artist](weft.From(ctx)) // in the transaction, without a handle at hand
		return artists.Create(ctx, &Artist{Name: "Dora"})
	})
	fmt.Println(err)
	// Output:
	// true
	// <nil>
}

func ExampleAfterCommit() {
	db := music()
	defer db.Close()
	ctx := context.Background()

	err := db.InTx(ctx, func(ctx context.Context) error {
		weft.AfterCommit(ctx, func(context.Context) { fmt.Println("send the mail") })
		fmt.Println("write the row")
		return nil
	})
	check(err)
	// Output:
	// write the row
	// send the mail
}

func ExampleDB_AfterCommit() {
	db := music()
	defer db.Close()
	ctx := context.Background()

	err := db.Tx(ctx, func(tx *weft.DB) error {
		tx.AfterCommit(ctx, func(context.Context) { fmt.Println("never printed") })
		return errors.New("no")
	})
	fmt.Println(err)
	// Output: no
}

func ExampleTxOption() {
	db := music()
	defer db.Close()
	ctx := context.Background()

	report := []weft.TxOption{weft.ReadOnly(), weft.Attempts(1)}
	err := db.Tx(ctx, func(tx *weft.DB) error {
		n, err := weft.Repo[Track](tx).Count(ctx)
		fmt.Println(n)
		return err
	}, report...)
	fmt.Println(err)
	// Output:
	// 3
	// <nil>
}

func ExampleReadOnly() {
	db := music()
	defer db.Close()
	ctx := context.Background()

	err := db.Tx(ctx, func(tx *weft.DB) error {
		return weft.Repo[Artist](tx).Create(ctx, &Artist{Name: "Dora"})
	}, weft.ReadOnly())
	fmt.Println(err)
	// Output: the transaction is read only
}

func ExampleAttempts() {
	db := music()
	defer db.Close()

	runs := 0
	err := db.Tx(context.Background(), func(tx *weft.DB) error {
		runs++ // a concurrent transaction may have the function run again, here at most once
		return nil
	}, weft.Attempts(2))
	fmt.Println(runs, err)
	// Output: 1 <nil>
}

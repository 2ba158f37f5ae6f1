package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"go.uber.org/goleak"

	"github.com/weftdb/weft"
)

var update = flag.Bool("update", false, "write golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sample(t *testing.T) *Shop {
	t.Helper()
	s, err := open(t.Context(), "")
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func TestTour(t *testing.T) {
	var out bytes.Buffer
	must(t, run(t.Context(), nil, &out, &out))
	golden := filepath.Join("testdata", "tour.txt")
	if *update {
		must(t, os.WriteFile(golden, out.Bytes(), 0o644))
	}
	want, err := os.ReadFile(golden)
	must(t, err)
	if !bytes.Equal(out.Bytes(), want) {
		t.Errorf("printed\n%s\nwant (go test -update writes it)\n%s", out.String(), want)
	}
}

func TestCommandLine(t *testing.T) {
	for _, args := range [][]string{{"sell"}, {"serve", "more"}, {"-nope"}, {"-db", filepath.Join(t.TempDir(), "none.db")}, {"serve", "-listen", "nowhere"}} {
		var out bytes.Buffer
		if err := run(t.Context(), args, &out, &out); err == nil {
			t.Errorf("%v went through: %s", args, out.String())
		}
	}
}

// Carts that are checked out at the same time: every invoice is the sum of its
// lines, and one cart gives one invoice.
func TestCheckoutsTogether(t *testing.T) {
	s, ctx := sample(t), t.Context()
	before, err := s.invoices.Count(ctx)
	must(t, err)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var shared Cart
	must(t, shared.Add(2, 3))
	var wg sync.WaitGroup
	var mu sync.Mutex
	empty := 0
	for i := range 24 {
		wg.Go(func() {
			cart := &shared
			if i%2 == 0 {
				cart = &Cart{}
				if err := errors.Join(cart.Add(int64(1+i), 2), cart.Add(int64(2+i), 1), cart.Add(int64(1+i), 1)); err != nil {
					t.Error(err)
				}
			}
			_, err := s.Checkout(ctx, int64(1+i%6), cart, now)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, ErrEmptyCart):
				empty++
			case err != nil:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	after, err := s.invoices.Count(ctx)
	must(t, err)
	if after-before != 13 || empty != 11 {
		t.Errorf("%d invoices and %d empty carts, want 13 and 11", after-before, empty)
	}
	list, err := s.invoices.With("invoiceLines").All(ctx)
	must(t, err)
	for _, i := range list {
		sum := decimal.Zero
		for _, l := range i.InvoiceLines {
			sum = sum.Add(l.UnitPrice.Mul(decimal.NewFromInt(l.Quantity)))
		}
		if len(i.InvoiceLines) == 0 || !sum.Equal(i.Total) {
			t.Errorf("invoice %d has %d lines of %s and the total %s", i.InvoiceID, len(i.InvoiceLines), sum, i.Total)
		}
	}
}

func TestCheckoutFails(t *testing.T) {
	s, ctx := sample(t), t.Context()
	count := func() int64 {
		a, err := s.invoices.Count(ctx)
		must(t, err)
		b, err := s.lines.Count(ctx)
		must(t, err)
		return a + b
	}
	before := count()
	var cart Cart
	for _, n := range []int64{0, -1, 1001} {
		if cart.Add(1, n) == nil {
			t.Errorf("%d of a track went into the cart", n)
		}
	}
	_, err := s.Checkout(ctx, 1, &cart, time.Now())
	if !errors.Is(err, ErrEmptyCart) {
		t.Errorf("an empty cart gave %v", err)
	}
	must(t, errors.Join(cart.Add(1, 1), cart.Add(4711, 1)))
	if _, err = s.Checkout(ctx, 1, &cart, time.Now()); !errors.Is(err, weft.ErrNotFound) || !strings.Contains(err.Error(), "track 4711") {
		t.Errorf("an unknown track gave %v", err)
	}
	if _, err = s.Checkout(ctx, 99, &cart, time.Now()); !errors.Is(err, weft.ErrNotFound) || !strings.Contains(err.Error(), "customer 99") {
		t.Errorf("an unknown customer gave %v", err)
	}
	if after := count(); after != before || len(cart.items) != 2 {
		t.Errorf("failures left %d rows behind and %d items in the cart", after-before, len(cart.items))
	}
	s.readOnly = true
	if _, err = s.Checkout(ctx, 1, &cart, time.Now()); !errors.Is(err, ErrReadOnly) {
		t.Errorf("a read-only shop gave %v", err)
	}
}

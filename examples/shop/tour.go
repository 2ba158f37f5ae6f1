package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/weftdb/weft"
)

// tour prints what the shop can do.
func tour(ctx context.Context, s *Shop, out io.Writer) error {
	for _, stop := range []func(context.Context, *Shop, io.Writer) error{tourSearch, tourCheckout, tourReports} {
		if err := stop(ctx, s, out); err != nil {
			return err
		}
	}
	return nil
}

func tourSearch(ctx context.Context, s *Shop, out io.Writer) error {
	found, total, err := s.Search(ctx, "love", 1)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d tracks are about love\n", total)
	for _, t := range found[:min(3, len(found))] {
		fmt.Fprintf(out, "  %s: %s (%s), %s\n", t.AlbumArtistName, t.Name, t.AlbumTitle, t.UnitPrice.StringFixed(2))
	}
	return nil
}

func tourCheckout(ctx context.Context, s *Shop, out io.Writer) error {
	if s.readOnly {
		fmt.Fprintln(out, "Nothing is bought: the database is open for reading only")
		return nil
	}
	var cart Cart
	if err := errors.Join(cart.Add(1, 2), cart.Add(3, 1)); err != nil {
		return err
	}
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	invoice, err := s.Checkout(ctx, 1, &cart, now)
	if err != nil {
		return err
	}
	if err := s.invoices.Load(ctx, invoice, "customer", "invoiceLines.track"); err != nil {
		return err
	}
	fmt.Fprintf(out, "Invoice %d for %s %s: %s\n", invoice.InvoiceID, invoice.Customer.FirstName, invoice.Customer.LastName, invoice.Total.StringFixed(2))
	for _, l := range invoice.InvoiceLines {
		fmt.Fprintf(out, "  %d × %s at %s\n", l.Quantity, l.Track.Name, l.UnitPrice.StringFixed(2))
	}
	if err := errors.Join(cart.Add(1, 1), cart.Add(999999, 1)); err != nil {
		return err
	}
	if _, err = s.Checkout(ctx, 1, &cart, now); !errors.Is(err, weft.ErrNotFound) {
		return fmt.Errorf("a cart with a track that does not exist gave %w", err)
	}
	n, err := s.invoices.Where("invoiceId", ">", invoice.InvoiceID).Count(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "A cart with an unknown track left %d invoices behind\n", n)
	return nil
}

func tourReports(ctx context.Context, s *Shop, out io.Writer) error {
	best, err := s.BestCustomers(ctx, 5)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "The best customers")
	for _, b := range best {
		fmt.Fprintf(out, "  %s %s: %s\n", b.CustomerFirstName, b.CustomerLastName, b.Total.StringFixed(2))
	}
	lists, err := s.PlaylistsWith(ctx, "Jazz")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d playlists have jazz\n", len(lists))
	_, unsold, err := s.Unsold(ctx, 1)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d tracks were never sold\n", unsold)
	revenue, err := s.RevenueByCountryAndYear(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "Revenue")
	for _, r := range revenue[:min(4, len(revenue))] {
		fmt.Fprintf(out, "  %s %d: %s in %d invoices\n", r.BillingCountry, r.InvoiceDateYear, r.Total.StringFixed(2), r.Invoices)
	}
	sellers, err := s.Sellers(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "Customers of")
	for _, e := range sellers {
		fmt.Fprintf(out, "  %s %s: %d\n", e.FirstName, e.LastName, e.Customers)
	}
	return nil
}

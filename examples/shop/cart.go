package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/examples/shop/models"
)

// Item is a number of one track in a cart.
type Item struct {
	TrackID  int64
	Quantity int64
}

// Cart is what a customer is about to buy. It is safe for concurrent use.
type Cart struct {
	mu    sync.Mutex
	items []Item
}

// The errors of carts.
var (
	ErrEmptyCart = errors.New("the cart is empty")
	ErrReadOnly  = errors.New("this database is open for reading only")
)

// Add puts tracks into the cart.
func (c *Cart) Add(track, quantity int64) error {
	if quantity < 1 || quantity > 1000 {
		return fmt.Errorf("%d of a track cannot be bought; from 1 to 1000 can", quantity)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.items {
		if c.items[i].TrackID == track {
			c.items[i].Quantity += quantity
			return nil
		}
	}
	c.items = append(c.items, Item{track, quantity})
	return nil
}

// Checkout makes an invoice of the cart, with its lines, at the prices of now,
// and empties the cart. It happens as a whole or not at all: a track that does
// not exist leaves no invoice behind. A cart that is checked out twice at the
// same time gives one invoice and one ErrEmptyCart.
func (s *Shop) Checkout(ctx context.Context, customer int64, cart *Cart, now time.Time) (*models.Invoice, error) {
	if s.readOnly {
		return nil, ErrReadOnly
	}
	cart.mu.Lock()
	defer cart.mu.Unlock()
	if len(cart.items) == 0 {
		return nil, ErrEmptyCart
	}
	var invoice *models.Invoice
	err := s.db.Tx(ctx, func(tx *weft.DB) error {
		who, err := s.customers.In(tx).Find(ctx, weft.Key(customer))
		if err != nil {
			return fmt.Errorf("customer %d: %w", customer, err)
		}
		ids := make([]int64, len(cart.items))
		for i, item := range cart.items {
			ids[i] = item.TrackID
		}
		tracks, err := s.tracks.In(tx).WhereIn("trackId", ids).All(ctx)
		if err != nil {
			return err
		}
		price := map[int64]decimal.Decimal{}
		for _, t := range tracks {
			price[t.TrackID] = t.UnitPrice
		}
		total := decimal.Zero
		lines := make([]*models.InvoiceLine, len(cart.items))
		for i, item := range cart.items {
			p, ok := price[item.TrackID]
			if !ok {
				return fmt.Errorf("track %d: %w", item.TrackID, weft.ErrNotFound)
			}
			lines[i] = &models.InvoiceLine{TrackID: item.TrackID, Quantity: item.Quantity, UnitPrice: p}
			total = total.Add(p.Mul(decimal.NewFromInt(item.Quantity)))
		}
		invoice = &models.Invoice{
			CustomerID: who.CustomerID, InvoiceDate: now, Total: total, BillingAddress: who.Address, BillingCity: who.City,
			BillingState: who.State, BillingCountry: who.Country, BillingPostalCode: who.PostalCode,
		}
		if err := s.invoices.In(tx).Create(ctx, invoice); err != nil {
			return err
		}
		for _, l := range lines {
			l.InvoiceID = invoice.InvoiceID
		}
		return s.lines.In(tx).CreateMany(ctx, lines)
	})
	if err != nil {
		return nil, fmt.Errorf("check out: %w", err)
	}
	cart.items = nil
	return invoice, nil
}

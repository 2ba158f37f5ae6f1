package main

import (
	"context"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/examples/shop/models"
)

// Best is a customer with what all invoices add up to.
type Best struct {
	CustomerID        int64
	CustomerFirstName string
	CustomerLastName  string
	Total             decimal.Decimal
}

// BestCustomers are those who bought for most. One query.
func (s *Shop) BestCustomers(ctx context.Context, n int) ([]Best, error) {
	// snippet:best
	return weft.Into[Best](ctx, s.invoices.GroupBy("customerId", "customer.firstName", "customer.lastName").
		Agg(weft.Sum("total", "total")).OrderBy("total", weft.Desc).Limit(n))
	// end:best
}

// PlaylistsWith are the playlists that have a track of a genre. One query.
func (s *Shop) PlaylistsWith(ctx context.Context, genre string) ([]*models.Playlist, error) {
	// snippet:playlists
	return s.playlists.Filter(weft.Has("tracks", weft.Has("genre", weft.If("name", "=", genre)))).
		OrderBy("playlistId", weft.Asc).All(ctx)
	// end:playlists
}

// Unsold are the tracks that nobody bought, at most so many (0 is all), and how
// many there are. Two queries.
func (s *Shop) Unsold(ctx context.Context, limit int) ([]Listing, int64, error) {
	q := s.tracks.Filter(weft.Not(weft.Has("invoiceLines")))
	n, err := q.Count(ctx)
	if err != nil {
		return nil, 0, err
	}
	list, err := weft.Into[Listing](ctx, q.OrderBy("trackId", weft.Asc).Limit(limit))
	return list, n, err
}

// Revenue is what a country paid in a year.
type Revenue struct {
	BillingCountry  string
	InvoiceDateYear int
	Total           decimal.Decimal
	Invoices        int
}

// RevenueByCountryAndYear has a row for each country and year with invoices. One
// query.
func (s *Shop) RevenueByCountryAndYear(ctx context.Context) ([]Revenue, error) {
	return weft.Into[Revenue](ctx, s.invoices.GroupBy("billingCountry", "invoiceDate.year").
		Agg(weft.Sum("total", "total"), weft.Count("invoices")).
		OrderBy("billingCountry", weft.Asc).OrderBy("invoiceDate.year", weft.Asc))
}

// Seller is an employee with the number of customers.
type Seller struct {
	EmployeeID int64
	FirstName  string
	LastName   string
	Customers  int64 `weft:"-"`
}

// Sellers are all employees, also those without customers. Two queries.
func (s *Shop) Sellers(ctx context.Context) ([]Seller, error) {
	list, err := weft.Into[Seller](ctx, s.employees.OrderBy("employeeId", weft.Asc))
	if err != nil {
		return nil, err
	}
	type served struct {
		SupportRepID *int64
		N            int64
	}
	groups, err := weft.Into[served](ctx, s.customers.GroupBy("supportRepId").Agg(weft.Count("n")))
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		for i := range list {
			if g.SupportRepID != nil && *g.SupportRepID == list[i].EmployeeID {
				list[i].Customers = g.N
			}
		}
	}
	return list, nil
}

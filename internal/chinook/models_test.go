package chinook

import (
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
)

type Artist struct {
	weft.Tracked
	ID     int64    `weft:"primary,auto,column=ArtistId"`
	Name   *string  `weft:"column=Name,size=120"`
	Albums []*Album `weft:"has_many,fk=ArtistID"`
}

func (Artist) Weft() weft.Options { return weft.Options{Table: "Artist"} }

type Album struct {
	weft.Tracked
	ID       int64    `weft:"primary,auto,column=AlbumId"`
	Title    string   `weft:"column=Title,size=160" validate:"required"`
	ArtistID int64    `weft:"column=ArtistId"`
	Artist   *Artist  `weft:"belongs_to,fk=ArtistID"`
	Tracks   []*Track `weft:"has_many,fk=AlbumID"`
}

func (Album) Weft() weft.Options { return weft.Options{Table: "Album"} }

type Track struct {
	weft.Tracked
	ID           int64           `weft:"primary,auto,column=TrackId"`
	Name         string          `weft:"column=Name,size=200"`
	AlbumID      *int64          `weft:"column=AlbumId"`
	MediaTypeID  int64           `weft:"column=MediaTypeId"`
	GenreID      *int64          `weft:"column=GenreId"`
	Composer     *string         `weft:"column=Composer,size=220"`
	Milliseconds int64           `weft:"column=Milliseconds"`
	Bytes        *int64          `weft:"column=Bytes"`
	UnitPrice    decimal.Decimal `weft:"column=UnitPrice,precision=10,scale=2"`
	Album        *Album          `weft:"belongs_to,fk=AlbumID"`
	Genre        *Genre          `weft:"belongs_to,fk=GenreID"`
	MediaType    *MediaType      `weft:"belongs_to,fk=MediaTypeID"`
	Playlists    []*Playlist     `weft:"many_to_many,through=PlaylistTrack,fk=TrackID,lk=PlaylistID"`
}

func (Track) Weft() weft.Options { return weft.Options{Table: "Track"} }

type Genre struct {
	ID   int64   `weft:"primary,auto,column=GenreId"`
	Name *string `weft:"column=Name"`
}

func (Genre) Weft() weft.Options { return weft.Options{Table: "Genre"} }

type MediaType struct {
	ID   int64   `weft:"primary,auto,column=MediaTypeId"`
	Name *string `weft:"column=Name"`
}

func (MediaType) Weft() weft.Options { return weft.Options{Table: "MediaType"} }

type Playlist struct {
	ID     int64    `weft:"primary,auto,column=PlaylistId"`
	Name   *string  `weft:"column=Name"`
	Tracks []*Track `weft:"many_to_many,through=PlaylistTrack,fk=PlaylistID,lk=TrackID"`
}

func (Playlist) Weft() weft.Options { return weft.Options{Table: "Playlist"} }

type PlaylistTrack struct {
	PlaylistID int64 `weft:"primary,column=PlaylistId"`
	TrackID    int64 `weft:"primary,column=TrackId"`
}

func (PlaylistTrack) Weft() weft.Options { return weft.Options{Table: "PlaylistTrack"} }

type Employee struct {
	weft.Tracked
	ID        int64       `weft:"primary,auto,column=EmployeeId"`
	LastName  string      `weft:"column=LastName,size=20"`
	FirstName string      `weft:"column=FirstName,size=20"`
	Title     *string     `weft:"column=Title"`
	ReportsTo *int64      `weft:"column=ReportsTo"`
	BirthDate *time.Time  `weft:"column=BirthDate"`
	HireDate  *time.Time  `weft:"column=HireDate"`
	City      *string     `weft:"column=City"`
	Email     *string     `weft:"column=Email"`
	Manager   *Employee   `weft:"belongs_to,fk=ReportsTo"`
	Reports   []*Employee `weft:"has_many,fk=ReportsTo"`
	Customers []*Customer `weft:"has_many,fk=SupportRepID"`
}

func (Employee) Weft() weft.Options { return weft.Options{Table: "Employee"} }

type Customer struct {
	weft.Tracked
	ID           int64      `weft:"primary,auto,column=CustomerId"`
	FirstName    string     `weft:"column=FirstName,size=40"`
	LastName     string     `weft:"column=LastName,size=20"`
	Company      *string    `weft:"column=Company"`
	Country      *string    `weft:"column=Country"`
	Email        string     `weft:"column=Email,size=60" validate:"required,email"`
	SupportRepID *int64     `weft:"column=SupportRepId"`
	SupportRep   *Employee  `weft:"belongs_to,fk=SupportRepID"`
	Invoices     []*Invoice `weft:"has_many,fk=CustomerID"`
}

func (Customer) Weft() weft.Options { return weft.Options{Table: "Customer"} }

type Invoice struct {
	weft.Tracked
	ID             int64           `weft:"primary,auto,column=InvoiceId"`
	CustomerID     int64           `weft:"column=CustomerId"`
	InvoiceDate    time.Time       `weft:"column=InvoiceDate"`
	BillingCountry *string         `weft:"column=BillingCountry"`
	Total          decimal.Decimal `weft:"column=Total,precision=10,scale=2"`
	Customer       *Customer       `weft:"belongs_to,fk=CustomerID"`
	Lines          []*InvoiceLine  `weft:"has_many,fk=InvoiceID"`
}

func (Invoice) Weft() weft.Options { return weft.Options{Table: "Invoice"} }

type InvoiceLine struct {
	weft.Tracked
	ID        int64           `weft:"primary,auto,column=InvoiceLineId"`
	InvoiceID int64           `weft:"column=InvoiceId"`
	TrackID   int64           `weft:"column=TrackId"`
	UnitPrice decimal.Decimal `weft:"column=UnitPrice,precision=10,scale=2"`
	Quantity  int64           `weft:"column=Quantity"`
	Track     *Track          `weft:"belongs_to,fk=TrackID"`
}

func (InvoiceLine) Weft() weft.Options { return weft.Options{Table: "InvoiceLine"} }

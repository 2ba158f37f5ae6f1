package main

import (
	"context"
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/examples/shop/models"
)

// fill makes a small sample of made-up music: the same each time.
func fill(ctx context.Context, db *weft.DB) error {
	return db.InTx(ctx, func(ctx context.Context) error {
		for _, step := range []func(context.Context, *weft.DB) error{fillMusic, fillPeople, fillPlaylists, fillInvoices} {
			if err := step(ctx, weft.From(ctx)); err != nil {
				return err
			}
		}
		return nil
	})
}

func ptr[T any](v T) *T { return &v }

func cents(n int64) decimal.Decimal { return decimal.New(n, -2) }

var (
	genres  = []string{"Rock", "Jazz", "Folk", "Opera"}
	artists = []string{"The Shuttles", "Warp Drive", "Ida Loom & Friends", "Das Webstück"}
	titles  = []string{"Over", "Under", "Selvedge"}
	songs   = []string{"Love Thread", "Heddle <Blues>", "Weave Again", "Bobbin & Bone", "Lovelace", "Treadle"}
)

func fillMusic(ctx context.Context, db *weft.DB) error {
	media := &models.MediaType{Name: ptr("MPEG audio file")}
	if err := weft.Repo[models.MediaType](db).Create(ctx, media); err != nil {
		return err
	}
	for i, name := range artists {
		genre := &models.Genre{Name: ptr(genres[i])}
		artist := &models.Artist{Name: ptr(name)}
		if err := weft.Repo[models.Genre](db).Create(ctx, genre); err != nil {
			return err
		}
		if err := weft.Repo[models.Artist](db).Create(ctx, artist); err != nil {
			return err
		}
		for k, title := range titles {
			album := &models.Album{Title: fmt.Sprintf("%s %d", title, i+1), ArtistID: artist.ArtistID}
			if err := weft.Repo[models.Album](db).Create(ctx, album); err != nil {
				return err
			}
			var tracks []*models.Track
			for n, song := range songs {
				tracks = append(tracks, &models.Track{
					Name: fmt.Sprintf("%s No. %d", song, i*len(titles)+k+1), AlbumID: &album.AlbumID, MediaTypeID: media.MediaTypeID,
					GenreID: &genre.GenreID, Milliseconds: int64(150_000 + 7_000*n), UnitPrice: cents(99 + 100*int64(n%2)),
				})
			}
			if err := weft.Repo[models.Track](db).CreateMany(ctx, tracks); err != nil {
				return err
			}
		}
	}
	return nil
}

func fillPeople(ctx context.Context, db *weft.DB) error {
	employees := weft.Repo[models.Employee](db)
	boss := &models.Employee{FirstName: "Nora", LastName: "Beam", Title: ptr("General Manager")}
	if err := employees.Create(ctx, boss); err != nil {
		return err
	}
	var reps []*models.Employee
	for _, name := range [][2]string{{"Otto", "Reed"}, {"Pia", "Warp"}} {
		reps = append(reps, &models.Employee{FirstName: name[0], LastName: name[1], Title: ptr("Sales"), ReportsTo: &boss.EmployeeID})
	}
	if err := employees.CreateMany(ctx, reps); err != nil {
		return err
	}
	var customers []*models.Customer
	for i, c := range [][3]string{
		{"Ada", "Twill", "Norway"},
		{"Ben", "Serge", "Norway"},
		{"Cleo", "Denim", "Brazil"},
		{"Dov", "Satin", "India"},
		{"Eve", "Gauze", "Brazil"},
		{"Finn", "Tweed", "Ireland"},
	} {
		customers = append(customers, &models.Customer{
			FirstName: c[0], LastName: c[1], Country: ptr(c[2]), Email: fmt.Sprintf("%s@example.com", c[0]),
			SupportRepID: &reps[min(i/4, 1)].EmployeeID,
		})
	}
	return weft.Repo[models.Customer](db).CreateMany(ctx, customers)
}

func fillPlaylists(ctx context.Context, db *weft.DB) error {
	playlists := weft.Repo[models.Playlist](db)
	for i, name := range []string{"At the loom", "Quiet evenings", "Everything"} {
		list := &models.Playlist{Name: ptr(name)}
		if err := playlists.Create(ctx, list); err != nil {
			return err
		}
		var ids []string
		for track := int64(1); track <= 72; track += int64(5 + 20*i) {
			ids = append(ids, weft.Key(track))
		}
		if err := playlists.Link(ctx, list, "tracks", ids...); err != nil {
			return err
		}
	}
	return nil
}

// fillInvoices has every customer buy a few times over three years.
func fillInvoices(ctx context.Context, db *weft.DB) error {
	s := newShop(db)
	for i := range int64(18) {
		var cart Cart
		for n := range i%3 + 1 {
			if err := cart.Add(1+(i*7+n*5)%60, 1+n%2); err != nil {
				return err
			}
		}
		at := time.Date(2023+int(i%3), time.Month(1+i%12), 5, 10, 0, 0, 0, time.UTC)
		if _, err := s.Checkout(ctx, 1+i%6, &cart, at); err != nil {
			return err
		}
	}
	return nil
}

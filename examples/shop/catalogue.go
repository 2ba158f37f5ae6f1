package main

import (
	"context"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/examples/shop/models"
)

// Listing is a track as the catalogue shows it: columns of four tables, read
// with one query.
type Listing struct {
	TrackID         int64
	Name            string
	AlbumID         *int64
	AlbumTitle      string
	AlbumArtistName string
	GenreName       string
	Milliseconds    int64
	UnitPrice       decimal.Decimal
}

// pageSize is how many tracks a page of the catalogue has.
const pageSize = 20

// Search finds tracks whose name, album or artist contains the words, by artist,
// album and name; all of them when there are none. Pages count from 1.
func (s *Shop) Search(ctx context.Context, words string, page int) (found []Listing, total int64, err error) {
	q := s.tracks.Filter()
	if words != "" {
		q = q.Filter(weft.Or(
			weft.If("name", "like", words),
			weft.Has("album", weft.Or(
				weft.If("title", "like", words),
				weft.Has("artist", weft.If("name", "like", words)),
			)),
		))
	}
	if total, err = q.Count(ctx); err != nil {
		return nil, 0, err
	}
	q = q.OrderBy("album.artist.name", weft.Asc).OrderBy("album.title", weft.Asc).OrderBy("name", weft.Asc).
		Limit(pageSize).Offset((max(page, 1) - 1) * pageSize)
	found, err = weft.Into[Listing](ctx, q)
	return found, total, err
}

// Album is an album with its artist and its tracks, ErrNotFound when there is
// none.
func (s *Shop) Album(ctx context.Context, id int64) (*models.Album, error) {
	return s.albums.Where("albumId", "=", id).With("artist").
		WithQuery("tracks", func(r *weft.Rel) { r.OrderBy("trackId", weft.Asc) }).First(ctx)
}

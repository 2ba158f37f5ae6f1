package snippets

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/docs/snippets/band"
	"github.com/weftdb/weft/docs/snippets/song"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

func TestTypedColumns(t *testing.T) {
	ctx := t.Context()
	db, err := weft.Open(sqlite.Open(filepath.Join(t.TempDir(), "songs.db")), weft.Models(Band{}, Song{}), weft.AutoMigrate())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	bands, songs := weft.Repo[Band](db), weft.Repo[Song](db)
	loom := &Band{Name: "Loom"}
	if err := bands.Create(ctx, loom); err != nil {
		t.Fatal(err)
	}
	first := &Song{
		BandID: loom.ID, Title: "First", Plays: 12, Live: true, Words: []string{"live"}, Meta: map[string]any{"bpm": 120},
	}
	if err := songs.CreateMany(ctx, []*Song{first, {BandID: loom.ID, Title: "Second", Plays: 3}}); err != nil {
		t.Fatal(err)
	}
	id := first.ID

	// snippet:typed
	list, err := songs.Filter(song.Live.Eq(true), song.Plays.Gt(10)).
		With(song.Band).
		Sort(song.CreatedAt.Desc()).
		All(ctx)
	// end:typed
	if err != nil || len(list) != 1 || list[0].Band.Name != "Loom" {
		t.Fatal(list, err)
	}

	// snippet:typedconds
	q := songs.Filter(
		song.Plays.Between(1, 100),
		weft.Or(song.Title.Like("IRS"), song.Title.StartsWith("F"), song.Out.IsNull()),
		weft.Not(song.Title.In("A", "B")),
		song.Words.Contains("live"),               // a list has the element
		song.Meta.At("bpm").Gt(100),               // a place in a JSON field
		weft.Has(song.Band, band.Name.Eq("Loom")), // on the related row
	)
	// end:typedconds
	if n, err := q.Count(ctx); err != nil || n != 1 {
		t.Fatal(n, err)
	}

	// snippet:typedset
	s, err := songs.Update(ctx, id, weft.Sets(
		song.Title.Set("Opener"),
		song.Plays.Inc(1), // and Dec
		song.Out.SetNull(),
		song.Meta.At("bpm").Set(121),
	))
	// end:typedset
	if err != nil || s.Title != "Opener" || s.Plays != 13 || s.Out != nil || s.Meta["bpm"] != 121.0 {
		t.Fatalf("%+v, %v", s, err)
	}

	// snippet:typedpluck
	titles, err := weft.Pluck(ctx, songs.Sort(song.Plays.Desc()), song.Title) // []string
	plays, err2 := weft.Into[map[string]any](ctx, songs.
		GroupBy(song.BandID.Name()).Agg(weft.Sum(song.Plays.Name(), "plays")).
		Having(song.BandID.Ne("")))
	// end:typedpluck
	if err != nil || err2 != nil || len(titles) != 2 || titles[0] != "Opener" || len(plays) != 1 || plays[0]["plays"] != int64(16) {
		t.Fatal(titles, plays, err, err2)
	}

	// snippet:typedrel
	heard, err := bands.WithQuery(band.Songs, func(r *weft.Rel) {
		r.Filter(song.Plays.Gt(5)).Sort(song.Plays.Desc()).Limit(3)
	}).All(ctx)
	// end:typedrel
	if err != nil || len(heard) != 1 || len(heard[0].Songs) != 1 {
		t.Fatal(heard, err)
	}

	// snippet:typedmodel
	_, err = songs.Filter(band.Name.Eq("Loom")).All(ctx)
	// Song: name is a column of Band, and these are rows of Song
	// end:typedmodel
	if !errors.Is(err, weft.ErrValidation) || err.Error() != "Song: name is a column of Band, and these are rows of Song" {
		t.Fatal(err)
	}
}

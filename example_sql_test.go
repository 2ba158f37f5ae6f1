package weft_test

import (
	"context"
	"fmt"

	"github.com/weftdb/weft"
)

func ExampleSQL() {
	db := music()
	defer db.Close()

	type best struct {
		Artist string
		Plays  int64
	}
	list, err := weft.SQL[best](context.Background(), db, `SELECT a.name AS artist, SUM(t.plays) AS plays
		FROM artists a JOIN tracks t ON t.artist_id = a.id
		WHERE t.plays > ? GROUP BY a.id ORDER BY plays DESC`, 5)
	fmt.Println(list, err)
	// Output: [{Ada 42} {Ben 7}] <nil>
}

func ExampleDB_Exec() {
	db := music()
	defer db.Close()

	n, err := db.Exec(context.Background(), "UPDATE tracks SET plays = plays * 2 WHERE plays < ?", 20)
	fmt.Println(n, err)
	// Output: 2 <nil>
}

func ExampleJSON() {
	db := music()
	defer db.Close()

	a := &Artist{Name: "Dora", Email: "dora@example.org"}
	a.ID = "0195a3c2-0000-7000-8000-000000000001" // else one is made
	artists := weft.Repo[Artist](db)
	check(artists.Create(context.Background(), a))
	check(artists.Load(context.Background(), a, "tracks"))
	data, err := weft.JSON(a) // what is loaded, and nothing that is hidden
	fmt.Println(string(data), err)
	// Output: {"id":"0195a3c2-0000-7000-8000-000000000001","createdAt":"2025-03-01T12:00:00Z","updatedAt":"2025-03-01T12:00:00Z","name":"Dora","email":"dora@example.org","tracks":[]} <nil>
}

func ExampleDB_JSON() {
	db := music()
	defer db.Close()

	// Mood does not embed Tracked: only the database knows its relations.
	m := &Mood{ID: 9, Name: "odd", Tracks: []*Track{}}
	data, err := db.JSON(m)
	fmt.Println(string(data), err)
	// Output: {"id":9,"name":"odd","tracks":[]} <nil>
}

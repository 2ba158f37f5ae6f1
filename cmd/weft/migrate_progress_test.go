package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/weftdb/weft/migrate"
)

// updates are those of a short step and a long one.
var updates = []migrate.Progress{
	{Step: 1, Of: 2, Kind: migrate.AddColumn, Table: "posts", Name: "likes"},
	{Step: 1, Of: 2, Kind: migrate.AddColumn, Table: "posts", Name: "likes", Elapsed: time.Millisecond},
	{Step: 2, Of: 2, Kind: migrate.RebuildTable, Table: "posts"},
	{Step: 2, Of: 2, Kind: migrate.RebuildTable, Table: "posts", Done: 1000, Total: 1_000_000, Elapsed: time.Second},
	{Step: 2, Of: 2, Kind: migrate.RebuildTable, Table: "posts", Done: 250_000, Total: 1_000_000, Elapsed: 11 * time.Second},
	{Step: 2, Of: 2, Kind: migrate.RebuildTable, Table: "posts", Done: 260_000, Total: 1_000_000, Elapsed: 12 * time.Second},
	{Step: 2, Of: 2, Kind: migrate.RebuildTable, Table: "posts", Done: 1_000_000, Total: 1_000_000, Elapsed: 42 * time.Second},
}

func TestProgressInLines(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out)
	for _, u := range updates {
		p.update(u)
	}
	p.end()
	want := "1/2 add_column posts.likes\n" +
		"2/2 rebuild_table posts\n" +
		"  … 11s, 250,000 of 1,000,000 rows\n" +
		"  … 42s, 1,000,000 of 1,000,000 rows\n"
	if out.String() != want {
		t.Errorf("it wrote\n%s\nwant\n%s", out.String(), want)
	}
}

func TestProgressAsBar(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out)
	p.terminal = true
	for _, u := range updates {
		p.update(u)
	}
	p.end()
	for _, want := range []string{"1/2 add_column posts.likes", "2/2 rebuild_table posts", "100%", "1000000/1000000"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in %q", want, out.String())
		}
	}
	if !strings.HasSuffix(out.String(), "\n") {
		t.Errorf("the line is not ended: %q", out.String())
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -123: "-123"} {
		if got := grouped(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

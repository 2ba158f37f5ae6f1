package main

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

func TestDevRefusesADatabaseOfANewerVersion(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "weft.db")
	db, err := weft.Open(sqlite.Open(path), weft.Models(sampleModels()...), weft.AutoMigrate())
	if err != nil {
		t.Fatal(err)
	}
	n, err := db.Exec(t.Context(), "UPDATE weft_meta SET value = '999' WHERE key = 'format'")
	if err != nil || n != 1 {
		t.Fatalf("%d rows, %v", n, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	status := run(t.Context(), []string{"dev", "--data", dir, "--listen", "127.0.0.1:0"}, io.Discard, &stderr)
	line := stderr.String()
	if status != exitError || strings.Count(line, "\n") != 1 || !strings.Contains(line, "newer version of Weft") ||
		!strings.Contains(line, "--data") {
		t.Errorf("status %d, said %q", status, line)
	}
}

func TestDevRefusesATableThatDoesNotFit(t *testing.T) {
	dir := t.TempDir()
	type Author struct {
		weft.Tracked
		ID    int64 `weft:"primary"`
		Wages int64
	}
	db, err := weft.Open(sqlite.Open(filepath.Join(dir, "weft.db")), weft.Models(Author{}), weft.AutoMigrate())
	if err != nil {
		t.Fatal(err)
	}
	if err := weft.Repo[Author](db).Create(t.Context(), &Author{ID: 1, Wages: 3}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	status := run(t.Context(), []string{"dev", "--data", dir, "--listen", "127.0.0.1:0"}, io.Discard, &stderr)
	if line := stderr.String(); status != exitError || strings.Count(line, "\n") != 1 || !strings.Contains(line, "authors") {
		t.Errorf("status %d, said %q", status, line)
	}
}

func TestServerStopsWithARequestUnderWay(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	out, printed := io.Pipe()
	done := make(chan error, 1)
	d := &dev{data: t.TempDir(), listen: "127.0.0.1:0"}
	go func() {
		err := d.run(ctx, printed, io.Discard)
		_ = printed.Close()
		done <- err
	}()
	// Read what it prints until it is up; a connection that says nothing must
	// not keep it from stopping.
	buf := make([]byte, 4096)
	n, err := out.Read(buf)
	if err != nil {
		t.Fatal(err, <-done)
	}
	m := regexp.MustCompile(`http://([0-9.:]+)/`).FindSubmatch(buf[:n])
	if m == nil {
		t.Fatalf("no address in %q", buf[:n])
	}
	conn, err := net.Dial("tcp", string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() { _, _ = io.Copy(io.Discard, out) }()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

package main

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/examples/shop/models"
)

func get(t *testing.T, h http.Handler, method, path string) (int, string, http.Header) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w.Code, w.Body.String(), w.Result().Header
}

func TestPages(t *testing.T) {
	s := sample(t)
	h := pages(s, slog.New(slog.NewTextHandler(io.Discard, nil)))
	evil := `<script>alert("x")</script>`
	must(t, s.albums.Create(t.Context(), &models.Album{Title: evil, ArtistID: 1}))
	for _, c := range []struct {
		path   string
		status int
		has    []string
	}{
		{"/", 200, []string{"72 tracks", "Heddle &lt;Blues&gt;", "Ida Loom &amp; Friends", `href="/?q=&amp;page=2"`}},
		{"/?page=4", 200, []string{"Back", "Warp Drive"}},
		{"/?page=5", 200, []string{"72 tracks", "Back"}},
		{"/?page=-3", 200, []string{"72 tracks", "More"}},
		{"/?q=shuttles", 200, []string{"18 tracks", "The Shuttles", "2:30", "1.99"}},
		{"/?q=selvedge", 200, []string{"24 tracks", "Selvedge 4"}},
		{"/?q=LOVELACE", 200, []string{"12 tracks"}},
		{"/?q=100%25", 200, []string{"0 tracks"}},
		{"/?q=" + url.QueryEscape(evil), 200, []string{"0 tracks", "&lt;script&gt;"}},
		{"/?q=%00%ff", 200, []string{"72 tracks"}},
		{"/albums/1", 200, []string{"Over 1", "The Shuttles", "Treadle No. 1"}},
		{"/albums/13", 200, []string{"&lt;script&gt;"}},
		{"/albums/99", 404, []string{"no such page"}},
		{"/albums/x", 404, []string{"no such page"}},
		{"/reports", 200, []string{"Cleo Denim", "Brazil", "Nora Beam", "were never sold"}},
		{"/healthz", 200, []string{`{"status": "ok"}`}},
		{"/nothing", 404, nil},
	} {
		status, body, header := get(t, h, "GET", c.path)
		if status != c.status {
			t.Errorf("%s: status %d, want %d\n%s", c.path, status, c.status, body)
		}
		for _, part := range c.has {
			if !strings.Contains(body, part) {
				t.Errorf("%s does not have %q:\n%s", c.path, part, body)
			}
		}
		if strings.Contains(body, "<script") {
			t.Errorf("%s has a script:\n%s", c.path, body)
		}
		if status == 200 && c.path != "/healthz" && !strings.Contains(header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s has no policy", c.path)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		if status, _, _ := get(t, h, method, "/"); status != http.StatusMethodNotAllowed {
			t.Errorf("%s gave %d", method, status)
		}
	}
	if status, _, _ := get(t, h, "HEAD", "/"); status != 200 {
		t.Errorf("HEAD gave %d", status)
	}
}

// A database that is gone is told as such, without its inside.
func TestPagesOfAClosedShop(t *testing.T) {
	s, err := open(t.Context(), "")
	must(t, err)
	h := pages(s, slog.New(slog.NewTextHandler(io.Discard, nil)))
	must(t, s.Close())
	if status, body, _ := get(t, h, "GET", "/"); status != 500 || !strings.Contains(body, "Something went wrong") || strings.Contains(body, "closed") {
		t.Errorf("%d %s", status, body)
	}
	if status, body, _ := get(t, h, "GET", "/healthz"); status != 503 || !strings.Contains(body, "down") {
		t.Errorf("%d %s", status, body)
	}
}

// serve answers on a real socket and ends with its context.
func TestServe(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"serve", "-listen", "127.0.0.1:0"}, w, io.Discard)
		_ = w.Close()
	}()
	line, err := bufio.NewReader(r).ReadString('\n')
	must(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(strings.TrimSpace(line) + "healthz")
	must(t, err)
	body, err := io.ReadAll(res.Body)
	must(t, err)
	must(t, res.Body.Close())
	if res.StatusCode != 200 || !strings.Contains(string(body), "ok") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	cancel()
	must(t, <-done)
}

func TestAlbumNotFound(t *testing.T) {
	if _, err := sample(t).Album(t.Context(), 4711); weft.CodeOf(err) != weft.CodeOf(weft.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

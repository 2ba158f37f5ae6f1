package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/weftdb/weft"
)

//go:embed web/*.html
var web embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"minutes": func(ms int64) string { return fmt.Sprintf("%d:%02d", ms/60_000, ms/1000%60) },
	"add":     func(a, b int) int { return a + b },
}).ParseFS(web, "web/*.html"))

// serve answers requests until ctx is done.
func serve(ctx context.Context, s *Shop, listen string, stdout, stderr io.Writer) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(stderr, nil))
	srv := &http.Server{
		Handler: pages(s, logger), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10,
	}
	fmt.Fprintf(stdout, "http://%s/\n", l.Addr())
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if srv.Shutdown(grace) != nil {
		_ = srv.Close() // cuts off what did not end in time
	}
	<-served
	return nil
}

// pages are the pages of the shop. They only read.
func pages(s *Shop, logger *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	page := func(pattern, name string, data func(r *http.Request) (any, error)) {
		mux.HandleFunc("GET "+pattern, func(w http.ResponseWriter, r *http.Request) {
			d, err := data(r)
			var b bytes.Buffer
			if err == nil {
				err = templates.ExecuteTemplate(&b, name, d)
			}
			switch {
			case errors.Is(err, weft.ErrNotFound):
				http.Error(w, "There is no such page.", http.StatusNotFound)
			case err != nil && r.Context().Err() != nil: // nobody waits for the answer
			case err != nil:
				logger.Error("page", "path", r.URL.Path, "err", err)
				http.Error(w, "Something went wrong.", http.StatusInternalServerError)
			default:
				h := w.Header()
				h.Set("Content-Type", "text/html; charset=utf-8")
				h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'")
				h.Set("X-Content-Type-Options", "nosniff")
				_, _ = b.WriteTo(w)
			}
		})
	}
	page("/{$}", "catalogue.html", s.cataloguePage)
	page("/albums/{id}", "album.html", func(r *http.Request) (any, error) {
		id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
		if err != nil {
			return nil, weft.ErrNotFound
		}
		return s.Album(r.Context(), id)
	})
	page("/reports", "reports.html", s.reportsPage)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if _, err := s.tracks.Exists(r.Context()); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(w, `{"status": "down"}`)
			return
		}
		fmt.Fprintln(w, `{"status": "ok"}`)
	})
	return mux
}

type cataloguePage struct {
	Words  string
	Tracks []Listing
	Total  int64
	Page   int
	More   bool
}

func (s *Shop) cataloguePage(r *http.Request) (any, error) {
	words := strings.TrimSpace(strings.ToValidUTF8(strings.ReplaceAll(r.FormValue("q"), "\x00", ""), ""))
	page, err := strconv.Atoi(r.FormValue("page"))
	if err != nil || page < 1 || page > 1_000_000 {
		page = 1
	}
	tracks, total, err := s.Search(r.Context(), words, page)
	return cataloguePage{Words: words, Tracks: tracks, Total: total, Page: page, More: int64(page*pageSize) < total}, err
}

type reportsPage struct {
	Best    []Best
	Revenue []Revenue
	Sellers []Seller
	Unsold  int64
}

func (s *Shop) reportsPage(r *http.Request) (any, error) {
	var p reportsPage
	var errs [4]error
	p.Best, errs[0] = s.BestCustomers(r.Context(), 5)
	p.Revenue, errs[1] = s.RevenueByCountryAndYear(r.Context())
	p.Sellers, errs[2] = s.Sellers(r.Context())
	_, p.Unsold, errs[3] = s.Unsold(r.Context(), 1)
	return p, errors.Join(errs[:]...)
}

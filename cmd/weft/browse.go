package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

//go:embed web
var web embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"path":     modelPath,
	"words":    relationWords,
	"hasField": hasField,
}).ParseFS(web, "web/*.html"))

// requestWithin bounds how long one page may take.
const requestWithin = 15 * time.Second

// browser serves read-only pages over any set of models. It reads through the
// engine with all its layers, so it sees what every other door sees.
type browser struct {
	eng     op.Engine
	models  *schema.Set
	log     *slog.Logger
	local   bool // listens for this machine only
	started time.Time
}

// newBrowser makes the handler for a database, listening on addr.
func newBrowser(db *weft.DB, addr net.Addr, log *slog.Logger) http.Handler {
	b := &browser{eng: db.Engine(), models: db.Schema(), log: log, local: isLoopback(addr), started: time.Now()}
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", b.home)
	mux.HandleFunc("/healthz", b.health)
	mux.HandleFunc("/style.css", b.style)
	mux.HandleFunc("/models/{model}", b.listPage)
	mux.HandleFunc("/models/{model}/{id}", b.rowPage)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		b.fail(w, r, http.StatusNotFound, fmt.Sprintf("There is no page %s.", r.URL.Path))
	})
	return b.guard(mux)
}

// guard does what holds for every page.
func (b *browser) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				b.log.Error("page panicked", "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
				b.fail(w, r, http.StatusInternalServerError, "This page failed. The reason is in the output of weft dev.")
			}
		}()
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if why := b.foreign(r); why != "" {
			b.fail(w, r, http.StatusForbidden, why)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			b.fail(w, r, http.StatusMethodNotAllowed, "These pages can only be read.")
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), requestWithin)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// foreign says why a request does not come from a page or program that meant
// this server. A page of another site can have its own name point at this
// machine and read the answers; its name is then in the Host header.
func (b *browser) foreign(r *http.Request) string {
	if b.local && !isLocalName(hostOf(r.Host)) {
		return fmt.Sprintf("The Host %q is not this machine; use http://127.0.0.1 or http://localhost.", r.Host)
	}
	if o := r.Header.Get("Origin"); o != "" {
		if u, err := url.Parse(o); err != nil || u.Host != r.Host {
			return fmt.Sprintf("The Origin %q is another site.", o)
		}
	}
	return ""
}

func hostOf(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.Trim(hostport, "[]")
}

func isLocalName(host string) bool {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// page is what every template gets.
type page struct {
	Title  string
	Nav    []*schema.Model
	Here   string // name of the model shown
	Engine string
	Body   any
}

// render writes a page at once, so that a failing template leaves no half one.
func (b *browser) render(w http.ResponseWriter, status int, name string, p page) {
	p.Nav, p.Engine = b.models.Models, b.eng.Caps().Engine
	var buf bytes.Buffer
	if err := pages.ExecuteTemplate(&buf, name, p); err != nil {
		b.log.Error("page failed", "template", name, "error", err)
		http.Error(w, "This page failed. The reason is in the output of weft dev.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(buf.Bytes()) // the reader has gone
}

// wantsJSON reports whether the answer is for a program.
func wantsJSON(r *http.Request) bool { return r.URL.Query().Get("format") == "json" }

func writeJSON(w http.ResponseWriter, status int, v any) {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		http.Error(w, "This page failed.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // the reader has gone
}

// fail answers with an error.
func (b *browser) fail(w http.ResponseWriter, r *http.Request, status int, message string) {
	if wantsJSON(r) {
		writeJSON(w, status, map[string]any{"error": message})
		return
	}
	b.render(w, status, "error.html", page{
		Title: http.StatusText(status),
		Body:  map[string]any{"Status": status, "Text": http.StatusText(status), "Message": message},
	})
}

// failWith answers with the error of an operation.
func (b *browser) failWith(w http.ResponseWriter, r *http.Request, err error) {
	status, message := b.explain(r, err)
	b.fail(w, r, status, message)
}

// explain finds status and words for an error. Faults of the reader's input are
// told as they are; what went wrong inside is told in the log too.
func (b *browser) explain(r *http.Request, err error) (int, string) {
	code := op.CodeOf(err)
	switch code {
	case op.CodeValidation, op.CodeNotFound, op.CodeUnsupported:
	case op.CodeCancelled:
	default:
		b.log.Error("request failed", "path", r.URL.Path, "code", string(code), "error", err)
	}
	return code.HTTP(), err.Error()
}

// home lists the models.
func (b *browser) home(w http.ResponseWriter, r *http.Request) {
	type entry struct {
		*schema.Model
		Rows      int64
		Fields    []fieldInfo
		Relations []*schema.Relation
	}
	var list []entry
	var total int64
	for _, m := range b.models.Models {
		res, err := b.eng.Do(r.Context(), op.Op{Kind: op.Count, Model: m})
		if err != nil {
			b.failWith(w, r, err)
			return
		}
		total += res.N
		list = append(list, entry{Model: m, Rows: res.N, Fields: describe(m), Relations: m.Relations})
	}
	b.render(w, http.StatusOK, "home.html", page{Title: "Models", Body: map[string]any{"Models": list, "Rows": total}})
}

// health really asks the database.
func (b *browser) health(w http.ResponseWriter, r *http.Request) {
	type database struct {
		Engine  string `json:"engine"`
		Status  string `json:"status"`
		Latency string `json:"latency"`
		Error   string `json:"error,omitempty"`
	}
	begin := time.Now()
	err := b.ping(r.Context())
	out := struct {
		Status   string   `json:"status"`
		Version  string   `json:"version"`
		Uptime   string   `json:"uptime"`
		Database database `json:"database"`
	}{"ok", versionName(), time.Since(b.started).Round(time.Second).String(), database{
		Engine: b.eng.Caps().Engine, Status: "ok", Latency: time.Since(begin).Round(time.Microsecond).String(),
	}}
	status := http.StatusOK
	if err != nil {
		b.log.Error("database is not well", "error", err)
		status = http.StatusServiceUnavailable
		out.Status, out.Database.Status, out.Database.Error = "error", "error", oneLine(err)
	}
	writeJSON(w, status, out)
}

// ping reads a row of each table.
func (b *browser) ping(ctx context.Context) error {
	for _, m := range b.models.Models {
		rows, err := b.rows(ctx, op.Op{Kind: op.Find, Model: m, Limit: 1})
		if err != nil {
			return fmt.Errorf("read %s: %w", m.Name, err)
		}
		_ = rows
	}
	return nil
}

// rows runs a find and gathers what it gives.
func (b *browser) rows(ctx context.Context, o op.Op) (all [][]any, err error) {
	res, err := b.eng.Do(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, res.Rows.Close()) }()
	for res.Rows.Next() {
		all = append(all, append([]any(nil), res.Rows.Row()...))
	}
	return all, res.Rows.Err()
}

func (b *browser) style(w http.ResponseWriter, _ *http.Request) {
	data, err := web.ReadFile("web/style.css")
	if err != nil {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(data) // the reader has gone
}

// model finds the model that a path names, or answers that there is none.
func (b *browser) model(w http.ResponseWriter, r *http.Request) *schema.Model {
	name := r.PathValue("model")
	m := b.models.Model(name)
	if m == nil {
		var names []string
		for _, m := range b.models.Models {
			names = append(names, m.Name)
		}
		b.fail(w, r, http.StatusNotFound, fmt.Sprintf("There is no model %q; the models are %s.", name, strings.Join(names, ", ")))
	}
	return m
}

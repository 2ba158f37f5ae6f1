package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// Item has what the sample has not: an integer key, text that looks like HTML,
// fields that must stay unseen, bytes, and a condition on NULL.
type Item struct {
	weft.Tracked
	Number int64  `weft:"primary"`
	Name   string `validate:"required"`
	Note   *string
	Secret string `json:"-"`
	Raw    []byte
	Score  *float64
	Parts  []*Part `weft:"has_many,fk=ItemNumber"`
}

// Part has a key of two fields.
type Part struct {
	ItemNumber int64  `weft:"primary"`
	Code       string `weft:"primary"`
	Item       *Item  `weft:"belongs_to,fk=ItemNumber"`
}

type site struct {
	t       *testing.T
	handler http.Handler
	log     *bytes.Buffer
	db      *weft.DB
}

var loopback = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8420}

// openSite opens a database with the sample and some items.
func openSite(t *testing.T) *site {
	t.Helper()
	db, err := weft.Open(sqlite.Open(filepath.Join(t.TempDir(), "weft.db")),
		weft.Models(append(sampleModels(), Item{}, Part{})...), weft.AutoMigrate())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := loadSample(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	half := 0.5
	err = weft.Repo[Item](db).CreateMany(t.Context(), []*Item{
		{Number: 1, Name: `<script>alert("1")</script>`, Secret: "hush", Raw: []byte{1, 2, 255}},
		{Number: 2, Name: "50% off & more", Score: &half},
		{Number: 3, Name: strings.Repeat("long ", 40)},
	})
	if err != nil {
		t.Fatal(err)
	}
	err = weft.Repo[Part](db).CreateMany(t.Context(), []*Part{
		{ItemNumber: 1, Code: `a,b\c/d e`}, {ItemNumber: 1, Code: "plain"}, {ItemNumber: 2, Code: "plain"},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, log: &bytes.Buffer{}, db: db}
	s.handler = newBrowser(db, loopback, slog.New(slog.NewTextHandler(s.log, nil)))
	return s
}

// ask makes a request.
func (s *site) ask(method, target string, header ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.t.Context(), method, target, nil)
	r.Host = "127.0.0.1:8420"
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		} else {
			r.Header.Set(header[i], header[i+1])
		}
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

// get reads a page and checks its status and that it holds and lacks texts;
// those that begin with ! must not be there.
func (s *site) get(target string, status int, texts ...string) string {
	s.t.Helper()
	w := s.ask(http.MethodGet, target)
	body := w.Body.String()
	if w.Code != status {
		s.t.Errorf("GET %s: status %d, want %d\n%s", target, w.Code, status, body)
	}
	for _, text := range texts {
		if absent, ok := strings.CutPrefix(text, "!"); ok {
			if strings.Contains(body, absent) {
				s.t.Errorf("GET %s: the page has %q", target, absent)
			}
		} else if !strings.Contains(body, text) {
			s.t.Errorf("GET %s: the page lacks %q\n%s", target, text, body)
		}
	}
	return body
}

func TestHomeListsModels(t *testing.T) {
	s := openSite(t)
	s.get("/", 200, ">Author</a>", ">BookGenre</a>", "14 rows", "belongs to", "many to many", "→ Author",
		"decimal(8,2)", "default true", `<a href="/models/Item">`, "!secret", "!_version")
	s.get("/style.css", 200, "--paper")
	s.get("/nothing", 404, "There is no page /nothing.")
}

func TestListShowsRows(t *testing.T) {
	s := openSite(t)
	s.get("/models/Author", 200, "14 rows.", ">country</a>", "NULL", "!next →")
	s.get("/models/Item", 200, "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;", "!<script", "!hush", "3 bytes: 0102ff", "…")
	// A foreign key shows the name of the row it points at.
	s.get("/models/Part", 200, "50% off &amp; more", `href="/models/Item/2"`)
	s.get("/models/Nope", 404, `There is no model &#34;Nope&#34;; the models are Author, Book,`)
}

func TestListIsPaged(t *testing.T) {
	s := openSite(t)
	link := func(body, rel string) string {
		m := regexp.MustCompile(`<a href="([^"]*)" rel="` + rel + `"`).FindStringSubmatch(body)
		if m == nil {
			return ""
		}
		return strings.ReplaceAll(m[1], "&amp;", "&")
	}
	opened := regexp.MustCompile(`(?m)^<tr><td><a href="([^"]*)"`)
	for _, order := range []string{"", "sort=title", "sort=-pages", "sort=published", "sort=-prequelId", "sort=price", "sort=inPrint", "sort=createdAt"} {
		t.Run(order, func(t *testing.T) {
			s := &site{t: t, handler: s.handler}
			next := "/models/Book?limit=7&" + order
			var forward [][]string
			seen := map[string]bool{}
			var body string
			for next != "" {
				body = s.get(next, 200)
				var page []string
				for _, m := range opened.FindAllStringSubmatch(body, -1) {
					if seen[m[1]] {
						t.Fatalf("%s comes twice", m[1])
					}
					seen[m[1]] = true
					page = append(page, m[1])
				}
				forward = append(forward, page)
				next = link(body, "next")
			}
			if want := len(makeSample().books); len(seen) != want {
				t.Fatalf("paged through %d books, there are %d", len(seen), want)
			}
			at := len(forward) - 1
			for prev := link(body, "prev"); prev != ""; prev = link(body, "prev") {
				at--
				body = s.get(prev, 200, "first page")
				var page []string
				for _, m := range opened.FindAllStringSubmatch(body, -1) {
					page = append(page, m[1])
				}
				if at < 0 || strings.Join(page, " ") != strings.Join(forward[at], " ") {
					t.Fatalf("going back, page %d is\n%v\nwant\n%v", at, page, forward[at])
				}
			}
			if at != 0 {
				t.Errorf("going back ended on page %d", at)
			}
		})
	}
}

func TestListFilters(t *testing.T) {
	s := openSite(t)
	q := func(model, field, operator, value string) string {
		return "/models/" + model + "?" + url.Values{"field": {field}, "op": {operator}, "value": {value}}.Encode()
	}
	for _, c := range []struct{ model, field, op, value, text string }{
		{"Item", "number", "=", "2", "1 row matches."},
		{"Item", "Number", ">=", "2", "2 rows match."},
		{"Item", "number", "in", "1, 3,9", "2 rows match."},
		{"Item", "number", "between", "2,3", "2 rows match."},
		{"Item", "name", "like", "50% OFF", "1 row matches."},
		{"Item", "name", "starts with", "<script", "1 row matches."},
		{"Item", "score", "is null", "", "2 rows match."},
		{"Item", "score", "not null", "", "1 row matches."},
		{"Item", "score", "<", "0.75", "1 row matches."},
		{"Item", "name", "=", "nobody", "Nothing to show here."},
		{"Book", "inPrint", "=", "false", "match"},
		{"Book", "price", "<=", "12.5", "match"},
		{"Book", "published", "<", "1950-01-01", "match"},
		{"Book", "createdAt", ">", "2026-01-01 00:00:00", "match"},
		{"Book", "keywords", "contains", "sea", "match"},
		{"Reader", "address.city", "=", "Oslo", "match"},
	} {
		s.get(q(c.model, c.field, c.op, c.value), 200, c.text)
	}
	for _, c := range []struct{ model, field, op, value, text string }{
		{"Item", "nme", "=", "x", `Item has no field &#34;nme&#34;; its fields are number, name, note, raw, score`},
		{"Item", "secret", "=", "hush", `has no field &#34;secret&#34;`},
		{"Item", "number", "=", "two", "takes a whole number, such as 42, and &#34;two&#34; is none"},
		{"Item", "score", "=", "x", "takes a number"},
		{"Item", "number", "~", "2", "unknown operator"},
		{"Item", "number", "between", "2", "takes two values"},
		{"Item", "score", "is null", "1", "takes no value"},
		{"Item", "", "=", "1", "has no field to compare with"},
		{"Item", "number", "like", "1", "like"},
		{"Book", "published", "=", "yesterday", "takes a time, such as"},
		{"Book", "price", "=", "cheap", "takes a decimal"},
		{"Book", "price", "<", "1e999999999", "price"}, // must not fill the memory
		{"Book", "inPrint", "=", "maybe", "takes true or false"},
	} {
		s.get(q(c.model, c.field, c.op, c.value), 422, c.text, `role="alert"`, "!class=\"rows\"")
	}
}

func TestListRefusesBadParameters(t *testing.T) {
	s := openSite(t)
	for target, text := range map[string]string{
		"/models/Item?sort=nothing":     "has no field",
		"/models/Item?sort=secret":      "has no field",
		"/models/Book?sort=keywords":    "which has no order",
		"/models/Item?limit=0":          "from 1 to 200",
		"/models/Item?limit=x":          "from 1 to 200",
		"/models/Item?limit=201":        "from 1 to 200",
		"/models/Item?page=2":           "there is no parameter &#34;page&#34;",
		"/models/Item?sort=name&sort=x": "is given 2 times",
		"/models/Item?after=!":          "cannot be read",
		"/models/Item?after=e30":        "cannot be read",
		"/models/Item?after=x&before=y": "exclude each other",
		"/models/Item?format=xml":       "json or html",
	} {
		s.get(target, 422, text)
	}
	m := s.db.Schema().Model("Item")
	other := writeCursor(m, []op.Sort{{Field: "name"}, {Field: "number"}}, make([]any, len(m.Fields)))
	s.get("/models/Item?after="+other, 422, "another order")
	wrongType := writeCursor(m, []op.Sort{{Field: "number"}}, []any{"text", nil, nil, nil, nil, nil})
	s.get("/models/Item?after="+wrongType, 422)
}

func TestRowFollowsRelations(t *testing.T) {
	s := openSite(t)
	sample := makeSample()
	book := sample.books[0]
	body := s.get("/models/Book/"+book.ID, 200, book.Title, sample.authors[0].Name, "has many Review", "many to many Genre",
		`href="/models/Author/`+book.AuthorID+`"`)
	if !strings.Contains(body, sample.genres[0].Name) {
		t.Error("the page of a book lacks its genre")
	}
	// More related rows than fit: the first are shown, and a link to all.
	var busiest *Genre
	books := map[string]int{}
	for _, bg := range sample.bookGenres {
		books[bg.GenreID]++
	}
	for _, g := range sample.genres {
		if busiest == nil || books[g.ID] > books[busiest.ID] {
			busiest = g
		}
	}
	if books[busiest.ID] > relatedShown {
		s.get("/models/Genre/"+busiest.ID, 200, "These are the first 20.", "Show all")
	}
	s.get("/models/Item/1", 200, "3 bytes", "!hush", `/models/Part/1%2Ca%5C%2Cb%5C%5Cc%2Fd%20e`)
}

func TestRowPagesAreFoundByAnyKey(t *testing.T) {
	s := openSite(t)
	s.get("/models/Part/"+url.PathEscape(weft.Key(1, `a,b\c/d e`)), 200, "a,b\\c/d e")
	s.get("/models/Item/1", 200, "&lt;script&gt;", "!<script>")
	s.get("/models/Item/99", 404, `There is no Item with the key &#34;99&#34;.`)
	s.get("/models/Item/abc", 404, "not an integer")
	s.get("/models/Part/1", 404, "the key of Part has 2 parts")
	s.get("/models/Book/no-such-book", 404)
	s.get("/models/Book/%00", 404)
	s.get("/models/Nope/1", 404)
}

func TestJSON(t *testing.T) {
	s := openSite(t)
	var list struct {
		Data    []map[string]any
		Total   int
		HasMore bool
		Cursor  string
	}
	body := s.get("/models/Item?limit=2&format=json", 200)
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Data) != 2 || list.Total != 3 || !list.HasMore || list.Cursor == "" {
		t.Errorf("list is %+v", list)
	}
	if _, there := list.Data[0]["secret"]; there {
		t.Error("a hidden field is in the answer")
	}
	s.get("/models/Item?limit=2&format=json&after="+list.Cursor, 200, `"number": 3`, `"hasMore": false`)
	s.get("/models/Item/1?format=json", 200, `"number": 1`, `"raw": "AQL/"`)
	s.get("/models/Item?format=json&sort=x", 422, `"code": "VALIDATION_ERROR"`)
	s.get("/models/Item/9?format=json", 404, `"error"`)
}

func TestHealth(t *testing.T) {
	s := openSite(t)
	s.get("/healthz", 200, `"status": "ok"`, `"engine": "sqlite"`, `"latency"`)
	if err := s.db.Close(); err != nil {
		t.Fatal(err)
	}
	s.get("/healthz", 503, `"status": "error"`, "closed")
	s.get("/models/Item", 503, "closed")
	s.get("/", 503, "closed")
}

func TestGuard(t *testing.T) {
	s := openSite(t)
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
		w := s.ask(method, "/models/Item/1")
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: status %d, Allow %q", method, w.Code, w.Header().Get("Allow"))
		}
	}
	for host, status := range map[string]int{
		"127.0.0.1:8420": 200, "localhost:8420": 200, "LOCALHOST": 200, "[::1]:8420": 200, "127.9.9.9": 200,
		"evil.example:8420": 403, "127.0.0.1.evil.example": 403, "localhost.evil.example:8420": 403, "192.168.1.7:8420": 403, "": 403,
	} {
		if w := s.ask("GET", "/", "Host", host); w.Code != status {
			t.Errorf("Host %q: status %d, want %d", host, w.Code, status)
		}
	}
	for origin, status := range map[string]int{"http://127.0.0.1:8420": 200, "http://evil.example": 403, "null": 403, "http://127.0.0.1:9": 403} {
		if w := s.ask("GET", "/", "Origin", origin); w.Code != status {
			t.Errorf("Origin %q: status %d, want %d", origin, w.Code, status)
		}
	}
	w := s.ask("HEAD", "/")
	if w.Code != 200 {
		t.Errorf("HEAD: status %d", w.Code)
	}
	for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy"} {
		if w.Header().Get(name) == "" {
			t.Errorf("the header %s is missing", name)
		}
	}
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("the content security policy is %q", csp)
	}
}

// panicking is an engine with a fault.
type panicking struct{}

func (panicking) Do(context.Context, op.Op) (op.Result, error)       { panic("what now") }
func (panicking) Begin(context.Context, op.TxOptions) (op.Tx, error) { panic("what now") }
func (panicking) Caps() op.Caps                                      { return op.Caps{Engine: "broken"} }
func (panicking) Close() error                                       { return nil }

func TestPanicIsAPage(t *testing.T) {
	var log bytes.Buffer
	m := &schema.Model{Name: "Thing", Fields: []*schema.Field{{Name: "id", Type: schema.String, Primary: true}}}
	set, err := schema.Build(m)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{eng: panicking{}, models: set, log: slog.New(slog.NewTextHandler(&log, nil)), local: true}
	s := &site{t: t, handler: b.guard(http.HandlerFunc(b.home))}
	s.get("/", 500, "This page failed.", "!what now")
	if !strings.Contains(log.String(), "what now") {
		t.Errorf("the log does not tell of the panic: %s", log.String())
	}
}

func TestSampleIsTheSameEachTime(t *testing.T) {
	a, b := makeSample(), makeSample()
	x, err := json.Marshal([]any{a.authors, a.books, a.readers, a.reviews, a.bookGenres, a.genres})
	if err != nil {
		t.Fatal(err)
	}
	y, err := json.Marshal([]any{b.authors, b.books, b.readers, b.reviews, b.bookGenres, b.genres})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(x, y) {
		t.Error("two samples differ")
	}
	if n := a.rows(); n < 300 || n > 900 {
		t.Errorf("the sample has %d rows", n)
	}
}

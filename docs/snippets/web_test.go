package snippets

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/weftdb/weft"
)

// snippet:http-routes
type server struct{ books *weft.Repository[Book] }

func (s server) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, handle := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /books":        s.list,
		"GET /books/{id}":   s.read,
		"PATCH /books/{id}": s.change,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := handle(w, r); err != nil {
				fail(w, err)
			}
		})
	}
	return mux
}

// end:http-routes

// snippet:http-list
func (s server) list(w http.ResponseWriter, r *http.Request) error {
	page, err := s.books.OrderBy("createdAt", weft.Desc).Limit(20).After(r.URL.Query().Get("after")).Page(r.Context())
	if err != nil {
		return err // a cursor that was made up is a VALIDATION_ERROR
	}
	rows, err := weft.JSON(page.Data)
	if err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(map[string]any{
		"data": json.RawMessage(rows), "cursor": page.Cursor, "hasMore": page.HasMore,
	})
}

// end:http-list

// snippet:http-read
func (s server) read(w http.ResponseWriter, r *http.Request) error {
	b, err := s.books.Find(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return send(w, b)
}

func send(w http.ResponseWriter, b *Book) error {
	data, err := weft.JSON(b) // loaded relations only, hidden fields left out
	if err != nil {
		return err
	}
	w.Header().Set("ETag", strconv.Quote(strconv.FormatInt(int64(weft.VersionOf(b)), 10)))
	_, err = w.Write(data)
	return err
}

// end:http-read

// snippet:http-change
func (s server) change(w http.ResponseWriter, r *http.Request) error {
	set, err := s.books.Patch(r.Body, "title", "price", "released") // the fields that may be set
	if err != nil {
		return err
	}
	if match := r.Header.Get("If-Match"); match != "" {
		version, err := strconv.ParseInt(strings.Trim(match, `"`), 10, 64)
		if err != nil {
			version = -1 // no row has it
		}
		set = set.IfVersion(weft.Version(version))
	}
	b, err := s.books.Update(r.Context(), r.PathValue("id"), set)
	if err != nil {
		return err
	}
	return send(w, b)
}

// end:http-change

// snippet:http-fail
func fail(w http.ResponseWriter, err error) {
	status := weft.CodeOf(err).HTTP()
	var conflict *weft.ConflictError
	if errors.As(err, &conflict) && conflict.Reason == "stale" {
		status = http.StatusPreconditionFailed
	}
	body := map[string]any{"code": weft.CodeOf(err), "message": err.Error()}
	var invalid *weft.ValidationError
	if errors.As(err, &invalid) {
		body["fields"] = invalid.Fields
	}
	if status >= 500 {
		body["message"] = http.StatusText(status) // the text is for the log
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// end:http-fail

func TestHTTP(t *testing.T) {
	db := openShop(t)
	_, made := fill(t, db)
	web := server{weft.Repo[Book](db)}.routes()
	do := func(method, path, body, match string) (*httptest.ResponseRecorder, map[string]any) {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		if match != "" {
			r.Header.Set("If-Match", match)
		}
		w := httptest.NewRecorder()
		web.ServeHTTP(w, r)
		var out map[string]any
		must(t, json.Unmarshal(w.Body.Bytes(), &out))
		return w, out
	}
	w, out := do("GET", "/books", "", "")
	same(t, w.Code, 200)
	same(t, len(out["data"].([]any)), 3)
	w, _ = do("GET", "/books?after=nonsense", "", "")
	same(t, w.Code, 422)
	one := "/books/" + made[0].ID
	w, out = do("GET", one, "", "")
	same(t, w.Header().Get("ETag"), `"1"`)
	same(t, out["title"].(string), "One")
	w, _ = do("GET", "/books/none", "", "")
	same(t, w.Code, 404)
	w, out = do("PATCH", one, `{"title": "First", "price": 12.30}`, `"1"`)
	same(t, w.Code, 200)
	same(t, out["price"].(string), "12.3")
	w, _ = do("PATCH", one, `{"title": "Second"}`, `"1"`)
	same(t, w.Code, 412)
	w, _ = do("PATCH", one, `{"title": "Second"}`, `W/"abc"`)
	same(t, w.Code, 412)
	w, out = do("PATCH", one, `{"sold": 1000000, "titel": "x", "price": "dear"}`, "")
	same(t, w.Code, 422)
	same(t, len(out["fields"].(map[string]any)), 3)
	w, _ = do("PATCH", one, `{"title": null}`, "")
	same(t, w.Code, 422)
}

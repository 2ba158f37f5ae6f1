package rqlite

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
)

// longestID bounds what a client may have remembered with a change.
const longestID = 128

const jsonType = "application/json; charset=utf-8"

// statements reads those of the request's body.
func (h *Handler) statements(c *call) ([]door.Statement, error) {
	body := c.body(h.o.Body)
	if strings.HasPrefix(c.r.Header.Get("Content-Type"), "text/plain") {
		sql, err := io.ReadAll(body)
		return []door.Statement{{SQL: string(sql)}}, err
	}
	return readAll(body)
}

// readAll is readBody, and takes in what stands behind the array: only then does
// the server see a client that goes away while its statements run.
func readAll(body io.Reader) ([]door.Statement, error) {
	list, err := readBody(body)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, body); err != nil {
		return nil, badJSON(err)
	}
	return list, nil
}

func (h *Handler) execute(c *call) {
	list, err := h.statements(c)
	queued := c.p.has("queue")
	if err != nil && !(queued && c.p.has("wait") && errors.Is(err, errNoStatements)) {
		c.refuse(err)
		return
	}
	// rqlite runs what it has queued without a transaction, whatever was asked.
	res := h.run(c, door.Request{Statements: list, Atomic: c.p.has("transaction") && !queued}, true)
	if queued {
		if res.err != nil {
			// The client will hear nothing more of it, and many look at nothing
			// but the status here.
			http.Error(c, res.err.Error(), http.StatusServiceUnavailable)
			return
		}
		res.sequence = h.queued.Add(1)
	}
	h.answer(c, res, form{timings: c.p.has("timings")})
}

func (h *Handler) query(c *call) {
	var (
		list []door.Statement
		err  error
	)
	if c.r.Method == http.MethodPost {
		list, err = h.statements(c)
	} else {
		list = []door.Statement{{SQL: c.p["q"]}}
	}
	if err != nil {
		c.refuse(err)
		return
	}
	h.answer(c, h.run(c, door.Request{Statements: list, Atomic: c.p.has("transaction"), ReadOnly: true}, false), form{
		query: true, associative: c.p.has("associative"), blobArray: c.p.has("blob_array"), timings: c.p.has("timings"),
	})
}

func (h *Handler) request(c *call) {
	list, err := readAll(c.body(h.o.Body))
	if err != nil {
		c.refuse(err)
		return
	}
	h.answer(c, h.run(c, door.Request{Statements: list, Atomic: c.p.has("transaction")}, true), form{
		associative: c.p.has("associative"), blobArray: c.p.has("blob_array"), timings: c.p.has("timings"),
	})
}

// run runs statements, without those that are empty. writes says that some may
// change something.
func (h *Handler) run(c *call, q door.Request, writes bool) response {
	start := time.Now()
	list := make([]door.Statement, 0, len(q.Statements))
	for _, s := range q.Statements {
		if s.SQL != "" {
			list = append(list, s)
		}
	}
	if len(list) == 0 {
		return response{elapsed: time.Since(start)}
	}
	q.Statements = list
	if q.ID = c.r.Header.Get("Idempotency-Key"); len(q.ID) > longestID {
		return response{err: op.Errorf(op.CodeValidation, "the header Idempotency-Key has %d bytes: at most %d, such as a UUID", len(q.ID), longestID)}
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), c.p.timeout())
	defer cancel()
	answers, err := c.g.Run(op.WithReading(ctx, c.p.reading(h.standby(ctx, c))), q)
	res := response{answers: answers, err: err, elapsed: time.Since(start)}
	if err != nil {
		h.log.Debug("request failed", "namespace", c.namespace, "path", c.r.URL.Path, "err", err)
		res.answers = nil
		if code := op.CodeOf(err); len(list) == 1 && (code == op.CodeValidation || code == op.CodeForbidden) {
			// It is about the one statement: rqlite says so at its place.
			res.answers, res.err = []door.Answer{{Err: err}}, nil
		} else if writes {
			// Some clients, gorqlite among them, look at the results only, and take
			// none for success.
			res.answers = []door.Answer{{Err: err}}
		}
		return res
	}
	for i := range res.answers {
		finite(&res.answers[i])
		if q.Atomic && !q.ReadOnly && res.answers[i].Err != nil {
			res.answers = res.answers[:i+1] // the rest did not run
			break
		}
	}
	return res
}

// standby reports whether this node's copy of the group does not vote. It is
// asked only where the answer depends on it.
func (h *Handler) standby(ctx context.Context, c *call) bool {
	if !c.p.auto() {
		return false
	}
	info, err := c.g.Info(ctx)
	if err != nil || info.Server == "" {
		return false
	}
	for _, m := range info.Members {
		if m.Server == info.Server {
			return !m.Voter
		}
	}
	return false
}

// answer writes the response, piece by piece.
func (h *Handler) answer(c *call, res response, f form) {
	c.Header().Set("Content-Type", jsonType)
	var w io.Writer = c.ResponseWriter
	var whole bytes.Buffer
	if c.p.has("pretty") {
		w = &whole
	}
	err := (&encoder{w: w}).response(res, f)
	if err == nil && whole.Len() > 0 {
		var out bytes.Buffer
		if err = json.Indent(&out, whole.Bytes(), "", "    "); err == nil {
			_, err = c.Write(out.Bytes())
		}
	}
	if err != nil {
		h.log.Debug("the client did not take its answer", "err", err)
	}
}

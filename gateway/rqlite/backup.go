package rqlite

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
)

// fileHeader is what every SQLite file begins with.
const fileHeader = "SQLite format 3\x00"

// saveBackup streams a copy of the database.
func (h *Handler) saveBackup(c *call) {
	format := c.p["fmt"]
	if c.p.has("vacuum") && format == "sql" {
		http.Error(c, "invalid vacuum", http.StatusBadRequest)
		return
	}
	kind := "application/octet-stream"
	if format == "sql" {
		kind = "application/sql"
	}
	c.Header().Set("Content-Type", kind)
	out := &counting{w: c.ResponseWriter}
	var w io.Writer = out
	var z *gzip.Writer
	if c.p.has("compress") && format != "sql" {
		z = gzip.NewWriter(out)
		w = z
	}
	ctx := op.WithReading(c.r.Context(), c.p.reading(false))
	var err error
	if format == "sql" {
		err = h.dump(ctx, c.g, w)
	} else {
		err = c.g.Backup(ctx, w)
	}
	if err == nil && z != nil {
		err = z.Close()
	}
	switch {
	case err == nil:
		h.backup.Store(time.Now().UnixMilli())
	case out.n == 0:
		c.Header().Del("Content-Type")
		http.Error(c, err.Error(), http.StatusInternalServerError)
	default:
		// Half of it is gone out: only a broken connection tells the client.
		h.log.Warn("backup broke off", "namespace", c.namespace, "bytes", out.n, "err", err)
		BreakOff(c.ResponseWriter)
	}
}

// BreakOff ends the connection of an answer that cannot be completed. Without
// it half of an answer would look whole.
func BreakOff(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return // HTTP/2, which no listener of this module speaks, or closed already
	}
	_ = conn.Close()
}

type counting struct {
	w io.Writer
	n int64
}

func (c *counting) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// load replaces the database by a SQLite file, or runs a dump.
func (h *Handler) load(c *call) {
	start := time.Now()
	body := bufio.NewReaderSize(c.body(h.o.Load), 64<<10)
	head, err := body.Peek(len(fileHeader))
	if err != nil && !errors.Is(err, io.EOF) {
		c.refuse(err)
		return
	}
	if string(head) == fileHeader {
		if err := c.g.Restore(c.r.Context(), body); err != nil {
			if large := new(http.MaxBytesError); errors.As(err, &large) {
				c.refuse(large)
				return
			}
			http.Error(c, err.Error(), http.StatusInternalServerError)
			return
		}
		h.answer(c, response{elapsed: time.Since(start)}, form{timings: c.p.has("timings")})
		return
	}
	text, err := io.ReadAll(io.LimitReader(body, h.o.Dump+1))
	if err == nil && int64(len(text)) > h.o.Dump {
		err = &http.MaxBytesError{Limit: h.o.Dump}
	}
	if err != nil {
		c.refuse(err)
		return
	}
	if bytes.HasPrefix(text, []byte{0x1f, 0x8b}) {
		c.refuse(errors.New("the body is compressed: send a SQLite file or a dump as it is"))
		return
	}
	h.answer(c, h.runDump(c, string(text)), form{timings: c.p.has("timings")})
}

// runDump runs the statements of a dump, all or nothing. Its answer is one
// result, that of the last statement, as in rqlite.
func (h *Handler) runDump(c *call, text string) response {
	var list []door.Statement
	for _, s := range split(text) {
		if !bracket(s) {
			list = append(list, door.Statement{SQL: s})
		}
	}
	if len(list) == 0 {
		return response{answers: []door.Answer{{}}}
	}
	res := h.run(c, door.Request{Statements: list, Atomic: true}, true)
	if res.err != nil || len(res.answers) == 0 {
		return res
	}
	last := res.answers[len(res.answers)-1]
	if last.Err == nil {
		last = door.Answer{}
		for _, a := range res.answers {
			if a.Changed > 0 {
				last.LastID, last.Changed = a.LastID, a.Changed
			}
		}
		last.Elapsed = res.elapsed
	} else {
		last.Query = false
		last.Err = fmt.Errorf("statement %d of %d: %s; nothing was loaded", len(res.answers), len(list), message(last.Err))
	}
	res.answers = []door.Answer{last}
	return res
}

var errDumpSize = errors.New("the database is too large for a dump, which is held in memory: take a backup without fmt=sql, a SQLite file, and dump that")

// dump writes the database as SQL: the tables with their rows, then what stands
// on them. Everything is read at one point in time.
func (h *Handler) dump(ctx context.Context, g door.Group, w io.Writer) error {
	info, err := g.Info(ctx)
	if err != nil {
		return err
	}
	if info.DBSize > h.o.Dump {
		return errDumpSize
	}
	for range 5 {
		done, err := dumpOnce(ctx, g, w)
		if done || err != nil {
			return err
		}
	}
	return errors.New("the schema changes all the time: try again")
}

package raftgroup

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/raftgroup/conn"
	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/sqlengine/lite"
)

// pieceSize is how much of a file goes into one entry.
const pieceSize = 1 << 20

// fileMagic is what a SQLite file begins with.
const fileMagic = "SQLite format 3\x00"

// Restore replaces the database by the SQLite file that r gives. The file is
// checked first, travels in pieces through the log, and takes the place of the
// database in one step: whatever fails before, nothing has changed.
func (g *Group) Restore(ctx context.Context, r io.Reader) error {
	if err := g.enter(ctx); err != nil {
		return err
	}
	defer g.leave()
	dir, err := os.MkdirTemp("", "weft-restore-")
	if err != nil {
		return op.Errorf(op.CodeDatabase, "restore: %w", err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "restore.db")
	sum, pieces, err := receive(ctx, path, r)
	if err != nil {
		return err
	}
	if err := checkFile(ctx, path); err != nil {
		return err
	}
	// It must not be done again when it may have been done: that would drop what
	// others have changed since.
	var handed string // the ID of an exchange that was handed in
	var lost error    // of another node, which may have done it
	done := func(ctx context.Context) (bool, error) {
		if handed == "" {
			return false, nil
		}
		applied, err := g.resolve(ctx, handed)
		if err == nil && !applied {
			handed = ""
		}
		return applied, err
	}
	_, err = led(ctx, g, func() (struct{}, error) {
		if was, err := done(ctx); err != nil || was {
			return struct{}{}, err
		}
		return struct{}{}, g.send(ctx, path, sum, pieces, &handed)
	}, func(ctx context.Context, rem remote) (struct{}, error) {
		if was, err := done(ctx); err != nil || was {
			return struct{}{}, err
		}
		f, err := os.Open(path)
		if err != nil {
			return struct{}{}, op.Errorf(op.CodeDatabase, "restore: %w", err)
		}
		defer f.Close()
		if err = rem.Restore(ctx, f); errors.Is(err, door.ErrUnknown) {
			lost, err = err, nil
		}
		return struct{}{}, err
	})
	return cmp.Or(err, lost)
}

// receive writes what is to be restored to a file.
func receive(ctx context.Context, path string, r io.Reader) (sum [sha256.Size]byte, pieces int64, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return sum, 0, op.Errorf(op.CodeDatabase, "restore: %w", err)
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, h), &interrupted{ctx, r})
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		if ctx.Err() != nil {
			return sum, 0, op.FromContext(ctx.Err())
		}
		return sum, 0, op.Errorf(op.CodeDatabase, "the file to restore could not be read to its end, nothing was changed: %w", err)
	}
	h.Sum(sum[:0])
	return sum, (n + pieceSize - 1) / pieceSize, nil
}

// checkFile refuses what is no sound SQLite file that this version knows.
func checkFile(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return op.Errorf(op.CodeDatabase, "restore: %w", err)
	}
	head := make([]byte, len(fileMagic))
	_, err = io.ReadFull(f, head)
	_ = f.Close() // it was only read
	if err != nil || !bytes.Equal(head, []byte(fileMagic)) {
		return op.Errorf(op.CodeValidation, "what is to be restored is no SQLite file: it does not begin with %q", strings.TrimRight(fileMagic, "\x00"))
	}
	c, err := conn.Open(path, conn.Options{})
	if err != nil {
		return bad(err)
	}
	defer func() { _ = c.Close() }()
	rows, err := c.Ask(ctx, "PRAGMA quick_check(1)")
	if err != nil {
		return bad(err)
	}
	if len(rows) != 1 || rows[0][0].Bytes() != "ok" {
		why := "it says nothing"
		if len(rows) > 0 {
			why = rows[0][0].Bytes()
		}
		return op.Errorf(op.CodeValidation, "the SQLite file to restore is damaged: %s", why)
	}
	if err := lite.CheckFormat(ctx, c, "the file to restore"); err != nil {
		return err
	}
	if _, err := readState(ctx, c); err != nil && !errors.Is(err, errNoState) {
		return bad(err)
	}
	// What every copy would do with it, and could fail at, is tried before.
	err = c.Atomic(ctx, func() error {
		if err := adopt(ctx, c, nil, nil); err != nil {
			return err
		}
		return errTried
	})
	if err != errTried {
		return bad(err)
	}
	return nil
}

var errTried = errors.New("it can be done")

// adopt makes a file one that can take the database's place: it has the group's
// own tables, with what is in them now, and nothing by which copies would differ.
func adopt(ctx context.Context, f *conn.Conn, models, ids [][]sqlengine.Value) error {
	if err := f.Loadable(ctx); err != nil {
		return err
	}
	old, err := f.Ask(ctx, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'weft\_group\_%' ESCAPE '\'`)
	if err != nil {
		return err
	}
	for _, t := range old {
		if _, err := f.Ask(ctx, "DROP TABLE "+lite.Quote(t[0].Bytes())); err != nil {
			return err
		}
	}
	if err := makeState(ctx, f); err != nil {
		return err
	}
	for _, m := range models {
		if _, err := f.Ask(ctx, modelInsert.SQL, m...); err != nil {
			return err
		}
	}
	for _, m := range ids {
		if _, err := f.Ask(ctx, idsInsert.SQL, m...); err != nil {
			return err
		}
	}
	return nil
}

func bad(err error) error {
	if op.CodeOf(err) == op.CodeUnsupported {
		return err
	}
	var e *lite.Error
	if errors.As(err, &e) { // what stands around it names a file of this node, which is gone soon
		return op.Errorf(op.CodeValidation, "the SQLite file to restore is damaged, or was cut off: %s", e.Message)
	}
	return op.Errorf(op.CodeValidation, "the SQLite file to restore cannot be used: %w", err)
}

// send hands the pieces in and then has them take the database's place. handed
// is the ID of that, once it is handed in.
func (g *Group) send(ctx context.Context, path string, sum [sha256.Size]byte, pieces int64, handed *string) error {
	f, err := os.Open(path)
	if err != nil {
		return op.Errorf(op.CodeDatabase, "restore: %w", err)
	}
	defer f.Close()
	load := newNonce()
	put := func(kind memberKind, body []byte, id string) error {
		m := member{kind: kind, body: body}
		m.id, _ = keyOfID(id)
		out, err := g.gather.submit(ctx, &call{m: m, alone: true})
		if err == nil {
			err = out.err
		}
		return err
	}
	buf := make([]byte, pieceSize)
	for i := range pieces {
		n, err := io.ReadFull(f, buf)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return op.Errorf(op.CodeDatabase, "restore: %w", err)
		}
		body := binary.BigEndian.AppendUint64(append([]byte(nil), load[:]...), uint64(i))
		if err := put(memberPiece, append(body, buf[:n]...), newID()); err != nil {
			return err
		}
	}
	body := binary.BigEndian.AppendUint64(append([]byte(nil), load[:]...), uint64(pieces))
	*handed = newID()
	return put(memberRestore, append(body, sum[:]...), *handed)
}

// piece keeps a piece. The first of a restore drops those of one that was given
// up.
func (r *run) piece(m *member) (outcome, error) {
	in := parser{b: m.body}
	load := in.bytes(16)
	n := in.fixed()
	if in.bad {
		return outcome{err: op.Errorf(op.CodeInternal, "a piece of a restore cannot be read")}, nil
	}
	if n == 0 {
		if _, _, err := r.c.Exec(background, loadDelete, nil); err != nil {
			return outcome{}, err
		}
	}
	_, _, err := r.c.Exec(background, loadInsert, []sqlengine.Value{
		sqlengine.BlobValue(string(load)), sqlengine.IntValue(int64(n)), sqlengine.BlobValue(string(in.b)),
	})
	return outcome{}, err
}

// restore makes a file of the pieces, which takes the database's place at the
// end of the entry.
func (r *run) restore(m *member) (outcome, error) {
	in := parser{b: m.body}
	load, pieces, sum := in.bytes(16), in.fixed(), in.bytes(sha256.Size)
	if in.bad || len(in.b) > 0 || len(r.e.members) != 1 {
		return outcome{err: op.Errorf(op.CodeInternal, "a restore cannot be read")}, nil
	}
	dir, err := os.MkdirTemp(filepath.Dir(r.c.Path()), "weft-restore-")
	if err != nil {
		return outcome{}, err
	}
	r.dir = dir
	path := filepath.Join(dir, "restore.db")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return outcome{}, err
	}
	h := sha256.New()
	found, err := r.gather(load, io.MultiWriter(f, h))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return outcome{}, err
	}
	if found != pieces || !bytes.Equal(h.Sum(nil), sum) {
		return outcome{err: op.Errorf(op.CodeConflict, "another restore began before this one had ended: nothing was changed")}, nil
	}
	if err := r.adopt(path); err != nil {
		if environmental(err) {
			return outcome{}, err
		}
		return outcome{err: op.Errorf(op.CodeValidation, "the SQLite file to restore cannot be used: nothing was changed")}, nil
	}
	r.file = path
	return outcome{}, nil
}

// adopt puts what the group keeps into the file.
func (r *run) adopt(path string) error {
	models, err := r.c.Ask(background, "SELECT hash, yaml FROM weft_group_models ORDER BY hash")
	if err != nil {
		return err
	}
	ids, err := r.c.Ask(background, "SELECT sequence, stamp, born, outcomes FROM weft_group_ids ORDER BY sequence")
	if err != nil {
		return err
	}
	f, err := conn.Open(path, conn.Options{})
	if err != nil {
		return err
	}
	err = f.Atomic(background, func() error { return adopt(background, f, models, ids) })
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// gather writes the pieces of a restore, and tells how many follow each other
// from the first.
func (r *run) gather(load []byte, w io.Writer) (uint64, error) {
	cur, err := r.c.Query(background, loadSelect, []sqlengine.Value{sqlengine.BlobValue(string(load))})
	if err != nil {
		return 0, err
	}
	defer cur.Close()
	for n := uint64(0); ; n++ {
		ok, err := cur.Next()
		if err != nil || !ok || uint64(cur.Int(0)) != n {
			return n, err
		}
		if _, err := w.Write(cur.View(1)); err != nil {
			return n, err
		}
	}
}

// exchange writes in the file where the copy stands now, and puts it in the
// place of the database.
func (r *run) exchange() error {
	f, err := conn.Open(r.file, conn.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if err := f.Atomic(background, func() error { return r.end(f) }); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	for r.c.Depth() > 0 {
		if err := r.c.Rollback(); err != nil {
			return err
		}
	}
	if err := r.c.Load(background, r.file); err != nil {
		return err
	}
	r.c.Forget()
	r.loaded, r.reshape = true, true
	return nil
}

// tidy removes the files of a restore.
func (r *run) tidy() {
	if r.dir != "" {
		_ = os.RemoveAll(r.dir) // it is in the replica's directory, which is cleared with it
	}
}

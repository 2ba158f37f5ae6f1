package door

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/wire"
)

// maxAnswers bounds how many answers a server can announce.
const maxAnswers = maxStatements

// simply asks what is answered by one frame.
func (r *Remote) simply(ctx context.Context, a *ask, take func(body []byte) error) error {
	c, err := r.enter(ctx)
	if err != nil {
		return err
	}
	defer c.end()
	defer c.free()
	return r.reach(c.ctx, a, func(p *reply) error {
		body := p.body
		p.done(true)
		return take(body)
	})
}

// Run runs statements. They get an ID when they have none.
func (r *Remote) Run(ctx context.Context, q Request) ([]Answer, error) {
	c, err := r.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer c.end()
	defer c.free()
	if len(q.Statements) > maxStatements {
		return nil, op.Errorf(op.CodeValidation, "%d statements are more than %d at once", len(q.Statements), maxStatements)
	}
	if q.ID == "" && !q.ReadOnly {
		q.ID = r.newID()
	}
	a := &ask{
		q: request{verb: verbRun}, change: !q.ReadOnly,
		any: q.ReadOnly && op.ReadingOf(ctx).Consistency == op.None,
	}
	if a.q.body, err = appendRun(nil, &q); err != nil {
		return nil, err
	}
	var out []Answer
	err = r.reach(c.ctx, a, func(p *reply) error {
		out = nil
		h := cutter{b: p.body}
		n := h.uint("the number of answers")
		if err := h.end("the number of answers"); err != nil || n > maxAnswers {
			return p.broken(malformed("%d answers: %v", n, err))
		}
		for range n {
			a, err := p.answer()
			if err != nil {
				return err
			}
			out = append(out, a)
		}
		p.done(true)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// answer reads one answer with its rows.
func (p *reply) answer() (Answer, error) {
	if err := p.next(); err != nil {
		return Answer{}, p.broken(err)
	}
	if p.kind != frameOK {
		return Answer{}, p.broken(malformed("a frame of kind %c among answers", p.kind))
	}
	a, err := parseAnswer(p.body)
	if err != nil {
		return Answer{}, p.broken(err)
	}
	if !a.Query {
		return a, nil
	}
	rd := wire.NewRowReader(p.l.r, nil)
	rd.Limit(maxRowFrame)
	a.Rows = [][]any{}
	for rd.Next() {
		a.Rows = append(a.Rows, rd.Row())
	}
	if err := rd.Err(); err != nil {
		if p.l.in.err != nil || errors.Is(err, wire.ErrMalformed) {
			return Answer{}, p.broken(err)
		}
		a.Err = errors.Join(a.Err, err)
	}
	return a, nil
}

// Models asks for a set of models; nil when the group does not know it.
func (r *Remote) Models(ctx context.Context, hash string) (*schema.Set, error) {
	r.mu.Lock()
	for _, k := range r.known {
		if k.hash == hash {
			r.mu.Unlock()
			return k.set, nil
		}
	}
	r.mu.Unlock()
	var text []byte
	a := &ask{q: request{verb: verbModels, body: []byte(hash)}}
	if err := r.simply(ctx, a, func(b []byte) error { text = b; return nil }); err != nil || len(text) == 0 {
		return nil, err
	}
	models, err := schema.ParseYAML("models "+hash, text)
	if err != nil {
		return nil, op.Errorf(op.CodeInternal, "read models: %w", err)
	}
	set, err := schema.Build(models...)
	if err != nil {
		return nil, op.Errorf(op.CodeInternal, "build models: %w", err)
	}
	k, err := r.learn(set)
	if err != nil {
		return nil, op.Errorf(op.CodeInternal, "%w", err)
	}
	if k.hash != hash {
		return nil, op.Errorf(op.CodeInternal, "a node sent the models %s in place of %s", k.hash, hash)
	}
	return k.set, nil
}

// Leader is the peer that led when last asked; it is never this node.
func (r *Remote) Leader() (host.ID, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.leader, false
}

// Info asks the leader how the group is; with reading level none, any node.
func (r *Remote) Info(ctx context.Context) (Info, error) {
	var i Info
	a := &ask{q: request{verb: verbInfo}, any: op.ReadingOf(ctx).Consistency == op.None}
	err := r.simply(ctx, a, func(b []byte) error {
		if err := json.Unmarshal(b, &i); err != nil {
			return op.Errorf(op.CodeInternal, "read info: %w", err)
		}
		return nil
	})
	return i, err
}

// Resolve tells, of a change or transaction whose outcome was lost, whether it
// was applied.
func (r *Remote) Resolve(ctx context.Context, id string) (bool, error) {
	c, err := r.enter(ctx)
	if err != nil {
		return false, err
	}
	defer c.end()
	defer c.free()
	return r.resolve(c.ctx, id)
}

func (r *Remote) resolve(ctx context.Context, id string) (applied bool, err error) {
	a := &ask{q: request{verb: verbResolve, body: []byte(id)}}
	err = r.reach(ctx, a, func(p *reply) error {
		if len(p.body) != 1 {
			return p.broken(malformed("an outcome of %d bytes", len(p.body)))
		}
		applied = p.body[0] == 1
		p.done(true)
		return nil
	})
	return applied, err
}

// Backup writes a copy of the database, a SQLite file, as the leader has it;
// with reading level none, as any node has it. When it fails, what was written
// is worthless.
func (r *Remote) Backup(ctx context.Context, w io.Writer) error {
	c, err := r.enter(ctx)
	if err != nil {
		return err
	}
	defer c.end()
	defer c.free()
	a := &ask{q: request{verb: verbBackup}, any: op.ReadingOf(ctx).Consistency == op.None}
	return r.reach(c.ctx, a, func(p *reply) error {
		var told error
		in := &gather{r: p.l.r, other: func(kind byte, body []byte) error {
			if kind != frameError && kind != frameUnknown {
				return malformed("a frame of kind %c in a copy", kind)
			}
			told = wire.DecodeError(body)
			return told
		}}
		n, err := io.Copy(w, in)
		p.done(in.err == io.EOF || told != nil)
		switch {
		case err == nil:
			return nil
		case told != nil:
			return told
		case c.ctx.Err() != nil:
			return ended(c.ctx)
		case n == 0 && p.l.in.err != nil:
			return &lost{peer: p.l.peer, err: err}
		}
		var known *op.Error
		if errors.As(err, &known) {
			return err
		}
		return op.Errorf(op.CodeDatabase, "back up group %q: after %d bytes: %w", r.o.Group, n, err)
	})
}

// Restore replaces the database by a SQLite file. It is not repeated once the
// file is on its way: when the answer is lost, the error wraps ErrUnknown.
func (r *Remote) Restore(ctx context.Context, in io.Reader) error {
	c, err := r.enter(ctx)
	if err != nil {
		return err
	}
	defer c.end()
	defer c.free()
	a := &ask{q: request{verb: verbRestore}}
	return r.reach(c.ctx, a, func(p *reply) error { return p.restore(c, in) })
}

// restore sends a copy and reads the outcome, which may come before the end.
func (p *reply) restore(c *call, in io.Reader) error {
	answer := make(chan error, 1)
	go func() { answer <- p.next() }()
	out := newPieces(p.l.w)
	buf := make([]byte, piece)
	var early, read error
	told, whole := false, false // whole: the server may have all of it
	for read == nil && out.err == nil && !told {
		var n int
		n, read = in.Read(buf)
		_, _ = out.Write(buf[:n]) // kept in out.err
		select {
		case early = <-answer:
			told = true
		default:
		}
	}
	switch {
	case told:
	case out.err == nil && read != io.EOF:
		// Without its last frame the server takes nothing of it.
		_ = p.l.st.Reset() // wakes the reader
		<-answer
		p.done(false)
		return fmt.Errorf("restore: read the copy: %w", read)
	default:
		if out.err == nil && out.end() == nil {
			_ = p.l.w.Flush() // the answer tells
			whole = true
		}
		early = <-answer
	}
	if early != nil {
		p.done(false)
		if c.ctx.Err() != nil && !whole {
			return ended(c.ctx)
		}
		if !whole {
			return op.Errorf(op.CodeDatabase, "restore: the node was lost before it had the whole file; nothing was replaced: %w", early)
		}
		return Unknown(fmt.Errorf("restore: %w", early))
	}
	p.done(whole)
	switch p.kind {
	case frameOK:
		return nil
	case frameError, frameUnknown:
		return wire.DecodeError(p.body)
	case frameNotLeader:
		return &NotLeader{Peer: host.ID(p.body)}
	}
	return Unknown(malformed("restore: a frame of kind %c is no answer", p.kind))
}

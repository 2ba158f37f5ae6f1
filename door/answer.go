package door

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/wire"
)

// answer answers one request. It returns an error only when the stream cannot
// go on; what is wrong with a request is told to the peer.
func (x *session) answer(ctx context.Context, q *request) error {
	if q.tx != 0 || q.verb == verbCommit || q.verb == verbRollback {
		return x.inTx(ctx, q)
	}
	g, err := x.s.find(x.st.Peer(), q)
	if err != nil {
		return writeFrame(x.w, frameNoGroup, wire.EncodeError(err))
	}
	switch q.verb {
	case verbLeader:
		return x.leader(ctx, g)
	case verbInfo:
		return x.info(ctx, g)
	case verbModels:
		return x.models(ctx, g, string(q.body))
	}
	if q.flags&flagAny == 0 {
		if err := leads(ctx, g, q); err != nil {
			return x.fail(err)
		}
	}
	switch q.verb {
	case verbDo:
		return x.do(ctx, g, g.Do, q)
	case verbRun:
		return x.statements(ctx, g, q)
	case verbBegin:
		return x.begin(ctx, g, q)
	case verbResolve:
		applied, err := g.Resolve(ctx, string(q.body))
		if err != nil {
			return x.fail(err)
		}
		return x.ok([]byte{bit(applied)})
	case verbBackup:
		return x.backup(ctx, g)
	}
	return x.fail(op.Errorf(op.CodeUnsupported, "this node cannot answer %s", q.verb))
}

func bit(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// leads reports, as an error, that another node should be asked.
func leads(ctx context.Context, g Group, q *request) error {
	peer, here := g.Leader()
	if here || q.flags&flagLeadOn != 0 && q.hops == 0 {
		return nil
	}
	if r, ok := g.(*Remote); ok && peer == "" && q.hops == 0 {
		// A node without a copy that was not asked before: it can find out.
		peer = r.search(ctx)
	}
	return &NotLeader{Peer: peer}
}

// do runs an operation and sends what it gives.
func (x *session) do(ctx context.Context, g Group, run func(context.Context, op.Op) (op.Result, error), q *request) error {
	var set *schema.Set
	if q.hash != "" {
		var err error
		if set, err = g.Models(ctx, q.hash); err != nil {
			return x.fail(err)
		}
		if set == nil {
			return writeFrame(x.w, frameModels)
		}
	}
	o, err := wire.DecodeOp(q.body, resolver(set))
	if err == nil {
		err = op.Normalize(&o)
	}
	if err == nil && q.flags&flagAny != 0 && (o.Writes() || o.Kind == op.SQL) {
		err = leads(ctx, g, q) // only reads may be answered by any node
	}
	if errors.Is(err, wire.ErrMalformed) {
		return err
	}
	if err != nil {
		return x.fail(err)
	}
	res, err := run(ctx, o)
	if err != nil {
		return x.fail(err)
	}
	if err := x.ok(); err != nil {
		closeRows(res)
		return err
	}
	cols := wire.NoRows
	if res.Rows != nil {
		cols = wire.Columns(&o)
	}
	return x.rows(res, cols)
}

// resolver finds the models of a set, which may be nil.
func resolver(set *schema.Set) wire.Resolver {
	if set == nil {
		return nil
	}
	return set.Model
}

// errStopped ends rows that the peer does not want.
var errStopped = op.Errorf(op.CodeCancelled, "the reader wanted no more rows")

// rows sends a result. An error of the rows goes to the peer.
func (x *session) rows(res op.Result, cols int) error {
	w := wire.NewRowWriter(x.w, cols)
	err := w.WriteHead(res)
	if res.Rows == nil {
		if err != nil {
			return w.Fail(err)
		}
		return w.End()
	}
	for err == nil && res.Rows.Next() {
		if x.stopped.Load() {
			err = errStopped
			break
		}
		err = w.WriteRow(res.Rows.Row())
	}
	rowsErr := res.Rows.Err()
	if c := res.Rows.Close(); rowsErr == nil {
		rowsErr = c
	}
	if err == nil {
		err = rowsErr
	}
	if err != nil {
		return w.Fail(err)
	}
	return w.End()
}

func closeRows(res op.Result) {
	if res.Rows != nil {
		_ = res.Rows.Close() // the peer is gone
	}
	for _, b := range res.Batch {
		closeRows(b)
	}
}

func (x *session) statements(ctx context.Context, g Group, q *request) error {
	r, err := parseRun(q.body)
	if errors.Is(err, host.ErrMalformed) || errors.Is(err, wire.ErrMalformed) {
		return err
	}
	if err == nil && q.flags&flagAny != 0 && !r.ReadOnly {
		err = leads(ctx, g, q)
	}
	if err != nil {
		return x.fail(err)
	}
	answers, err := g.Run(ctx, r)
	if err != nil {
		return x.fail(err)
	}
	if err := x.ok(binary.AppendUvarint(nil, uint64(len(answers)))); err != nil {
		return err
	}
	for i := range answers {
		a := &answers[i]
		if err := x.ok(appendAnswer(nil, a)); err != nil {
			return err
		}
		if !a.Query {
			continue
		}
		if err := x.rows(op.Result{Rows: op.NewRows(a.Rows)}, wire.AnyNumber); err != nil {
			return err
		}
	}
	return nil
}

func (x *session) leader(ctx context.Context, g Group) error {
	peer, here := g.Leader()
	if r, ok := g.(*Remote); ok {
		if here = false; peer == "" {
			if hops, _ := hopsOf(ctx); hops == 0 {
				peer = r.search(ctx)
			}
		}
	}
	return x.ok([]byte{bit(here)}, []byte(peer))
}

func (x *session) info(ctx context.Context, g Group) error {
	i, err := g.Info(ctx)
	if err != nil {
		return x.fail(err)
	}
	text, err := json.Marshal(i)
	if err != nil {
		return x.fail(op.Errorf(op.CodeInternal, "write info: %w", err))
	}
	return x.ok(text)
}

func (x *session) models(ctx context.Context, g Group, hash string) error {
	set, err := g.Models(ctx, hash)
	if err != nil {
		return x.fail(err)
	}
	if set == nil {
		return x.ok()
	}
	text, err := schema.SetYAML(set)
	if err != nil {
		return x.fail(op.Errorf(op.CodeInternal, "write models: %w", err))
	}
	return x.ok(text)
}

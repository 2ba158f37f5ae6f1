package door

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/wire"
)

// Options of a Remote.
type Options struct {
	Group string
	// Peers are the nodes to try, best first; called again when they failed.
	Peers func(ctx context.Context) ([]host.ID, error)
	// Patience bounds how long a change of leader is waited out; 0 is 15 s. The
	// context of a call bounds it too.
	Patience time.Duration
	// Timeless has changes and transactions for which the caller gave no ID get one
	// that carries no time, so that it does not matter what this machine's clock
	// says. It is for nodes, which repeat what they lead on for seconds only.
	Timeless bool
	Log      *slog.Logger
}

// Remote is a group on other nodes. It is safe for concurrent use.
//
// What reads is asked again, at another node where needed, until it is answered
// or patience ends. What changes something is asked again too, always under one
// ID: the group applies it once and tells the first outcome. A change whose
// outcome stays unknown fails with ErrUnknown.
//
// A transaction lives on one node. When that is lost before Commit, everything
// was rolled back and the error is a serialization conflict: it may be run again,
// as db.Tx does. When it is lost during Commit, the group is asked for the
// outcome.
type Remote struct {
	h     *host.Host
	o     Options
	log   *slog.Logger
	lines *lines

	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	mu     sync.Mutex
	leader host.ID
	via    host.ID // leads on to leader, which cannot be reached; "" asks the leader itself
	teller host.ID // said that leader leads
	near   host.ID // answered reads of any copy last
	probes map[host.ID]*probe
	hunt   *hunt
	none   error // why the last hunt found nobody; nil when it found the leader
	known  []*knownSet
	by     map[*schema.Model]*knownSet
	closed bool
	wg     sync.WaitGroup
}

var (
	_ op.Engine = (*Remote)(nil)
	_ Group     = (*Remote)(nil)
)

const patience = 15 * time.Second

// Open is a group reached over a host, which stays open. Nothing connects
// before the first use.
func Open(h *host.Host, o Options) *Remote {
	if o.Patience <= 0 {
		o.Patience = patience
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	r := &Remote{
		h: h, o: o, log: o.Log.With("group", o.Group), lines: linesOf(h),
		probes: map[host.ID]*probe{}, by: map[*schema.Model]*knownSet{},
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// Caps are those of a group.
func (r *Remote) Caps() op.Caps { return op.Caps{Engine: "group", Flags: Flags} }

// Flags are what a group can do.
const Flags = op.CapTransactions | op.CapNestedTransactions | op.CapJoins | op.CapFullTextSearch | op.CapJSONQueries |
	op.CapAggregations | op.CapMigrations | op.CapIntrospection | op.CapSQL | op.CapBackup | op.CapReadReplicas

// Close ends what is under way, rolls open transactions back and waits for all
// of it. Closing twice is safe.
func (r *Remote) Close() error {
	r.mu.Lock()
	first := !r.closed
	r.closed = true
	r.mu.Unlock()
	if first {
		r.cancel()
	}
	r.wg.Wait()
	if first {
		r.lines.release()
	}
	return nil
}

// call is one call of a Remote.
type call struct {
	ctx context.Context
	// end says that the call has returned; Close waits for it.
	end func()
	// free says that nothing of it is under way any more, rows neither.
	free func()
}

// enter begins a call, which Close ends.
func (r *Remote) enter(ctx context.Context) (*call, error) {
	if err := ctx.Err(); err != nil {
		return nil, op.FromContext(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, op.ErrClosed()
	}
	r.wg.Add(1)
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(r.ctx, func() { cancel(errClosing) })
	return &call{ctx: ctx, end: r.wg.Done, free: func() {
		stop()
		cancel(nil)
	}}, nil
}

var errClosing = errors.New("the database is being closed")

// ended is the error of a call whose context has ended.
func ended(ctx context.Context) error {
	if context.Cause(ctx) == errClosing {
		return op.ErrClosed()
	}
	return op.FromContext(ctx.Err())
}

// Do runs an operation on the group. An operation that changes something gets an
// ID when it has none.
func (r *Remote) Do(ctx context.Context, o op.Op) (op.Result, error) {
	c, err := r.enter(ctx)
	if err != nil {
		return op.Result{}, err
	}
	defer c.end()
	writes := o.Writes() || o.Kind == op.SQL
	if writes && o.ID == "" {
		o.ID = r.newID()
	}
	a := &ask{q: request{verb: verbDo}, change: writes, any: !writes && op.ReadingOf(ctx).Consistency == op.None}
	res, err := r.operation(a, &o, c, func(take func(*reply) error) error { return r.reach(c.ctx, a, take) }, nil)
	if err != nil {
		c.free()
		return op.Result{}, err
	}
	if o.Kind == op.Migrate && o.Migration != nil && o.Migration.Models != nil {
		if _, err := r.learn(o.Migration.Models); err != nil {
			closeRows(res)
			return op.Result{}, op.Errorf(op.CodeValidation, "%w", err)
		}
	}
	return res, nil
}

// operation sends an operation by way of send, which hands the answer to take.
// When it succeeds it frees the call at the end of the rows. in is the
// transaction, if any.
func (r *Remote) operation(a *ask, o *op.Op, c *call, send func(take func(*reply) error) error, in *txLine) (op.Result, error) {
	set, err := r.setOf(o)
	if err != nil {
		return op.Result{}, err
	}
	if set != nil {
		a.q.hash, a.set = set.hash, set.set
	}
	sent := o
	given, foretold := o.Foretold()
	if foretold {
		brief := *o
		brief.Returning, sent = false, &brief
	}
	if a.q.body, err = wire.EncodeOp(sent); err != nil {
		return op.Result{}, err
	}
	var res op.Result
	err = send(func(p *reply) error {
		var err error
		res, err = p.result(c, resolver(a.set), in)
		return err
	})
	if err != nil {
		return op.Result{}, err
	}
	if foretold && res.Rows == nil { // an outcome of long ago may have them
		res.Rows = op.NewRows(given)
	}
	wire.Deliver(&res, o)
	return res, nil
}

// newID is one for a change or a transaction.
func (r *Remote) newID() string {
	if r.o.Timeless {
		return uuid.NewString()
	}
	id, err := uuid.NewV7()
	if err != nil {
		id = uuid.New() // the clock or the randomness failed; any ID does
	}
	return id.String()
}

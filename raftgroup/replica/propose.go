package replica

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/hashicorp/raft"
	"github.com/rqlite/rqlite/v8/command/proto"
	"github.com/rqlite/rqlite/v8/store"
)

// ApplyError says that SELECT weft_apply(entry) failed on this node when the
// entry was applied. The entry is in the log all the same.
type ApplyError struct{ Text string }

func (e *ApplyError) Error() string { return "replica: apply entry: " + e.Text }

// neverCompress is a size that no entry has.
const neverCompress = math.MaxInt32

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksumMark stands before the checksum in the statement of an entry.
const checksumMark = " -- "

// withChecksum adds the checksum of a statement and its argument, by which a
// damaged log is found before rqlite reads it: it panics on an entry that it
// cannot decode.
func withChecksum(sql string, entry []byte) string {
	sum := crc32.Update(crc32.Checksum([]byte(sql), castagnoli), castagnoli, entry)
	return fmt.Sprintf("%s%s%08x", sql, checksumMark, sum)
}

// applySQL is how each entry is applied.
const applySQL = "SELECT weft_apply(?)"

func request(entry []byte) *proto.ExecuteRequest {
	return &proto.ExecuteRequest{Request: &proto.Request{Statements: []*proto.Statement{{
		Sql:        withChecksum(applySQL, entry),
		Parameters: []*proto.Parameter{{Value: &proto.Parameter_Y{Y: entry}}},
	}}}}
}

// Propose hands an entry in and returns when this node has applied it. The
// errors are those of this package; ErrUnknown is also that of a caller who gave
// up while the entry was under way. ApplyError is that of the entry itself.
// Others mean that nothing happened.
func (r *Replica) Propose(ctx context.Context, entry []byte) error {
	return r.propose(ctx, request(entry))
}

func (r *Replica) propose(ctx context.Context, req *proto.ExecuteRequest) error {
	ru, err := r.current()
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if !ru.leads() {
		return ru.notLeader()
	}
	if err := ru.enter(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		defer ru.leave()
		done <- ru.execute(req)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnknown, ctx.Err())
	}
}

func (ru *running) execute(req *proto.ExecuteRequest) error {
	h := ru.handle.Load()
	if h == nil {
		return ru.notLeader()
	}
	term := h.CurrentTerm()
	results, err := ru.st.Execute(req)
	if err != nil {
		if errors.Is(err, raft.ErrNotLeader) || errors.Is(err, store.ErrNotLeader) {
			return ru.notLeader()
		}
		return classify(err)
	}
	// It was proposed by a leader and applied; the term is still the one before:
	// so it is an entry of this term.
	if h.CurrentTerm() == term {
		ru.settled.Store(term)
	}
	for _, res := range results {
		if text := res.GetError(); text != "" {
			return &ApplyError{text}
		}
	}
	return nil
}

// classify says what an error of raft or of the store means for an entry.
func classify(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, store.ErrNotLeader), errors.Is(err, store.ErrNotReady),
		errors.Is(err, raft.ErrLeadershipTransferInProgress):
		// Answered before the entry was put into the log.
		return fmt.Errorf("%w: %w", ErrNotLeader, err)
	case errors.Is(err, store.ErrNotOpen):
		return ErrClosed
	case errors.Is(err, raft.ErrEnqueueTimeout):
		return fmt.Errorf("%w: the leader took up nothing in time", ErrNoQuorum)
	}
	// Leadership lost, shutdown, a failure to write the log, a restore: the entry
	// may be in the log, here or elsewhere.
	return fmt.Errorf("%w: %w", ErrUnknown, err)
}

package door

import (
	"context"
	"errors"
	"fmt"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
)

// ErrUnknown is wrapped by the error of a change of which nobody can tell yet
// whether it was applied: the leader was lost after it was handed in. It is safe
// to repeat it under its ID, or to ask Resolve. A group returns it; a Remote
// repeats by itself and returns it only when its patience has ended.
var ErrUnknown = errors.New("the outcome is not known")

// Unknown makes an error that wraps ErrUnknown and why. It is never one after
// which a transaction may be run again (op.Retryable), as why may be: it would be
// applied twice.
func Unknown(why error) error {
	cause := why
	if op.Retryable(why) {
		cause = errors.New(why.Error())
	}
	return &op.Error{
		Code: op.CodeDatabase, Index: -1, Err: errors.Join(ErrUnknown, cause),
		Message: fmt.Sprintf("it is not known whether the change was applied (%v); repeat it under the same ID, or ask for its outcome", why),
	}
}

// NotLeader is the error of a node that does not lead the group and was not to
// lead the request on. Nothing happened.
type NotLeader struct {
	Peer host.ID // that leads, as far as the node knows; "" when it does not
}

func (e *NotLeader) Error() string {
	if e.Peer == "" {
		return "the node does not lead the group and does not know who does"
	}
	return fmt.Sprintf("the node does not lead the group; %s does", e.Peer)
}

type idKey struct{}

// WithID returns a context whose Commit is known by an ID, for [Group.Resolve].
func WithID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, idKey{}, id)
}

// IDOf is what WithID set, or "". A group's Tx.Commit looks at it, and makes an
// ID of its own where there is none.
func IDOf(ctx context.Context) string {
	id, _ := ctx.Value(idKey{}).(string)
	return id
}

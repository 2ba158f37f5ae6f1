// Package relate is the layer that loads relations and counts. A find that asks
// for some runs without them on the engine below; then each relation of the
// parents found is one find of its own, with op.Via, that passes every layer,
// and each count one aggregate.
package relate

import (
	"context"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// Name is the layer's name in op.Caps.
const Name = "relate"

// Options of the layer; the zero value is ready.
type Options struct {
	// Chunk is how many parents of a stream are gathered before their children
	// are read; 0 is 1,000. A find with a Sink that is no Streamer, and every
	// find inside a transaction, is gathered whole.
	Chunk int
	// Keys is how many parents' keys one find of children may carry; 0 is
	// 10,000.
	Keys int
}

func (o Options) filled() Options {
	if o.Chunk <= 0 {
		o.Chunk = 1000
	}
	if o.Keys <= 0 {
		o.Keys = 10000
	}
	return o
}

// Streamer is what a Sink may also be, to say that its rows are consumed while
// they come and not all kept. Then children are read for a chunk of parents at
// a time. For any other Sink a relation takes one find however many parents
// there are (one for each Options.Keys of them).
//
// After Next has returned true for a row the layer does not touch that row or
// an earlier one again, so that the sink may let go of them. Rows keep being
// counted from 0.
type Streamer interface {
	Stream() bool
}

// New makes the layer. It handles finds with With, and the eager relations of
// a model in finds of whole rows (Op.Fields empty) that have no Via and are not
// Distinct, also as members of a batch. All else passes through. Rows that a
// write returns have no relations.
//
// Without a Sink each row has its fields, then the keys of Via, then one
// *op.Related for each relation, an int64 for each count, in the order of
// [Expand] (of With itself when Fields are given). With a Sink, Op.Fields must hold [Fields] of what is
// asked for; the children go to Sink.Child, whose With has had the fields that
// its own relations need added, and are attached with Sink.Attach, and counts
// told with Sink.Counted, before Next returns the row.
//
// Children come in the order asked for, then in that of their key. Of a
// has-one relation that leads to several rows the first counts. Inside a
// transaction children are read in it; a find's parents have all been read
// then, for a transaction may have one connection only.
func New(o Options) op.Layer {
	return func(next op.Engine) op.Engine { return &engine{Options: o.filled(), next: next} }
}

// Load loads relations of rows that are in a sink already and attaches them
// there. The engine must hold this layer when with is nested. Only the rows
// named are loaded; Sink.Get must know the values of [Fields].
func Load(ctx context.Context, eng op.Engine, m *schema.Model, sink op.Sink, rows []int, with []op.With) error {
	return LoadFor(ctx, eng, "", m, sink, rows, with)
}

// LoadFor is Load for the handle of a user (Op.User).
func LoadFor(ctx context.Context, eng op.Engine, user string, m *schema.Model, sink op.Sink, rows []int, with []op.With) error {
	with, err := merge(m, with)
	if err != nil {
		return err
	}
	steps, err := resolve(m, with)
	if err != nil || len(rows) == 0 {
		return err
	}
	l := loader{ctx: ctx, eng: eng, m: m, user: user, keys: Options{}.filled().Keys}
	for i := range steps {
		if err := l.intoSink(sink, rows, &steps[i]); err != nil {
			return err
		}
	}
	return nil
}

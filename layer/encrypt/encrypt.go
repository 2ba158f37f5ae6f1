// Package encrypt is the layer that keeps encrypted fields as AES-256-GCM
// ciphertexts. Above it everybody sees clear values, below it there are none:
// operations reach the engine with the stored form of their models
// ([schema.Set.Stored]), in which an encrypted field is text or bytes like any
// other, and what the engine gives back is opened on its way up.
//
// A ciphertext is bound to its table, its column and the key of its row, so that
// one that was copied elsewhere does not open. DESIGN.md has the stored form and
// the reasons.
package encrypt

import (
	"crypto/rand"
	"io"

	"github.com/weftdb/weft/op"
)

// Name is the layer's name in op.Caps.
const Name = "encrypt"

// Options of the layer.
type Options struct {
	// Ring has the keys; without it every operation fails.
	Ring *KeyRing
	// Rand is where nonces come from; nil is crypto/rand. It must be safe for
	// concurrent use. A nonce that comes twice under one key breaks it.
	Rand io.Reader
}

// New makes the layer. It stands between validate, which works on clear values,
// and everything that stores or caches rows. Operations on models of a set
// without encrypted fields pass through untouched. It also holds inside
// transactions.
//
// Where the key of the rows that an operation writes is not known beforehand
// (an automatic key, an update by any condition, an upsert that may change a row
// that exists), the operation is run with placeholders, and the ciphertexts are
// put in their place by quiet updates (Op.Quiet), one a row, in the same
// transaction: the engine needs op.CapTransactions for that. The keys of rows
// with encrypted fields cannot be changed.
//
// A value that does not open is a DATABASE_ERROR that names model, field, row
// and key ID.
func New(o Options) op.Layer {
	l := newLayer(o)
	return func(next op.Engine) op.Engine { return &engine{layer: l, next: next} }
}

func newLayer(o Options) *layer {
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	return &layer{ring: o.Ring, rand: o.Rand}
}

// ready refuses to work without keys.
func (l *layer) ready() error {
	if l.ring == nil {
		return op.Errorf(op.CodeInternal, "the layer that encrypts was made without a key ring")
	}
	return nil
}

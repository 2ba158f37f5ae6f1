package op

import (
	"context"
	"time"
)

// Consistency is how fresh a read must be, on engines whose data lives on
// several nodes. Others answer every read from what was last committed.
type Consistency uint8

// The levels.
const (
	// Weak reads what the leader has applied. It is the default. A leader that
	// was cut off and does not know yet may answer from the past, for as long as
	// its lease (half a second).
	Weak Consistency = iota
	// Linearizable reads at least what was acknowledged to anybody before the
	// read began: the leader makes sure that it still is one.
	Linearizable
	// Strong is Linearizable by way of the log itself. It costs a write.
	Strong
	// None reads what the nearest node has, which may be old; see MaxAge.
	None
)

// String is the name of the level, as it stands in configuration and URLs.
func (c Consistency) String() string {
	switch c {
	case Linearizable:
		return "linearizable"
	case Strong:
		return "strong"
	case None:
		return "none"
	}
	return "weak"
}

// ParseConsistency is the level of a name.
func ParseConsistency(name string) (Consistency, error) {
	for _, c := range []Consistency{Weak, Linearizable, Strong, None} {
		if c.String() == name {
			return c, nil
		}
	}
	return Weak, Errorf(CodeValidation, "%q is no level of consistency: use none, weak, linearizable or strong", name)
}

// Reading says how reads of a context are to be answered.
type Reading struct {
	Consistency Consistency
	// MaxAge bounds, with None, how long ago the node may have heard from the
	// leader; 0 is any time. A node that has not refuses with a TIMEOUT.
	MaxAge time.Duration
}

type readingKey struct{}

// WithReading returns a context whose reads are answered as r says.
func WithReading(ctx context.Context, r Reading) context.Context {
	return context.WithValue(ctx, readingKey{}, r)
}

// ReadingOf is what WithReading set, or the zero Reading.
func ReadingOf(ctx context.Context) Reading {
	r, _ := ctx.Value(readingKey{}).(Reading)
	return r
}

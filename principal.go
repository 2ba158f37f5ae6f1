package weft

import (
	"context"

	"github.com/weftdb/weft/op"
)

// Principal is who an operation runs as.
type Principal = op.Principal

// As returns a context whose operations run as p. Layers that care for it, such
// as access rules and audit, find it there; without them it has no effect.
func As(ctx context.Context, p Principal) context.Context { return op.WithPrincipal(ctx, p) }

// AsSystem returns a context whose operations bypass access rules, explicitly.
func AsSystem(ctx context.Context) context.Context {
	return op.WithPrincipal(ctx, Principal{ID: "system", System: true})
}

package op

import "context"

// Principal is who an operation runs as. The zero Principal is nobody in
// particular, which access rules treat as the role public.
type Principal struct {
	ID     string
	Role   string
	Tenant string
	System bool // bypasses access rules; audited
}

type principalKey struct{}

// WithPrincipal returns a context whose operations run as p.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalOf returns who operations with this context run as.
func PrincipalOf(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey{}).(Principal)
	return p
}

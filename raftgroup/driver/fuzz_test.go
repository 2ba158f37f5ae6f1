package driver

import "testing"

// Whatever it is given, the lexer comes to an end and says the same twice.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"BEGIN IMMEDIATE;", "SAVEPOINT [a b]", "ROLLBACK TO 'x", "PRAGMA a.b(c)", "SELECT $a::b(c), ?7, :x -- :y\n", "/*", "$(", "\ufeffCOMMIT", "release", "''''", "?99999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, aerr := read(s)
		b, berr := read(s)
		if a != b || (aerr == nil) != (berr == nil) {
			t.Errorf("%q reads as %v and %v", s, a, b)
		}
		if list, err := parameters(s); err == nil && len(list) > len(s)+32766 {
			t.Errorf("%d parameters in %d bytes", len(list), len(s))
		}
	})
}

package migrate

import (
	"testing"
)

func TestSamePredicate(t *testing.T) {
	if !samePredicate(`"A"  IS null`, `"a" is NULL`) || samePredicate(`a = 'x'`, `a = 'X'`) {
		t.Error("conditions are compared wrongly")
	}
}

// FuzzTokens: whatever the text, cutting it up ends, loses nothing but space
// and comments, and what is made of it can be cut up again.
func FuzzTokens(f *testing.F) {
	for _, s := range []string{"", "a b", "'x''y'", "[a", "/* x", "-- y", "text(1,2) COLLATE x", "\"", "é\x00", "CREATE INDEX i ON t(a)WHERE b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for rest := s; len(rest) > 0; {
			n := tokenLen(rest)
			if n < 1 || n > len(rest) {
				t.Fatalf("token of %d bytes in %q", n, rest)
			}
			rest = rest[n:]
		}
		name := typeName(s)
		if again := typeName(name); again != name {
			t.Errorf("typeName(%q) is %q, of that it is %q", s, name, again)
		}
		_ = checkSpecific(s)
	})
}

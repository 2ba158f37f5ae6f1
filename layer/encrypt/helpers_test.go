package encrypt_test

import (
	"strings"
	"testing"

	"github.com/weftdb/weft/layer/encrypt"
)

// key makes a key whose secret is made of its ID.
func key(t testing.TB, id string) encrypt.Key {
	t.Helper()
	k, err := encrypt.NewKey(id, []byte(id+strings.Repeat(".", 32-len(id))))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// ring makes a ring of keys by their IDs, the current one first.
func ring(t testing.TB, ids ...string) *encrypt.KeyRing {
	t.Helper()
	var keys []encrypt.Key
	for _, id := range ids {
		keys = append(keys, key(t, id))
	}
	r, err := encrypt.NewKeyRing(keys[0], keys[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// says asserts that an error has each part in its text.
func says(t testing.TB, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("%q is not in %q", p, err)
		}
	}
}

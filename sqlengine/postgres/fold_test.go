package postgres

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/weftdb/weft/internal/services"
	"github.com/weftdb/weft/op"
)

// The server lower-cases every rune there is as op.Fold does by its ICU
// library, whatever stands around the rune. Without it, which is slow, the runes
// that have a lower case or are one are tried, and some more.
func TestFold(t *testing.T) {
	ctx := context.Background()
	e := Open(services.Postgres(t), MaxConns(1))
	defer e.Close()
	if err := e.ready(ctx); err != nil {
		t.Fatal(err)
	}
	c, err := e.get(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	var all []rune
	for r := rune(1); r <= unicode.MaxRune; r++ {
		if utf8.ValidRune(r) {
			all = append(all, r)
		}
	}
	ways := []bool{false}
	if e.icu.Load() {
		ways = append(ways, true)
	}
	for _, icu := range ways {
		e.icu.Store(icu)
		runes := all
		if !icu {
			upper, lower := letters()
			runes = append([]rune(upper+lower), all[:2000]...)
		}
		for _, form := range []string{"%c", "A%c", "A%cA", "%cΣ"} {
			var differ []string
			for part := range chunks(runes, 20000) {
				var in strings.Builder
				for _, r := range part {
					fmt.Fprintf(&in, form+"\x01", r)
				}
				rows, err := c.ask(ctx, "SELECT "+e.fold("$1::text"), in.String())
				if err != nil {
					t.Fatal(err)
				}
				got, want := strings.Split(rows[0][0], "\x01"), strings.Split(op.Fold(in.String()), "\x01")
				if len(got) != len(want) {
					t.Fatalf("%d texts became %d", len(want), len(got))
				}
				for i := range want {
					if got[i] != want[i] {
						differ = append(differ, fmt.Sprintf("%U", part[i]))
					}
				}
			}
			if len(differ) > 0 {
				t.Errorf("ICU %v, %q: %d runes are folded otherwise: %v", icu, form, len(differ), differ)
			}
		}
	}
}

// chunks are the runes in pieces of n.
func chunks(all []rune, n int) func(func([]rune) bool) {
	return func(yield func([]rune) bool) {
		for len(all) > 0 {
			k := min(n, len(all))
			if !yield(all[:k]) {
				return
			}
			all = all[k:]
		}
	}
}

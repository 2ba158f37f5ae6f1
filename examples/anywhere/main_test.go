package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weftdb/weft/internal/services"
)

const want = `too much: there is not enough on the account
Ben has 0.1001, last 0.0001 (from ada)
Zoë has 0.2
ada has 90071992547409.93, last -0.0001 (to Ben)
together 90071992547410.2301
found Zoë
a second ada: unique on owner
`

// The program prints the same on every database, the second time too.
func TestAnywhere(t *testing.T) {
	for name, address := range map[string]func() string{
		"sqlite":   func() string { return "sqlite:" + filepath.Join(t.TempDir(), "anywhere.db") },
		"postgres": func() string { return services.Postgres(t) },
		"mysql":    func() string { return services.MySQLURL(t) },
	} {
		t.Run(name, func(t *testing.T) {
			at := address()
			for range 2 {
				var out strings.Builder
				if err := run(context.Background(), at, &out); err != nil {
					t.Fatal(err)
				}
				if out.String() != want {
					t.Errorf("it prints\n%s\nand should\n%s", &out, want)
				}
			}
		})
	}
}

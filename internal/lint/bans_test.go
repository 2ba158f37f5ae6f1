package lint

import (
	"path/filepath"
	"strings"
	"testing"
)

// embedded are the packages behind a program on one file, and behind its tests.
var embedded = []string{".", "./sqlengine/sqlite", "./wefttest"}

// bannedFromEmbedded must not be linked into such a program, however far down:
// each would bring a network stack, a server's driver or a C compiler to
// somebody who wanted a file.
var bannedFromEmbedded = []string{
	"github.com/libp2p/", "github.com/ipfs/", "github.com/hashicorp/raft", "github.com/rqlite/",
	"github.com/jackc/", "github.com/lib/pq", "github.com/go-sql-driver/mysql", "github.com/redis/", "github.com/mattn/go-sqlite3",
	"github.com/spf13/cobra", "github.com/coder/websocket",
}

func TestEmbeddedLinksNoServer(t *testing.T) {
	noCgo := []string{"CGO_ENABLED=0"}
	seen := map[string]bool{}
	for _, p := range goList(t, noCgo, append([]string{"-deps"}, embedded...)...) {
		seen[p.ImportPath] = true
		if len(p.CgoFiles) > 0 {
			t.Errorf("%s needs cgo", p.ImportPath)
		}
		for _, ban := range bannedFromEmbedded {
			if strings.HasPrefix(p.ImportPath+"/", ban) || strings.HasPrefix(p.ImportPath, ban) {
				t.Errorf("a program on one file links %s (%s is banned)", p.ImportPath, ban)
			}
		}
	}
	if !seen["modernc.org/sqlite"] {
		t.Error("modernc.org/sqlite is not among the dependencies; this test looks at the wrong packages")
	}
	// It compiles and links without a C compiler.
	run(t, noCgo, "go", "build", "-o", filepath.Join(t.TempDir(), "quickstart"), "./examples/quickstart")
}

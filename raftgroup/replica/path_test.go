package replica

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDirNames opens copies in directories with all kinds of names: each works,
// also with a snapshot and after a restart, or is refused by what is in its name.
func TestDirNames(t *testing.T) {
	for name, bad := range map[string]string{
		"with a space": "", "größe-日本語": "", "100%": "", "5%z": "", "a&b=c;d+e,f@g:h": "", "quote'`$": "",
		"what?": "?", "no#1": "#", "a%20b": "%20", "a%3Fb": "%3F",
	} {
		n := &node{t: t, dir: t.TempDir(), cfg: quick()}
		n.startHost()
		t.Cleanup(n.stop)
		n.cfg.Dir = filepath.Join(n.dir, name, "group")
		if err := CheckDir(n.cfg.Dir); bad != "" {
			if !errors.Is(err, ErrDirName) || !strings.Contains(err.Error(), `"`+bad+`"`) {
				t.Errorf("%q: check: %v", name, err)
			}
			if _, err := n.mux.Open(within(t), n.cfg); !errors.Is(err, ErrDirName) || !strings.Contains(err.Error(), `"`+bad+`"`) {
				t.Errorf("%q: open: %v", name, err)
			}
			continue
		} else if err != nil {
			t.Errorf("%q: check: %v", name, err)
		}
		n.open()
		if err := n.r.Bootstrap(within(t)); err != nil {
			t.Fatal(err)
		}
		fill(t, n, 3)
		for range 2 { // whole, then incremental
			if err := n.r.Snapshot(within(t)); err != nil {
				t.Errorf("%q: snapshot: %v", name, err)
			}
			if err := sql(n, "INSERT INTO t VALUES (1, 'after')"); err != nil {
				t.Fatal(err)
			}
		}
		n.closeReplica()
		n.open()
		leader(t, n)
		if got := count(n, "SELECT count(*) FROM t"); got != 5 {
			t.Errorf("%q: %d rows", name, got)
		}
		n.stop()
	}
	// A link is followed.
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "a#b"), 0o700), os.Symlink(filepath.Join(dir, "a#b"), filepath.Join(dir, "link"))); err != nil {
		t.Fatal(err)
	}
	if err := CheckDir(filepath.Join(dir, "link", "none", "none")); !errors.Is(err, ErrDirName) {
		t.Errorf("a link: %v", err)
	}
}

package raftgroup

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/raftgroup/replica"
)

// A leader that cannot apply an entry, because its disk is full, does not say that
// nothing was changed: the entry is in the log, and others apply it.
func TestEntryThatOnlyOthersApply(t *testing.T) {
	g, a := single(t, Config{})
	run1(t, g, "CREATE TABLE t (a INTEGER)")
	full := &replica.ApplyError{Text: "the disk is full; nothing was changed"}

	// Another leader has applied it, or does so when it is sent again.
	tries := 0
	a.before = func([]byte) error {
		if tries++; tries == 1 {
			return full
		}
		return nil
	}
	run1(t, g, "INSERT INTO t VALUES (1)")
	if n := run1(t, g, "SELECT count(*) FROM t")[0].Rows[0][0]; n != int64(1) {
		t.Errorf("there are %v rows", n)
	}

	a.before = func([]byte) error { return full }
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := g.Run(ctx, door.Request{Statements: []door.Statement{{SQL: "INSERT INTO t VALUES (2)"}}})
	if err == nil || strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("where nobody can apply it: %v", err)
	}
}

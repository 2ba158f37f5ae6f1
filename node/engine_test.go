package node

import (
	"testing"

	"github.com/weftdb/weft/op"
)

// A copy that is given up under a program's calls is no end of its database: the
// calls go to other nodes, and a transaction may be run again.
func TestCopyGivenUpUnderCalls(t *testing.T) {
	first, _ := run(t, config(t))
	ready(t, first)
	seed := first.Addrs()[0]
	second, _ := run(t, config(t, seed))
	third, _ := run(t, config(t, seed))
	for _, n := range []*Node{second, third} {
		ready(t, n)
	}
	shaped(t, third, "3+0 of 3 live")
	sql(t, third, `CREATE TABLE t (a INTEGER)`)
	n, ctx := third, t.Context()
	if n.copy(space).group.Replica().IsLeader() {
		n = second
	}

	e := n.Engine("default")
	insert := op.Op{Kind: op.SQL, SQL: `INSERT INTO t VALUES (1)`}
	tx, err := e.Begin(ctx, op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Do(ctx, insert); err != nil {
		t.Fatal(err)
	}
	gone := make(chan error, 1)
	go func() { gone <- n.drop(space) }()
	done := 0
	for over := false; !over; done++ {
		select {
		case err := <-gone:
			if err != nil {
				t.Fatal(err)
			}
			over = true // one more
		default:
		}
		if _, err := e.Do(ctx, insert); err != nil {
			t.Fatalf("after %d: %v", done, err)
		}
	}
	if err := tx.Commit(ctx); !op.Retryable(err) {
		t.Errorf("a transaction on a copy that is gone: %v", err)
	}
	if rows := sql(t, first, `SELECT count(*) FROM t`); rows[0][0] != int64(done) {
		t.Errorf("%v rows, %d were made", rows, done)
	}
}

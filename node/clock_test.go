package node

import (
	"strings"
	"testing"
	"time"
)

// A node of a cluster whose clock goes an hour wrong says so, leads nothing, and
// serves on; when the clock is right all is well again.
func TestClockOfAMemberIsWrong(t *testing.T) {
	first, _ := run(t, config(t))
	ready(t, first)
	seed := first.Addrs()[0]
	second, _ := run(t, config(t, seed))
	third := config(t, seed)
	n, _ := run(t, third)
	for _, x := range []*Node{second, n} {
		ready(t, x)
	}
	shaped(t, first, "3+0 of 3 live")
	sql(t, first, `CREATE TABLE t (a INTEGER)`)
	sql(t, first, `INSERT INTO t VALUES (1)`)
	shut(t, n)

	wrong := third
	wrong.Clock = func() time.Time { return time.Now().Add(time.Hour) }
	late, log := run(t, wrong)
	until(t, func() string {
		if p := late.trouble(); !strings.Contains(p, "clock") || !strings.Contains(log.String(), "set it right") {
			return "it does not say that its clock is wrong: " + p
		}
		return ""
	})
	until(t, func() string {
		for _, name := range []string{"system", space} {
			if c := late.copy(name); c == nil || c.group == nil || c.group.Replica().IsLeader() {
				return "it leads " + name + ", or has no copy of it"
			}
		}
		return ""
	})
	sql(t, late, `INSERT INTO t VALUES (2)`)
	if rows := sql(t, first, `SELECT a FROM t ORDER BY a`); len(rows) != 2 {
		t.Errorf("%v", rows)
	}
	shut(t, late)
	well, _ := run(t, third)
	ready(t, well)
	until(t, well.trouble)
	if rows := sql(t, well, `SELECT a FROM t ORDER BY a`); len(rows) != 2 {
		t.Errorf("%v", rows)
	}
}

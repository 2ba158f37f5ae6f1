package raftgroup

import (
	"testing"
	"time"
)

// Turns last as long as transactions take: those count too whose time was over
// before they ended, and those that were left open only for so long.
func TestPaceOfTurns(t *testing.T) {
	var all turns
	for range 20 {
		h := all.give()
		h.began = h.began.Add(-time.Hour)
		h.pass()
		if all.holder != nil {
			t.Fatal("the next one does not begin")
		}
		h.release()
		was := all.pace
		h.release()
		if all.pace != was {
			t.Fatal("the end of a transaction counts twice")
		}
	}
	if all.pace > longestPace || all.pace < longestPace*9/10 {
		t.Errorf("the pace is %v", all.pace)
	}
}

package main

import (
	"testing"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/node"
)

// weft health fails for a copy that goes on with something wrong.
func TestUnwell(t *testing.T) {
	for want, st := range map[string]node.NodeStatus{
		"":                    {Groups: []door.Info{{Group: "system"}, {Group: "ns/default"}}},
		"the clock is off":    {Problem: "the clock is off", Groups: []door.Info{{Group: "system", Problem: "no room"}}},
		"ns/default: no room": {Groups: []door.Info{{Group: "system"}, {Group: "ns/default", Problem: "no room"}}},
	} {
		got := ""
		if err := unwell(st); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

package main

import (
	"bytes"
	"strings"
	"testing"
)

// The shop sells each ticket once, on a file and on three nodes of which one
// goes away.
func TestShop(t *testing.T) {
	for name, onFile := range map[string]bool{"file": true, "cluster": false} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := run(t.Context(), onFile, &out); err != nil {
				t.Fatalf("%v\n%s", err, out.String())
			}
			for _, want := range []string{
				"The last night: 10 tickets left, 20 sold", "10 buyers came too late", "The last night: 0 tickets left, 30 sold",
			} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is missing in\n%s", want, out.String())
				}
			}
		})
	}
}

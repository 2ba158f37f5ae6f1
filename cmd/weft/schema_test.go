package main

import (
	"bytes"
	"strings"
	"testing"
)

// The models of a Go package are those of its program, with their options.
func TestSchemaOfAPackage(t *testing.T) {
	var out, errOut bytes.Buffer
	if status := run(t.Context(), []string{"schema", "show", "../../examples/shop/models", "--format", "yaml"}, &out, &errOut); status != exitOK {
		t.Fatalf("status %d: %s", status, errOut.String())
	}
	for _, part := range []string{"model: PlaylistTrack\ntable: PlaylistTrack", "IFK_TrackGenreId", "manager: {belongsTo: Employee"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("the models do not have %q:\n%s", part, out.String())
		}
	}
	out.Reset()
	if status := run(t.Context(), []string{"schema", "check", "../../examples/shop/models"}, &out, &errOut); status != exitOK || out.String() != "11 models: no faults\n" {
		t.Errorf("status %d: %s%s", status, out.String(), errOut.String())
	}
	if status := run(t.Context(), []string{"schema", "check", "../../examples/quickstart"}, &out, &errOut); status != exitError || !strings.Contains(errOut.String(), "package main") {
		t.Errorf("status %d: %s", status, errOut.String())
	}
}

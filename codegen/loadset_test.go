package codegen_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weftdb/weft/codegen"
	"github.com/weftdb/weft/schema"
)

// Models of a package are asked for by a program, so that their options count,
// also of those that are not exported.
func TestLoad(t *testing.T) {
	set, err := codegen.Load(t.Context(), "..", []string{"./examples/shop/models"})
	if err != nil {
		t.Fatal(err)
	}
	if m := set.Model("InvoiceLine"); len(set.Models) != 11 || m == nil || m.Table != "InvoiceLine" || len(m.Indexes) != 2 || m.Relation("track") == nil {
		t.Errorf("%d models, InvoiceLine %+v", len(set.Models), m)
	}
	if list, err := filepath.Glob(filepath.Join("..", "examples", "shop", "models", "*weft_schema*")); err != nil || len(list) > 0 {
		t.Errorf("files are left: %v %v", list, err)
	}
	for pattern, want := range map[string]string{
		"./examples/quickstart": "package main",
		"./op/optest/nowhere":   "nowhere",
		"./internal/goid":       "no models",
	} {
		if _, err := codegen.Load(t.Context(), "..", []string{pattern}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", pattern, err, want)
		}
	}
}

// All faults come at once, with file and line.
func TestLoadFaults(t *testing.T) {
	dir, err := os.MkdirTemp("testdata", "faulty")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	text := "package faulty\n\nimport \"github.com/weftdb/weft\"\n\ntype Post struct {\n\tweft.Model\n\tTitle string `weft:\"sise=3\"`\n\tAuthor *User `weft:\"belongs_to\"`\n}\n\n" +
		"type User struct {\n\tweft.Model\n\tPosts []*Post `weft:\"has_many,fk=Nope\"`\n}\n"
	if err := os.WriteFile(filepath.Join(dir, "faulty.go"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = codegen.Load(t.Context(), "", []string{"./" + dir})
	var faults *schema.Faults
	if !errors.As(err, &faults) {
		t.Fatalf("got %v", err)
	}
	for _, part := range []string{"faulty.go:7: Post.title: tag \"sise\" is unknown"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v\ndoes not say %s", err, part)
		}
	}
}

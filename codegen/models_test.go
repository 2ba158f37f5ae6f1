package codegen_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/weftdb/weft/codegen"
	"github.com/weftdb/weft/schema"
)

// readBack compiles models and returns their set as YAML, as FromStruct and
// Build see it. The sets are by package name; more is what the packages declare
// beside the models.
func readBack(t *testing.T, sets map[string]*schema.Set, more map[string]string) map[string]string {
	t.Helper()
	files := map[string]string{}
	var main, imports strings.Builder
	for pkg, set := range sets {
		src, err := codegen.Models(set, pkg)
		if err != nil {
			t.Fatalf("%s: %v", pkg, err)
		}
		files["readback/"+pkg+"/models.go"] = string(src)
		if s := more[pkg]; s != "" {
			files["readback/"+pkg+"/more.go"] = s
		}
		fmt.Fprintf(&imports, "\t%q\n", "github.com/weftdb/weft/codegen/readback/"+pkg)
		fmt.Fprintf(&main, "\tshow(%q", pkg)
		for _, m := range set.Models {
			if !m.Implicit {
				fmt.Fprintf(&main, ", %s.%s{}", pkg, m.Name)
			}
		}
		main.WriteString(")\n")
	}
	files["readback/main.go"] = `package main

import (
	"encoding/json"
	"os"

` + imports.String() + `
	"github.com/weftdb/weft/schema"
)

var out = map[string]string{}

func show(pkg string, structs ...any) {
	var models []*schema.Model
	for _, s := range structs {
		m, err := schema.FromStruct(s)
		if err != nil {
			out[pkg] = err.Error()
			return
		}
		models = append(models, m)
	}
	set, err := schema.Build(models...)
	if err != nil {
		out[pkg] = err.Error()
		return
	}
	text, err := schema.SetYAML(set)
	if err != nil {
		out[pkg] = err.Error()
		return
	}
	out[pkg] = string(text)
}

func main() {
` + main.String() + `
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		panic(err)
	}
}
`
	stdout, err := goTool(t, files, "run", "./readback")
	if err != nil {
		t.Fatalf("%v\n%s", err, archive(files))
	}
	out := map[string]string{}
	decode(t, stdout, &out)
	return out
}

// TestModelsAreLossless compiles the models of every YAML file and compares what
// FromStruct says of them with the file.
func TestModelsAreLossless(t *testing.T) {
	sets := map[string]*schema.Set{}
	for pkg, file := range map[string]string{
		"library": "testdata/library.yaml", "forms": "../schema/testdata/forms.golden.yaml", "blog": "../schema/testdata/set.golden.yaml",
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sets[pkg] = parse(t, file, text)
	}
	got := readBack(t, sets, nil)
	for pkg, set := range sets {
		if want := yamlOf(t, set); got[pkg] != want {
			t.Errorf("%s: got\n%s\nwant\n%s", pkg, got[pkg], want)
		}
	}
	src, err := codegen.Models(sets["library"], "library")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "library.go.golden", src)
}

// TestModelsWithFunctions compiles models that name functions and hooks beside
// the functions and hooks that the source asks for.
func TestModelsWithFunctions(t *testing.T) {
	set := parse(t, "f.yaml", []byte(`
model: Post
hooks: true
fields:
  id: {type: uuid, primary: true}
  slug: {type: string, defaultFunc: Post.slug, transform: Post.slug, validator: Post.slug}
  title: {type: string, transform: trim, validator: Post.title}
`))
	src, err := codegen.Models(set, "funcs")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "functions.go.golden", src)
	got := readBack(t, map[string]*schema.Set{"funcs": set}, map[string]string{"funcs": `package funcs

import "context"

func (*Post) BeforeCreate(context.Context) error { return nil }

func postSlugDefault() any { return "" }
func postSlugTransform(v any) any { return v }
func postSlugValidator(v any) string { return "" }
func postTitleValidator(v any) string { return "" }
`})
	if want := yamlOf(t, set); got["funcs"] != want {
		t.Errorf("got\n%s\nwant\n%s", got["funcs"], want)
	}
}

func TestModelsThatGoCannotExpress(t *testing.T) {
	for _, c := range []struct{ yaml, pkg, want string }{
		{"model: A\nfields: {id: uuid}", "type", `"type" is no name for a Go package`},
		{"model: post\ntable: posts\nfields: {id: uuid}", "m", `post: "post" is no name for a Go type that other packages can use; begin it with a capital letter, and say table: posts to keep the table`},
		{
			"model: A\nfields: {id: uuid, a_b: {type: string, hidden: true}, s: {type: specificType, dbType: x, default: 3}}", "m",
			"A.a_b: it is hidden, so no json tag can name it; call it ab and keep the column with column: a_b\n" +
				"A.s: default 3 of the type specificType(x) is a int64, and a tag gives text; write it as text, or give the field a type of its own",
		},
		{"model: A\nfields: {id: uuid, e: {type: enum, values: ['a|b', 'c,d']}}", "m", "A.e: its values cannot be written as a tag"},
		{"model: A\nfields: {id: uuid, city: {type: string, embed: home}}", "m", `A.city: it is embedded in "home", but its name does not begin with that; call it homeCity`},
		{"model: A\nfields: {id: uuid, homeCity: {type: string, embed: home, column: c}}", "m", "its column c does not begin with home_; take embed away"},
		{"model: A\ntable: x.a\nfields: {id: uuid, a: {type: uuid, references: {table: x.a, column: id}}}", "m", `references table "x.a", whose name has a dot`},
		{"model: A\nfields: {id: uuid, a: {type: string, transform: f, validator: f}}", "m", "A.a: the transform and the validator are both called f, but are functions of different types"},
	} {
		_, err := codegen.Models(parse(t, "x.yaml", []byte(c.yaml)), c.pkg)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\ngot  %v\nwant %s", c.yaml, err, c.want)
		}
	}
	if _, err := codegen.Models(nil, "m"); err == nil {
		t.Error("no set is accepted")
	}
}

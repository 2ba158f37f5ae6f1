package codegen_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/weftdb/weft/codegen"
	"github.com/weftdb/weft/internal/gomodule"
)

// generated returns the files of an output by their path under dir.
func generated(t *testing.T, dir string, o codegen.Options) map[string]string {
	t.Helper()
	o.Dir = dir
	out, err := codegen.Generate(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for path, data := range out.Files() {
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.ToSlash(rel)] = string(data)
	}
	return files
}

// archive writes files one behind the other.
func archive(files map[string]string) []byte {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&b, "-- %s --\n%s", name, files[name])
	}
	return []byte(b.String())
}

func TestGenerateFromGo(t *testing.T) {
	golden(t, "tricky.golden", archive(generated(t, absolute(t, "testdata/tricky"), codegen.Options{JSONSchema: "json"})))
	golden(t, "trickymain.golden", archive(generated(t, absolute(t, "testdata/trickymain"), codegen.Options{})))
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

// module makes a Go module that can import this one, with further files, and
// returns its directory.
func module(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	if err := gomodule.Write(dir, "example.com/app"); err != nil {
		t.Fatal(err)
	}
	write(t, dir, files)
	return dir
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// run generates and writes.
func run(t *testing.T, o codegen.Options) []codegen.Change {
	t.Helper()
	out, err := codegen.Generate(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	changes, err := out.Write()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := out.Changes(); err != nil || len(again) > 0 {
		t.Errorf("after Write there is still to be done: %v, %v", again, err)
	}
	return changes
}

func names(changes []codegen.Change, dir string) string {
	var out []string
	for _, c := range changes {
		rel, err := filepath.Rel(dir, c.Path)
		if err != nil {
			rel = c.Path
		}
		out = append(out, c.Done+" "+filepath.ToSlash(rel))
	}
	return strings.Join(out, ", ")
}

// The columns that come with models from YAML are those that are made of the
// models as Go.
func TestYAMLAndGoGiveTheSameColumns(t *testing.T) {
	yaml, err := os.ReadFile("testdata/library.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := module(t, map[string]string{"schema/library.yaml": string(yaml)})
	run(t, codegen.Options{Dir: dir, YAML: []string{"schema/library.yaml"}})
	if changes := run(t, codegen.Options{Dir: dir, Packages: []string{"./models"}}); len(changes) > 0 {
		t.Error(names(changes, dir))
	}
	files := generated(t, dir, codegen.Options{YAML: []string{"schema/library.yaml"}, JSONSchema: "json"})
	delete(files, "models/models.go") // has a golden file of its own
	golden(t, "library.golden", archive(files))
}

const app = `package main

import (
	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

type Post struct {
	weft.Model
	Title string
	Likes int64
}

type Comment struct {
	weft.Model
	PostID string
	Post   *Post ` + "`weft:\"belongs_to\"`" + `
}

func main() {
	_, _ = weft.Open(sqlite.Open("app.db"), weft.Models(Post{}, Comment{}))
}
`

// The package uses a column before it is generated: neither it nor what was
// generated before compiles, and the new column is found all the same.
func TestGenerateWithoutCompiling(t *testing.T) {
	dir := module(t, map[string]string{"main.go": app, "query.go": `package main

import "example.com/app/post"

var popular = post.Likes.Gt(10)
`})
	if got, want := names(run(t, codegen.Options{Dir: dir}), dir), "wrote comment/comment.go, wrote post/post.go"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	vet(t, dir, "")
	write(t, dir, map[string]string{
		"main.go":  strings.Replace(app, "Likes int64", "Hearts int64\n\tState State", 1),
		"query.go": "package main\n\nimport (\n\t\"example.com/app/post\"\n\t\"example.com/app/nowhere\"\n)\n\ntype State string\n\nvar popular, bad = post.Hearts.Gt(10), nowhere.At(\n\tundefined)\n\nvar _ int = \"x\"\n",
	})
	if got, want := names(run(t, codegen.Options{Dir: dir}), dir), "wrote post/post.go"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	write(t, dir, map[string]string{
		"query.go": "package main\n\nimport \"example.com/app/post\"\n\ntype State string\n\nvar popular = post.Hearts.Gt(10)\n\nvar draft = post.State.Eq(\"draft\")\n",
	})
	vet(t, dir, "")

	// What was generated is broken, or is no Go at all.
	for _, text := range []string{"package post\n\nvar X = nothing\n", "package other\n", "no Go"} {
		write(t, dir, map[string]string{"post/post.go": codegen.Header + "\n// Source: ..\n\n" + text})
		if got, want := names(run(t, codegen.Options{Dir: dir}), dir), "wrote post/post.go"; got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	vet(t, dir, "")
}

// vet checks a module by the compiler; want is part of what it says.
func vet(t *testing.T, dir, want string) {
	t.Helper()
	_, err := command(dir, "go", "vet", "./...")
	if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Fatalf("%v, want %q", err, want)
	}
}

// A package of models that uses its own columns cannot be imported by them, so
// they have no types of it.
func TestColumnsDoNotImportInCircles(t *testing.T) {
	models := `package models

import "github.com/weftdb/weft"

type State string

type Post struct {
	weft.Model
	State State
}
`
	dir := module(t, map[string]string{"models/post.go": models})
	run(t, codegen.Options{Dir: dir, Packages: []string{"./models"}})
	column := func(want string) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, "models/post/post.go"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	column("weft.Text[models.State]")
	for name, file := range map[string]map[string]string{
		"itself":        {"models/query.go": "package models\n\nimport \"example.com/app/models/post\"\n\nvar Draft = post.State.Eq(\"draft\")\n"},
		"by another":    {"models/query.go": "package models\n\nimport \"example.com/app/part\"\n\nvar Draft = part.Draft\n", "part/part.go": "package part\n\nimport \"example.com/app/models/post\"\n\nvar Draft = post.State.Eq(\"draft\")\n"},
		"in its test":   {"models/query_test.go": "package models\n\nimport \"example.com/app/models/post\"\n\nvar Draft = post.State.Eq(\"draft\")\n"},
		"in both kinds": {"models/query_test.go": "package models_test\n\nimport \"example.com/app/models/post\"\n\nvar Draft = post.State.Eq(\"draft\")\n"},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, dir, file)
			run(t, codegen.Options{Dir: dir, Packages: []string{"./models"}})
			if name == "in both kinds" { // a test outside of the package may import it
				column("weft.Text[models.State]")
			} else {
				column("weft.Text[string]")
			}
			vet(t, dir, "")
			for f := range file {
				if err := os.Remove(filepath.Join(dir, f)); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestGenerateKeepsOutOfTheWay(t *testing.T) {
	dir := module(t, map[string]string{
		"main.go":            strings.Replace(app, "type Comment", "type Interface struct {\n\tID int `weft:\"primary\"`\n}\n\ntype Comment", 1),
		"comment/comment.go": "// Package comment is somebody's own.\npackage comment\n",
		"post.go":            "package main\n\nfunc post() {}\n",
		"old/old.go":         codegen.Header + "\n// Source: ..\n\npackage old\n",
		"other/other.go":     codegen.Header + "\n// Source: ../elsewhere\n\npackage other\n",
		"gone/gone.go":       codegen.Header + "\n// Source: ..\n\npackage gone\n",
		"gone/more.go":       "package gone\n",
		"empty/README":       "",
	})
	want := "wrote commentcol/commentcol.go, removed gone/gone.go, wrote interfacecol/interfacecol.go, removed old/old.go, wrote postcol/postcol.go"
	if got := names(run(t, codegen.Options{Dir: dir}), dir); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for name, there := range map[string]bool{
		"comment/comment.go": true, "old": false, "other/other.go": true, "gone/more.go": true, "gone/gone.go": false, "empty/README": true,
	} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != there {
			t.Errorf("%s: %v", name, err)
		}
	}
	vet(t, dir, "")
	if changes := run(t, codegen.Options{Dir: dir}); len(changes) > 0 {
		t.Error("a second run changed", names(changes, dir))
	}
}

func TestGenerateFaults(t *testing.T) {
	one := "model: A\nfields: {id: uuid}\n"
	dir := module(t, map[string]string{
		"none/x.go":      "package none\n\ntype X struct{ A int }\n",
		"broken/x.go":    "package broken\n\nimport \"github.com/weftdb/weft\"\n\ntype X struct {\n\tweft.Model\n\tA Nowhere\n\tB []other.Thing\n}\n",
		"syntax/x.go":    "package syntax\n\ntype X struct {\n",
		"bad/x.go":       "package bad\n\ntype X struct {\n\tID int `weft:\"primery\"`\n\tC chan int\n\t*Y\n}\n\ntype Y struct{ N int }\n",
		"generic/x.go":   "package generic\n\ntype X[T any] struct {\n\tID T `weft:\"primary\"`\n}\n",
		"umlaut/x.go":    "package umlaut\n\ntype Größe struct {\n\tID int `weft:\"primary\"`\n}\n",
		"a/x.go":         "package a\n\ntype X struct {\n\tID int `weft:\"primary\"`\n}\n",
		"b/x.go":         "package b\n\ntype X struct {\n\tID int `weft:\"primary\"`\n}\n",
		"two/x.go":       "package two\n\ntype Xy struct {\n\tID int `weft:\"primary\"`\n}\n\ntype XY struct {\n\tID int `weft:\"primary\"`\n}\n",
		"full/x.go":      "package full\n\ntype X struct {\n\tID int `weft:\"primary\"`\n}\n\nvar x, xcol int\n",
		"one.yaml":       one,
		"again.yaml":     one,
		"empty.yaml":     "# nothing\n",
		"wrong.yaml":     "model: A\nfields: {id: strin}\n",
		"mine/models.go": "package mine\n",
		"elsewhere/x.go": "package other\n",
		"json/A.json":    "{}",
	})
	elsewhere := t.TempDir()
	write(t, elsewhere, map[string]string{"one.yaml": one, "x.go": "package x\n"})
	for name, c := range map[string]struct {
		o    codegen.Options
		want string
	}{
		"no models":         {codegen.Options{Packages: []string{"./none"}}, "no models in ./none: a model is a struct that embeds weft.Model"},
		"no package":        {codegen.Options{Packages: []string{"./nothere"}}, "nothere"},
		"empty":             {codegen.Options{}, "cannot be loaded: no Go files in"},
		"unknown type":      {codegen.Options{Packages: []string{"./broken"}}, "X.A: its type cannot be found (x.go:7: undefined: Nowhere)"},
		"syntax":            {codegen.Options{Packages: []string{"./syntax"}}, "package example.com/app/syntax cannot be loaded: "},
		"tag":               {codegen.Options{Packages: []string{"./bad"}}, `X.id: tag "primery" is unknown; did you mean "primary"?`},
		"type":              {codegen.Options{Packages: []string{"./bad"}}, "X.c: a value of type chan int cannot be stored"},
		"embedded pointer":  {codegen.Options{Packages: []string{"./bad"}}, "X.Y: an embedded pointer cannot be flattened"},
		"generic":           {codegen.Options{Packages: []string{"./generic"}, Models: []string{"X"}}, "X: a generic type cannot be a model"},
		"letters":           {codegen.Options{Packages: []string{"./umlaut"}}, "Größe: no package can be named after it"},
		"no such model":     {codegen.Options{Packages: []string{"./a"}, Models: []string{"Z"}}, "there is no struct Z in ./a"},
		"one name":          {codegen.Options{Packages: []string{"./a", "./b"}, Out: "out"}, "the models X and X would have the same package"},
		"one name in JSON":  {codegen.Options{Packages: []string{"./a", "./b"}, JSONSchema: "js"}, "would have the same file"},
		"two cases":         {codegen.Options{Packages: []string{"./two"}}, "the models XY and Xy would have the same package"},
		"nothing free":      {codegen.Options{Packages: []string{"./full"}}, "X: the names x and xcol are both taken in"},
		"both":              {codegen.Options{Packages: []string{"./a"}, YAML: []string{"one.yaml"}}, "not from both at once"},
		"package for Go":    {codegen.Options{Packages: []string{"./a"}, Package: "p"}, "a package name is for models from YAML"},
		"models of YAML":    {codegen.Options{YAML: []string{"one.yaml"}, Models: []string{"A"}}, "leave the choice of models out"},
		"no file":           {codegen.Options{YAML: []string{"no.yaml", "one.yaml"}}, "no.yaml"},
		"no model":          {codegen.Options{YAML: []string{"empty.yaml"}}, "no models in empty.yaml"},
		"two of one":        {codegen.Options{YAML: []string{"one.yaml", "again.yaml"}}, "the model is declared twice"},
		"YAML":              {codegen.Options{YAML: []string{"wrong.yaml"}}, `wrong.yaml:2`},
		"bad package":       {codegen.Options{YAML: []string{"one.yaml"}, Package: "a-b"}, `"a-b" is no name for a Go package`},
		"not ours":          {codegen.Options{YAML: []string{"one.yaml"}, Out: "mine"}, "models.go was not written by weft generate and stays as it is"},
		"other package":     {codegen.Options{YAML: []string{"one.yaml"}, Out: "elsewhere"}, "is of package other and the models would be of package elsewhere; give the name with --package other"},
		"JSON not ours":     {codegen.Options{YAML: []string{"one.yaml"}, JSONSchema: "json"}, "A.json was not written by weft generate"},
		"no module":         {codegen.Options{Dir: elsewhere, YAML: []string{"one.yaml"}}, "lies in no Go module"},
		"no module, for Go": {codegen.Options{Dir: elsewhere}, "go.mod"},
	} {
		t.Run(name, func(t *testing.T) {
			o := c.o
			if o.Dir == "" {
				o.Dir = dir
			}
			out, err := codegen.Generate(t.Context(), o)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if out != nil {
				t.Error("there is an output")
			}
		})
	}
	t.Run("without go", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		if _, err := codegen.Generate(t.Context(), codegen.Options{Dir: dir, Packages: []string{"./a"}}); err == nil ||
			err.Error() != "the go command is not to be found; it tells which files a package has" {
			t.Error(err)
		}
		if _, err := codegen.Generate(t.Context(), codegen.Options{Dir: dir, YAML: []string{"one.yaml"}}); err == nil ||
			!strings.Contains(err.Error(), "the go command is not to be found") {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := codegen.Generate(ctx, codegen.Options{Dir: dir, Packages: []string{"./a"}}); err == nil {
		t.Error("it goes on after the end of its context")
	}
}

// What the compiler says of columns that are misspelt or misused: each line with
// a want comment has an error that matches it, and no other line has one.
func TestMisuseDoesNotCompile(t *testing.T) {
	files := generated(t, absolute(t, "testdata/tricky"), codegen.Options{})
	overlay := map[string]string{}
	for name, text := range files {
		overlay["testdata/tricky/"+name] = text
	}
	for _, name := range []string{"use", "misuse"} {
		text, err := os.ReadFile("testdata/" + name + ".go.txt")
		if err != nil {
			t.Fatal(err)
		}
		overlay["testdata/tricky/"+name+"/"+name+".go"] = string(text)
	}
	if out, err := goTool(t, overlay, "build", "./testdata/tricky/use"); err != nil {
		t.Fatal(err, out)
	}
	_, err := goTool(t, overlay, "build", "-gcflags=-e", "./testdata/tricky/misuse")
	if err == nil {
		t.Fatal("the misuse compiles")
	}
	got := map[string]string{}
	for _, m := range regexp.MustCompile(`misuse\.go:(\d+):\d+: (.*)`).FindAllStringSubmatch(err.Error(), -1) {
		got[m[1]] += m[2] + "\n"
	}
	want := regexp.MustCompile(`// want (.*)$`)
	for i, line := range strings.Split(overlay["testdata/tricky/misuse/misuse.go"], "\n") {
		at := fmt.Sprint(i + 1)
		switch m := want.FindStringSubmatch(line); {
		case m == nil && got[at] != "":
			t.Errorf("%s has an error: %s", line, got[at])
		case m != nil && !strings.Contains(got[at], m[1]):
			t.Errorf("%s\ngot %q", line, got[at])
		}
	}
	if len(got) < 15 {
		t.Errorf("only %d lines have errors", len(got))
	}
}

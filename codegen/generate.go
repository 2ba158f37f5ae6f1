package codegen

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weftdb/weft/schema"
)

// Options are what weft generate is asked for. Paths are relative to Dir.
type Options struct {
	Dir        string   // the working directory; "" is the process's own
	Packages   []string // patterns of Go packages with models; with none and no YAML, the one in Dir
	YAML       []string // files with models
	Out        string   // directory of what is written; "" is that of the models, "models" for YAML
	Package    string   // name of the package that models from YAML become; "" is the name of the directory
	Models     []string // only these models; nil for all
	JSONSchema string   // directory for JSON Schema; "" for none
}

// Generate finds out what there should be: for models in Go, a package of typed
// columns for each in a directory of its own; for models in YAML, those and the
// models as Go; and JSON Schema where it is asked for. It writes nothing.
//
// The Go packages need not compile, but the types of the models' fields must be
// found. An error tells every fault that was found.
func Generate(ctx context.Context, o Options) (*Output, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	o.Dir = dir
	g := &generator{o: o, out: &Output{files: map[string][]byte{}}, made: map[string]string{}}
	switch {
	case len(o.YAML) > 0 && len(o.Packages) > 0:
		err = errors.New("models come from Go packages or from YAML files, not from both at once")
	case len(o.YAML) > 0:
		err = g.fromYAML(ctx)
	default:
		err = g.fromGo(ctx)
	}
	if err != nil {
		return nil, err
	}
	return g.out, nil
}

type generator struct {
	o    Options
	out  *Output
	made map[string]string // directory or file, in small letters: model
}

func (g *generator) abs(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(g.o.Dir, p)
}

func (g *generator) fromGo(ctx context.Context) error {
	if g.o.Package != "" {
		return errors.New("a package name is for models from YAML; packages of typed columns are named after their models")
	}
	patterns := g.o.Packages
	if len(patterns) == 0 {
		patterns = []string{"."}
	}
	packages, l, err := goPackages(ctx, g.o.Dir, patterns, g.o.Models, false)
	if err != nil {
		return err
	}
	for _, p := range packages {
		out, base := p.Dir, p.ImportPath
		if g.o.Out != "" {
			out = g.abs(g.o.Out)
			if base, err = importPathOf(ctx, out); err != nil {
				return err
			}
		}
		t := &target{generator: g, out: out, source: p.Dir, taken: p.declared}
		w := typeWriter{root: p.ImportPath, importable: p.name != "main"}
		var sets []*columnSet
		var list []*schema.Model
		for _, m := range p.models {
			list = append(list, m.model)
			pkg, err := t.place(m.name)
			if err != nil {
				return err
			}
			w.importable = w.importable && !l.reaches(p, path.Join(base, pkg))
		}
		for _, m := range p.models {
			sets = append(sets, columnsOf(m, w))
		}
		if err := t.write(sets); err != nil {
			return err
		}
		if err := g.jsonSchema(list, p.Dir); err != nil {
			return err
		}
	}
	return nil
}

func (g *generator) fromYAML(ctx context.Context) error {
	var list []*schema.Model
	var faults []error
	for _, file := range g.o.YAML {
		text, err := os.ReadFile(g.abs(file))
		if err != nil {
			faults = append(faults, err)
			continue
		}
		models, err := schema.ParseYAML(file, text)
		if err != nil {
			faults = append(faults, err)
		}
		list = append(list, models...)
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	if len(list) == 0 {
		return fmt.Errorf("no models in %s", strings.Join(g.o.YAML, " "))
	}
	set, err := schema.Build(list...)
	if err != nil {
		return err
	}
	dir := g.o.Out
	if dir == "" {
		dir = "models"
	}
	out := g.abs(dir)
	pkg := g.o.Package
	if pkg == "" {
		pkg = strings.ToLower(filepath.Base(out))
	}
	own := ""
	if pkg != "main" {
		if own, err = importPathOf(ctx, out); err != nil {
			return err
		}
	}
	if own != "" && importsBelow(out, own) {
		own = "" // its columns cannot import it in turn
	}
	src, sets, err := models(set, pkg, own)
	if err != nil {
		return err
	}
	if len(g.o.Models) > 0 {
		return errors.New("models from YAML are written together; leave the choice of models out")
	}
	file := filepath.Join(out, "models.go")
	if err := ownFile(file, Header); err != nil {
		return err
	}
	if err := samePackage(out, pkg); err != nil {
		return err
	}
	g.out.files[file] = append([]byte(Header+"\n\n"), src...)
	t := &target{generator: g, out: out, source: out, taken: names{}}
	for _, c := range sets {
		if _, err := t.place(c.model); err != nil {
			return err
		}
	}
	if err := t.write(sets); err != nil {
		return err
	}
	return g.jsonSchema(set.Models, out)
}

// target is the directory that the packages of one source go into.
type target struct {
	*generator
	out, source string
	taken       names             // declared in the package of the models
	packages    map[string]string // by model
}

// place finds the name of the package of a model: its own in small letters, with
// col behind it where that cannot be used or belongs to somebody else.
func (t *target) place(model string) (string, error) {
	plain := strings.ToLower(model)
	for _, r := range plain {
		if r > 127 {
			return "", fmt.Errorf("%s: no package can be named after it, because import paths have none of its letters; rename the model and keep its table", model)
		}
	}
	pkg := plain
	free, err := t.free(pkg)
	if err != nil {
		return "", err
	}
	if !usablePackage(pkg) || t.taken[pkg] || !free {
		pkg += "col"
		if free, err = t.free(pkg); err != nil {
			return "", err
		}
		if t.taken[pkg] || !free {
			return "", fmt.Errorf("%s: the names %s and %s are both taken in %s; rename one of those, or choose another directory with --out",
				model, plain, pkg, t.out)
		}
	}
	dir := filepath.Join(t.out, pkg)
	if other := t.made[dir]; other != "" {
		return "", fmt.Errorf("the models %s and %s would have the same package %s; rename one of them, or write them to different directories with --out", other, model, dir)
	}
	t.made[dir] = model
	if t.packages == nil {
		t.packages = map[string]string{}
	}
	t.packages[model] = pkg
	return pkg, nil
}

// usablePackage reports whether a package can have that name, and its users call
// it by it without hiding something else.
func usablePackage(name string) bool {
	switch name {
	case "main", "init", "internal", "vendor", "testdata", "documentation", "weft":
		return false
	}
	return !token.IsKeyword(name) && types.Universe.Lookup(name) == nil && !strings.HasSuffix(name, "_test") && !strings.HasPrefix(name, "_")
}

// free reports whether a directory is not there, empty, or ours.
func (t *target) free(pkg string) (bool, error) {
	dir := filepath.Join(t.out, pkg)
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return true, nil
	case err != nil:
		if st, serr := os.Stat(dir); serr == nil && !st.IsDir() {
			return false, nil // a file
		}
		return false, err
	case len(entries) == 0:
		return true, nil
	}
	source, ours := t.sourceIn(pkg)
	if ours && source != t.sourceOf(pkg) {
		return false, fmt.Errorf("%s was generated from the models in %s, and would be from those in %s; write one of them elsewhere with --out, or delete it if those models are gone",
			filepath.Join(dir, pkg+".go"), filepath.Join(dir, source), t.source)
	}
	return ours, nil
}

// sourceIn reads where the columns in a package come from; ours is false when
// there are none.
func (t *target) sourceIn(pkg string) (source string, ours bool) {
	data, err := os.ReadFile(filepath.Join(t.out, pkg, pkg+".go"))
	if err != nil {
		return "", false
	}
	first, rest, _ := bytes.Cut(data, []byte("\n"))
	second, _, _ := bytes.Cut(rest, []byte("\n"))
	source, marked := strings.CutPrefix(strings.TrimSpace(string(second)), sourceMark)
	return source, marked && strings.TrimSpace(string(first)) == Header
}

// sourceOf is the directory of the models as a generated file names it.
func (t *target) sourceOf(pkg string) string {
	dir := filepath.Join(t.out, pkg)
	rel, err := filepath.Rel(dir, t.source)
	if err != nil {
		return filepath.ToSlash(t.source)
	}
	return filepath.ToSlash(rel)
}

// write adds the packages to the output, and to what is gone those from the same
// source that are not among them.
func (t *target) write(sets []*columnSet) error {
	for _, c := range sets {
		pkg := t.packages[c.model]
		src, err := c.source(pkg, t.sourceOf(pkg))
		if err != nil {
			return err
		}
		t.generator.out.files[filepath.Join(t.out, pkg, pkg+".go")] = src
	}
	entries, err := os.ReadDir(t.out)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		file := filepath.Join(t.out, e.Name(), e.Name()+".go")
		if source, ours := t.sourceIn(e.Name()); ours && t.generator.out.files[file] == nil && source == t.sourceOf(e.Name()) {
			t.generator.out.gone = append(t.generator.out.gone, file)
		}
	}
	return nil
}

// ownFile reports a file that is there and was not generated.
func ownFile(file, mark string) error {
	data, err := os.ReadFile(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !bytes.Contains(data, []byte(mark)):
		return fmt.Errorf("%s was not written by weft generate and stays as it is; move it away, or choose another directory", file)
	}
	return nil
}

// samePackage reports Go files in a directory that are of another package.
func samePackage(dir, pkg string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return err
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.PackageClauseOnly)
		if err != nil || filepath.Base(file) == "models.go" {
			continue
		}
		if name := f.Name.Name; name != pkg && name != pkg+"_test" {
			return fmt.Errorf("%s is of package %s and the models would be of package %s; give the name with --package %s, or another directory with --out", file, name, pkg, name)
		}
	}
	return nil
}

// importsBelow reports whether a Go file in a directory imports a package below
// it that was generated; importPath is that of the directory.
func importsBelow(dir, importPath string) bool {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return false
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil || strings.HasSuffix(f.Name.Name, "_test") {
			continue
		}
		for _, i := range f.Imports {
			name, below := strings.CutPrefix(unquoted(i), importPath+"/")
			if !below {
				continue
			}
			data, err := os.ReadFile(filepath.Join(dir, name, path.Base(name)+".go"))
			if err == nil && bytes.HasPrefix(data, []byte(Header)) {
				return true
			}
		}
	}
	return false
}

// reaches reports whether a package imports another, directly or not, or does in
// its tests. Columns in a package that the models' own package imports cannot
// import that in turn.
func (l *loader) reaches(from *goPackage, to string) bool {
	seen := map[string]bool{}
	next := slices.Concat(from.imports, from.TestImports)
	for len(next) > 0 {
		p := next[0]
		next = next[1:]
		if p == to {
			return true
		}
		if q := l.listed[p]; q != nil && !seen[p] && !q.Standard {
			seen[p] = true
			next = append(next, q.Imports...)
		}
	}
	return false
}

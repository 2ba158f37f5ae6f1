package lint

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"sort"
	"strings"
	"testing"
)

// withoutExample are the names of the root package that no example can show,
// each with the reason.
var withoutExample = map[string]string{}

// inTheMaking are names whose example comes right behind them.
var inTheMaking = []string{}

// exported is what a package gives to its users.
type exported struct {
	callable map[string]token.Position // functions, types and methods as T.M: an example each
	value    map[string]token.Position // constants and variables: used in an example
}

// exports are the exported names of files without their tests.
func exports(fset *token.FileSet, files []*ast.File) exported {
	e := exported{map[string]token.Position{}, map[string]token.Position{}}
	for _, f := range files {
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				name := d.Name.Name
				if r := receiver(d); r != "" {
					if !ast.IsExported(r) {
						continue
					}
					if ast.IsExported(name) {
						e.callable[r+"."+name] = fset.Position(d.Pos())
					}
				} else if ast.IsExported(name) {
					e.callable[name] = fset.Position(d.Pos())
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.TypeSpec:
						if s.Name.IsExported() {
							e.callable[s.Name.Name] = fset.Position(s.Pos())
						}
					case *ast.ValueSpec:
						for _, n := range s.Names {
							if n.IsExported() {
								e.value[n.Name] = fset.Position(n.Pos())
							}
						}
					}
				}
			}
		}
	}
	return e
}

// receiver is the name of the type that a method belongs to; "" for functions.
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) != 1 {
		return ""
	}
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

// shown are the names that examples are about ("Query.All", "Open"), and the
// names of package weft that they use. An example that states no output does
// not run and counts for nothing.
func shown(files []*ast.File) (about, uses map[string]bool, silent []string) {
	about, uses = map[string]bool{}, map[string]bool{}
	for _, x := range doc.Examples(files...) {
		if x.Output == "" && !x.EmptyOutput {
			silent = append(silent, "Example"+x.Name)
			continue
		}
		name := x.Name
		if i := strings.LastIndex(name, "_"); i >= 0 && i+1 < len(name) && name[i+1] >= 'a' && name[i+1] <= 'z' {
			name = name[:i] // a suffix tells several examples of one name apart
		}
		about[strings.Replace(name, "_", ".", 1)] = true
	}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "weft" {
					uses[s.Sel.Name] = true
				}
			}
			return true
		})
	}
	return about, uses, silent
}

// Every exported name of the root package has an example that runs.
func TestExamples(t *testing.T) {
	fset := token.NewFileSet()
	var code, examples []*ast.File
	for _, file := range files(t, ".go") {
		if path.Dir(file) != "." {
			continue
		}
		src := read(t, file)
		isExample := path.Base(file) == "example_test.go" || strings.HasPrefix(path.Base(file), "example_")
		if strings.HasSuffix(file, "_test.go") && !isExample {
			continue
		}
		f, err := parser.ParseFile(fset, file, src, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if !isExample {
			code = append(code, f)
			continue
		}
		examples = append(examples, f)
		if n := strings.Count(src, "\n"); n > 400 {
			t.Errorf("%s has %d lines; examples are split by noun, at most 400 lines a file", file, n)
		}
	}
	names := exports(fset, code)
	about, uses, silent := shown(examples)
	for _, s := range silent {
		t.Errorf("%s states no output, so it does not run: end it with // Output:", s)
	}
	var missing []string
	for name, at := range names.callable {
		switch reason, excused := withoutExample[name]; {
		case excused && about[name]:
			t.Errorf("%s has an example; take it off withoutExample", name)
		case excused && reason == "":
			t.Errorf("%s is in withoutExample and no reason is given", name)
		case !excused && !about[name] && !slices.Contains(inTheMaking, name):
			missing = append(missing, at.String()+": "+name+" has no example: write func Example"+strings.Replace(name, ".", "_", 1)+
				" with // Output: in a file example_<noun>_test.go")
		}
	}
	for name, at := range names.value {
		if _, excused := withoutExample[name]; !excused && !uses[name] {
			missing = append(missing, at.String()+": no example uses weft."+name)
		}
	}
	sort.Strings(missing)
	for _, m := range missing {
		t.Error(m)
	}
	for _, name := range inTheMaking {
		if about[name] {
			t.Errorf("%s has its example; take it off inTheMaking", name)
		}
	}
	for name := range withoutExample {
		_, callable := names.callable[name]
		if _, value := names.value[name]; !callable && !value {
			t.Errorf("withoutExample names %s, which the root package does not export", name)
		}
	}
	if len(names.callable) < 150 {
		t.Errorf("only %d names were found; this test looks at the wrong files", len(names.callable))
	}
	t.Logf("%d functions, types and methods, %d constants and variables", len(names.callable), len(names.value))
}

// The check itself, on a package that must fail.
func TestExamplesCatches(t *testing.T) {
	parse := func(name, src string) *ast.File {
		f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	code := parse("x.go", `package x
type T[V any] struct{}
func (t *T[V]) M() {}
func (t *T[V]) n() {}
type u struct{}
func (u) M() {}
func F() {}
const C = 1
var v, W = 1, 2
`)
	e := exports(token.NewFileSet(), []*ast.File{code})
	for name, want := range map[string]bool{"T": true, "T.M": true, "F": true, "u": false, "u.M": false, "T.n": false} {
		if _, got := e.callable[name]; got != want {
			t.Errorf("%s is asked for: %t", name, got)
		}
	}
	for name, want := range map[string]bool{"C": true, "W": true, "v": false} {
		if _, got := e.value[name]; got != want {
			t.Errorf("%s is asked for: %t", name, got)
		}
	}
	about, uses, silent := shown([]*ast.File{parse("example_test.go", `package x_test
func ExampleF_twice() {
	weft.C()
	// Output: 1
}
func ExampleT_M() {
	// Output:
}
func ExampleT() {
	x.W()
}
`)})
	if !about["F"] || !about["T.M"] || about["T"] || !uses["C"] || uses["W"] || len(silent) != 1 {
		t.Error(about, uses, silent)
	}
}

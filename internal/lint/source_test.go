package lint

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"strings"
	"testing"
)

const maxLines = 800

// allowed lists what the rules below forbid, by file or folder, with the
// reason. Keep it short.
var allowed = map[string]map[string]string{
	"panic": {
		"op/optest/": "tables of the suite itself; a mistake in them is its author's and must stop the tests",
	},
	"init":       {},
	"time.Sleep": {},
	"t.Skip": {
		"internal/services/": "the one allowed skip: servers that are not there, where WEFT_TEST_SKIP_SERVICES=1 says so",
		"internal/chinook/":  "its data lies beside the repository and is not ours to copy; with CI set the test fails instead",
	},
}

func isAllowed(rule, file string) bool {
	for prefix := range allowed[rule] {
		if file == prefix || strings.HasSuffix(prefix, "/") && strings.HasPrefix(file, prefix) {
			return true
		}
	}
	return false
}

var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

func TestSource(t *testing.T) {
	comments := map[string]string{} // folder → package comment
	names := map[string]string{}
	used := map[string]bool{}
	for _, file := range files(t, ".go") {
		src := read(t, file)
		if generated.MatchString(src) {
			continue
		}
		if n := strings.Count(src, "\n"); n > maxLines {
			t.Errorf("%s has %d lines; split it by noun, at most %d are allowed", file, n, maxLines)
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, file, src, parser.ParseComments)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		test := strings.HasSuffix(file, "_test.go")
		if !test {
			dir := path.Dir(file)
			names[dir] = f.Name.Name
			if f.Doc != nil {
				if comments[dir] != "" {
					t.Errorf("%s: the package has a comment in another file too", file)
				}
				comments[dir] = f.Doc.Text()
			}
		}
		report := func(rule string, at token.Pos, format string) {
			if isAllowed(rule, file) {
				used[rule+" "+file] = true
				return
			}
			t.Errorf("%s: "+format, fset.Position(at))
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				report("init", fn.Pos(), "no init functions: wiring is explicit, in one place")
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			switch fn := call.Fun.(type) {
			case *ast.Ident:
				if fn.Name == "panic" && !test {
					report("panic", call.Pos(), "no panics outside tests: return an error")
				}
			case *ast.SelectorExpr:
				x, ok := fn.X.(*ast.Ident)
				switch {
				case !ok:
				case test && x.Name == "time" && fn.Sel.Name == "Sleep":
					report("time.Sleep", call.Pos(), "no test sleeps to wait: poll a condition with a deadline")
				case (x.Name == "t" || x.Name == "b") && strings.HasPrefix(fn.Sel.Name, "Skip"):
					report("t.Skip", call.Pos(), "no test is skipped: make what it needs, or fail and say what is missing")
				}
			}
			return true
		})
		for _, g := range f.Comments {
			for _, c := range g.List {
				if openEnd.MatchString(c.Text) {
					t.Errorf("%s: unfinished work is not kept in comments", fset.Position(c.Pos()))
				}
			}
		}
	}
	for dir, name := range names {
		switch c := comments[dir]; {
		case c == "":
			t.Errorf("package %s has no package comment", dir)
		case name != "main" && !strings.HasPrefix(c, "Package "+name+" "):
			t.Errorf("package %s: its comment should begin \"Package %s …\"", dir, name)
		}
	}
	for rule, list := range allowed {
		for prefix, why := range list {
			found := false
			for u := range used {
				found = found || strings.HasPrefix(u, rule+" "+prefix)
			}
			if !found || why == "" {
				t.Errorf("%s is allowed in %s, but nothing there needs it, or no reason is given", rule, prefix)
			}
		}
	}
}

var openEnd = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)

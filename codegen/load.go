package codegen

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"go/types"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// loader reads the declarations of Go packages, whether they compile or not:
// function bodies and variables are left aside, and with them the imports that
// only they use. So neither a generated package that is missing nor the use of
// a column that is not generated yet stands in its way.
//
// It reads sources only and needs no compiled package.
type loader struct {
	ctx    context.Context
	fset   *token.FileSet
	listed map[string]*listed // by import path
	done   map[string]*types.Package
	tests  bool // also the test files of the packages asked for
}

// listed is a package as go list says it.
type listed struct {
	ImportPath, Dir, Name     string
	GoFiles, CgoFiles         []string
	TestGoFiles, XTestGoFiles []string
	Imports, TestImports      []string
	ImportMap                 map[string]string
	DepOnly, Standard         bool
	Error                     *struct{ Pos, Err string }
}

// parsed is a package with its syntax.
type parsed struct {
	*listed
	name    string // of the package clause
	files   []*ast.File
	imports []string // of all files
	types   *types.Package
	errs    []error // of its declarations
}

// list asks the go command for packages and all they import.
func (l *loader) list(dir string, patterns []string) ([]*listed, error) {
	args := []string{"list", "-e", "-deps", "-json=ImportPath,Dir,Name,GoFiles,CgoFiles,TestGoFiles,XTestGoFiles,Imports,TestImports,ImportMap,DepOnly,Standard,Error"}
	if l.tests {
		args = append(args, "-test")
	}
	cmd := exec.CommandContext(l.ctx, "go", append(append(args, "--"), patterns...)...)
	cmd.Dir = dir
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return nil, errNoGo
		}
		if out.Len() == 0 {
			return nil, fmt.Errorf("go list %s: %s", strings.Join(patterns, " "), said(errOut.String(), err))
		}
	}
	var asked []*listed
	for dec := json.NewDecoder(&out); ; {
		p := &listed{}
		if err := dec.Decode(p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read what go list says: %w", err)
		}
		if strings.HasSuffix(p.ImportPath, "]") || strings.HasSuffix(p.ImportPath, ".test") {
			continue // as compiled for a test
		}
		l.listed[p.ImportPath] = p
		if !p.DepOnly {
			asked = append(asked, p)
		}
	}
	return asked, nil
}

var errNoGo = errors.New("the go command is not to be found; it tells which files a package has")

// said is what a command wrote to stderr, on one line, or its error.
func said(stderr string, err error) string {
	if s := strings.Join(strings.Fields(strings.ReplaceAll(stderr, "go: ", "")), " "); s != "" {
		return s
	}
	return err.Error()
}

// load reads the packages that patterns name, as seen from dir.
func load(ctx context.Context, dir string, patterns []string, tests bool) ([]*parsed, *loader, error) {
	l := &loader{ctx: ctx, fset: token.NewFileSet(), listed: map[string]*listed{}, done: map[string]*types.Package{"unsafe": types.Unsafe}, tests: tests}
	asked, err := l.list(dir, patterns)
	if err != nil {
		return nil, nil, err
	}
	var out []*parsed
	for _, p := range asked {
		files := slices.Concat(p.GoFiles, p.CgoFiles)
		if tests {
			files = append(files, p.TestGoFiles...)
		}
		switch {
		case p.Error != nil && strings.HasPrefix(p.Error.Err, "found packages "): // of which it lists one
			return nil, nil, fmt.Errorf("package %s cannot be loaded: %s", p.ImportPath, said(p.Error.Err, nil))
		case len(files) > 0:
			root, err := l.root(p, files)
			if err != nil {
				return nil, nil, err
			}
			out = append(out, root)
		case p.Error != nil:
			return nil, nil, fmt.Errorf("package %s cannot be loaded: %s", p.ImportPath, said(p.Error.Err, nil))
		}
		if tests && len(p.XTestGoFiles) > 0 {
			x := *p
			x.ImportPath += "_test"
			root, err := l.root(&x, p.XTestGoFiles)
			if err != nil {
				return nil, nil, err
			}
			out = append(out, root)
		}
	}
	return out, l, nil
}

// root reads a package that was asked for, with everything in it.
func (l *loader) root(p *listed, files []string) (*parsed, error) {
	r := &parsed{listed: p}
	var bad []error
	for _, name := range files {
		f, err := parser.ParseFile(l.fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		var list scanner.ErrorList
		switch {
		case errors.As(err, &list):
			bad = append(bad, list[0])
			continue
		case err != nil:
			bad = append(bad, err)
			continue
		}
		r.files = append(r.files, f)
		r.name = f.Name.Name
		for _, i := range f.Imports {
			r.imports = append(r.imports, unquoted(i))
		}
	}
	if len(bad) > 0 {
		return nil, fmt.Errorf("package %s cannot be loaded: %w", p.ImportPath, errors.Join(bad...))
	}
	return r, nil
}

// check finds the types that a root declares. Its syntax is cut down to them.
func (l *loader) check(r *parsed) {
	r.types = l.typesOf(r.listed, r.files, func(err error) { r.errs = append(r.errs, err) })
}

// typesOf checks what is declared in files.
func (l *loader) typesOf(p *listed, files []*ast.File, report func(error)) (tp *types.Package) {
	defer func() { // code that does not compile is the daily case here
		if r := recover(); r != nil {
			report(fmt.Errorf("the types of %s cannot be found: %v", p.ImportPath, r))
			tp = types.NewPackage(p.ImportPath, p.Name)
		}
	}()
	for _, f := range files {
		l.prune(p, f)
	}
	cfg := types.Config{
		Importer:         importer{l, p},
		IgnoreFuncBodies: true, FakeImportC: true, DisableUnusedImportCheck: true,
		Sizes: types.SizesFor("gc", runtime.GOARCH),
		Error: report,
	}
	tp, _ = cfg.Check(p.ImportPath, l.fset, files, nil) // errors went to report
	return tp
}

// importer finds what one package imports.
type importer struct {
	l *loader
	p *listed
}

func (i importer) Import(path string) (*types.Package, error) {
	if to := i.p.ImportMap[path]; to != "" {
		path = to
	}
	if tp := i.l.done[path]; tp != nil {
		return tp, nil
	}
	p := i.l.listed[path]
	if p == nil || len(p.GoFiles)+len(p.CgoFiles) == 0 {
		return nil, fmt.Errorf("package %s is not there", path)
	}
	i.l.done[path] = types.NewPackage(path, p.Name) // for those that import each other
	var files []*ast.File
	for _, name := range slices.Concat(p.GoFiles, p.CgoFiles) {
		f, err := parser.ParseFile(i.l.fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if f == nil {
			return nil, err
		}
		files = append(files, f) // with what could be read of it
	}
	tp := i.l.typesOf(p, files, func(error) {})
	tp.MarkComplete()
	i.l.done[path] = tp
	return tp, nil
}

// unquoted is the path of an import.
func unquoted(i *ast.ImportSpec) string { return strings.Trim(i.Path.Value, "`\"") }

// prune takes from a file all but its types, constants and methods, and the
// imports that none of them needs.
func (l *loader) prune(p *listed, f *ast.File) {
	var kept, imports []ast.Decl
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv != nil {
				d.Body = nil
				kept = append(kept, d)
			}
		case *ast.GenDecl:
			switch d.Tok {
			case token.IMPORT:
				imports = append(imports, d)
			case token.TYPE, token.CONST:
				kept = append(kept, d)
			}
		}
	}
	used := map[string]bool{}
	for _, d := range kept {
		ast.Inspect(d, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok {
					used[x.Name] = true
				}
			}
			return true
		})
	}
	f.Imports = nil
	for _, d := range imports {
		g := d.(*ast.GenDecl)
		g.Specs = slices.DeleteFunc(g.Specs, func(s ast.Spec) bool {
			i := s.(*ast.ImportSpec)
			name := l.nameOf(p, unquoted(i))
			if i.Name != nil {
				name = i.Name.Name
			}
			if !used[name] && name != "." {
				return true
			}
			f.Imports = append(f.Imports, i)
			return false
		})
	}
	f.Decls = slices.DeleteFunc(append(imports, kept...), func(d ast.Decl) bool {
		g, ok := d.(*ast.GenDecl)
		return ok && len(g.Specs) == 0
	})
}

// nameOf is the name of a package by its import path.
func (l *loader) nameOf(p *listed, importPath string) string {
	if to := p.ImportMap[importPath]; to != "" {
		importPath = to
	}
	if q := l.listed[importPath]; q != nil && q.Name != "" {
		return q.Name
	}
	return path.Base(importPath)
}

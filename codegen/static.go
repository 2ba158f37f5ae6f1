package codegen

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weftdb/weft/schema"
)

// goModel is a model found in the source of a Go package.
type goModel struct {
	name   string
	model  *schema.Model // as FromRow reads its image; GoIndex leads to the fields of typ
	typ    *types.Struct
	target map[string]string // relation: the model it leads to
}

// goPackage is a package with models.
type goPackage struct {
	*parsed
	models   []*goModel // by name
	declared names      // at the level of the package
}

// goPackages finds the models in the packages that patterns name, as seen from
// dir: structs given to weft.Models in their package, those with a method Weft,
// and those that have a weft tag or embed weft.Model, weft.Tracked or the like,
// have a key, and are not themselves embedded. Packages without models are left
// out. only restricts the models to those names, which are models then whatever
// they look like.
func goPackages(ctx context.Context, dir string, patterns, only []string, tests bool) ([]*goPackage, *loader, error) {
	return findModels(ctx, dir, patterns, finder{only: only}, tests)
}

// findModels is goPackages with a finder that is told more.
func findModels(ctx context.Context, dir string, patterns []string, like finder, tests bool) ([]*goPackage, *loader, error) {
	only := like.only
	roots, l, err := load(ctx, dir, patterns, tests)
	if err != nil {
		return nil, nil, err
	}
	var out []*goPackage
	var faults []error
	for _, r := range roots {
		p := &goPackage{parsed: r, declared: declaredNames(r.files)}
		registered := registeredModels(l, r)
		l.check(r)
		f := like
		f.p, f.l, f.registered = p, l, registered
		faults = append(faults, f.find()...)
		if len(p.models) > 0 {
			out = append(out, p)
		}
	}
	if len(faults) > 0 {
		return nil, nil, errors.Join(faults...)
	}
	for _, name := range only {
		if !slices.ContainsFunc(out, func(p *goPackage) bool {
			return slices.ContainsFunc(p.models, func(m *goModel) bool { return m.name == name })
		}) {
			return nil, nil, fmt.Errorf("there is no struct %s in %s", name, strings.Join(patterns, " "))
		}
	}
	if len(out) == 0 {
		return nil, nil, fmt.Errorf("no models in %s: a model is a struct that embeds weft.Model or weft.Tracked, has a weft tag and a key, "+
			"has a method Weft, or is given to weft.Models in its package; others can be named with --models", strings.Join(patterns, " "))
	}
	return out, l, nil
}

// declaredNames are the names at the level of a package.
func declaredNames(files []*ast.File) names {
	out := names{}
	for _, f := range files {
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					out[d.Name.Name] = true
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.TypeSpec:
						out[s.Name.Name] = true
					case *ast.ValueSpec:
						for _, n := range s.Names {
							out[n.Name] = true
						}
					}
				}
			}
		}
	}
	return out
}

// registeredModels are the types of the package that it gives to weft.Models.
func registeredModels(l *loader, r *parsed) names {
	out := names{}
	for _, f := range r.files {
		weft := ""
		for _, i := range f.Imports {
			if unquoted(i) == weftPath {
				if weft = l.nameOf(r.listed, weftPath); i.Name != nil {
					weft = i.Name.Name
				}
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if s, ok := call.Fun.(*ast.SelectorExpr); !ok || s.Sel.Name != "Models" || !isIdent(s.X, weft) {
				return true
			}
			for _, arg := range call.Args {
				if name := typeGiven(arg); name != "" {
					out[name] = true
				}
			}
			return true
		})
	}
	return out
}

func isIdent(x ast.Expr, name string) bool {
	id, ok := x.(*ast.Ident)
	return ok && id.Name == name && name != ""
}

// typeGiven is the T of T{}, &T{}, new(T) and (*T)(nil).
func typeGiven(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.CompositeLit:
		return typeGiven(x.Type)
	case *ast.UnaryExpr:
		if x.Op == token.AND {
			return typeGiven(x.X)
		}
	case *ast.StarExpr:
		return typeGiven(x.X)
	case *ast.ParenExpr:
		return typeGiven(x.X)
	case *ast.CallExpr:
		if isIdent(x.Fun, "new") && len(x.Args) == 1 {
			return typeGiven(x.Args[0])
		}
		if p, ok := x.Fun.(*ast.ParenExpr); ok {
			return typeGiven(p)
		}
	}
	return ""
}

// finder finds the models of one package.
type finder struct {
	p          *goPackage
	l          *loader
	registered names
	only       []string
	lenient    bool                     // models with faults are models too; somebody else tells the faults
	parts      map[*types.TypeName]bool // embedded in other structs
	faults     []error
}

func (f *finder) fail(name, format string, args ...any) {
	f.faults = append(f.faults, fmt.Errorf("%s: %s", name, fmt.Sprintf(format, args...)))
}

func (f *finder) find() []error {
	scope := f.p.types.Scope()
	f.parts = map[*types.TypeName]bool{}
	var structs []*types.TypeName
	for _, name := range scope.Names() { // sorted
		tn, ok := scope.Lookup(name).(*types.TypeName)
		if !ok || tn.IsAlias() {
			continue
		}
		if s, ok := tn.Type().Underlying().(*types.Struct); ok {
			structs = append(structs, tn)
			f.embeds(s)
		}
	}
	for _, tn := range structs {
		if len(f.only) > 0 && !slices.Contains(f.only, tn.Name()) {
			continue
		}
		if tn.Type().(*types.Named).TypeParams().Len() > 0 {
			if len(f.only) > 0 {
				f.fail(tn.Name(), "a generic type cannot be a model; declare a type of its own")
			}
			continue
		}
		f.model(tn)
	}
	return f.faults
}

// embeds remembers what a struct embeds.
func (f *finder) embeds(s *types.Struct) {
	for i := range s.NumFields() {
		v := s.Field(i)
		if v.Embedded() || embedTag.MatchString(weftTag(s, i)) {
			if n, ok := types.Unalias(v.Type()).(*types.Named); ok {
				f.parts[n.Origin().Obj()] = true
			}
		}
	}
}

// model adds a struct when it is a model.
func (f *finder) model(tn *types.TypeName) {
	s := tn.Type().Underlying().(*types.Struct)
	sure := slices.Contains(f.only, tn.Name()) || f.registered[tn.Name()] || hasOptions(tn.Type())
	if !sure && (f.parts[tn] || !marked(s)) {
		return
	}
	if where := missing(s, tn.Name()); where != "" {
		f.fail(where, "its type cannot be found%s", f.because(tn))
		return
	}
	m, err := schema.FromRow(structImage(s))
	if err != nil && f.lenient {
		f.p.models = append(f.p.models, &goModel{name: tn.Name()})
		return
	}
	if err != nil {
		var faults *schema.Faults
		if !errors.As(err, &faults) {
			f.fail(tn.Name(), "%v", err)
			return
		}
		for _, x := range faults.List {
			name := tn.Name()
			if x.Field != "" {
				name += "." + x.Field
			}
			f.fail(name, "%s", x.Message)
		}
		return
	}
	if !sure && !slices.ContainsFunc(m.Fields, func(f *schema.Field) bool { return f.Primary }) {
		return // part of a model, or the shape of a result
	}
	m.Name = tn.Name()
	g := &goModel{name: tn.Name(), model: m, typ: s, target: map[string]string{}}
	for _, r := range m.Relations {
		t := typeAt(s, r.GoIndex)
		if l, ok := t.Underlying().(*types.Slice); ok {
			t = l.Elem()
		}
		if p, ok := types.Unalias(t).(*types.Pointer); ok {
			if n, ok := types.Unalias(p.Elem()).(*types.Named); ok {
				r.Model = n.Obj().Name()
			}
		}
	}
	f.p.models = append(f.p.models, g)
}

// because is the first error of the compiler, preferably inside of the type.
func (f *finder) because(tn *types.TypeName) string {
	var first *types.Error
	for _, err := range f.p.errs {
		var te types.Error
		if !errors.As(err, &te) {
			continue
		}
		if at := f.l.fset.Position(te.Pos); first == nil || at.Filename == f.l.fset.Position(tn.Pos()).Filename && te.Pos > tn.Pos() && first.Pos < tn.Pos() {
			first = &te
		}
	}
	if first == nil {
		return ""
	}
	at := f.l.fset.Position(first.Pos)
	return fmt.Sprintf(" (%s:%d: %s)", filepath.Base(at.Filename), at.Line, first.Msg)
}

func weftTag(s *types.Struct, i int) string { return tagOf(s, i, "weft") }

// marked reports whether something in a struct is said to Weft.
func marked(s *types.Struct) bool {
	for i := range s.NumFields() {
		if t := weftTag(s, i); t != "" && t != "-" {
			return true
		}
		v := s.Field(i)
		if !v.Embedded() {
			continue
		}
		if strings.HasPrefix(qualified(v.Type()), weftPath+".") {
			return true
		}
		if inner, ok := v.Type().Underlying().(*types.Struct); ok && marked(inner) {
			return true
		}
	}
	return false
}

// hasOptions reports whether the type has the method Weft() weft.Options.
func hasOptions(t types.Type) bool {
	obj, _, _ := types.LookupFieldOrMethod(t, true, nil, "Weft")
	f, ok := obj.(*types.Func)
	if !ok {
		return false
	}
	s := f.Signature()
	return s.Params().Len() == 0 && s.Results().Len() == 1 && qualified(s.Results().At(0).Type()) == weftPath+"/schema.Options"
}

// missing is the place of the first field whose type is not known; "" when all
// are.
func missing(s *types.Struct, at string) string {
	for i := range s.NumFields() {
		v := s.Field(i)
		if weftTag(s, i) == "-" || (!v.Exported() && !v.Embedded()) {
			continue
		}
		if invalid(v.Type(), map[types.Type]bool{}) {
			return at + "." + v.Name()
		}
		if inner, ok := v.Type().Underlying().(*types.Struct); ok && !stored(v.Type()) && (v.Embedded() || embedTag.MatchString(weftTag(s, i))) {
			if where := missing(inner, at+"."+v.Name()); where != "" {
				return where
			}
		}
	}
	return ""
}

// invalid reports whether the type has a part, as far as it is written out,
// that is not known.
func invalid(t types.Type, seen map[types.Type]bool) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	switch t := types.Unalias(t).(type) {
	case *types.Basic:
		return t.Kind() == types.Invalid
	case *types.Named:
		if b, ok := t.Underlying().(*types.Basic); ok && b.Kind() == types.Invalid {
			return true
		}
		for a := range t.TypeArgs().Types() {
			if invalid(a, seen) {
				return true
			}
		}
	case *types.Pointer:
		return invalid(t.Elem(), seen)
	case *types.Slice:
		return invalid(t.Elem(), seen)
	case *types.Array:
		return invalid(t.Elem(), seen)
	case *types.Map:
		return invalid(t.Key(), seen) || invalid(t.Elem(), seen)
	}
	return false
}

// typeAt is the type of the field at an index path.
func typeAt(s *types.Struct, path []int) types.Type {
	var t types.Type = s
	for _, i := range path {
		t = t.Underlying().(*types.Struct).Field(i).Type()
	}
	return t
}

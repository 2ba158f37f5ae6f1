package codegen

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/token"
	"go/types"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/weftdb/weft/schema"
)

// Load returns the models of Go packages as the packages themselves make them,
// with what their methods Weft say. Patterns are those of the go command, as
// seen from dir; "" is the working directory.
//
// To ask the methods the packages are compiled, by a program that stands in no
// file of theirs and is gone afterwards; package main cannot be asked. Faults of
// models come as a *[schema.Faults] with file and line, all at once.
func Load(ctx context.Context, dir string, patterns []string) (*schema.Set, error) {
	if dir == "" {
		dir = "."
	}
	packages, l, err := findModels(ctx, dir, patterns, finder{lenient: true}, false)
	if err != nil {
		return nil, err
	}
	q := &question{l: l, dir: dir, replace: map[string]string{}}
	if q.tmp, err = os.MkdirTemp("", "weft-schema-"); err != nil {
		return nil, err
	}
	defer os.RemoveAll(q.tmp)
	for _, p := range packages {
		if p.name == "main" {
			return nil, fmt.Errorf("the models of %s are in package main, which no other program can ask; move them to a package of their own", p.ImportPath)
		}
		if err := q.models(p); err != nil {
			return nil, err
		}
	}
	answer, err := q.ask(ctx, packages)
	if err != nil {
		return nil, err
	}
	if len(answer.Faults) > 0 {
		for i := range answer.Faults {
			answer.Faults[i] = located(answer.Faults[i], packages, l.fset, dir)
		}
		return nil, &schema.Faults{List: answer.Faults}
	}
	list, err := schema.ParseYAML("", []byte(answer.YAML))
	if err != nil {
		return nil, err
	}
	return schema.Build(list...)
}

// question is a program that asks packages for their models. Its files are laid
// over theirs for the go command only.
type question struct {
	l        *loader
	dir, tmp string
	replace  map[string]string
}

// answer is what the program writes.
type answer struct {
	YAML   string
	Faults []schema.Fault
}

func (q *question) put(path, text string) error {
	file := filepath.Join(q.tmp, fmt.Sprintf("%d.go", len(q.replace)))
	q.replace[path] = file
	return os.WriteFile(file, []byte(text), 0o600)
}

// models lays a function over a package that gives its models, also those that
// are not exported.
func (q *question) models(p *goPackage) error {
	var list []string
	for _, m := range p.models {
		list = append(list, m.name+"{}")
	}
	return q.put(filepath.Join(p.Dir, "weft_schema_of_this.go"),
		fmt.Sprintf("package %s\n\n// WeftSchemaModels are the models.\nfunc WeftSchemaModels() []any { return []any{%s} }\n", p.name, strings.Join(list, ", ")))
}

const asking = `package main

import (
	"encoding/json"
	"errors"
	"os"

	"github.com/weftdb/weft/schema"
%s)

func main() {
	var out struct {
		YAML   string
		Faults []schema.Fault
	}
	var models []*schema.Model
	var faults []error
	for _, list := range [][]any{%s} {
		for _, v := range list {
			m, err := schema.FromStruct(v)
			if faults = append(faults, err); err == nil {
				models = append(models, m)
			}
		}
	}
	set, err := schema.Build(models...)
	if err = schema.JoinFaults(append(faults, err)...); err == nil {
		var text []byte
		text, err = schema.SetYAML(set)
		out.YAML = string(text)
	}
	var f *schema.Faults
	switch {
	case errors.As(err, &f):
		out.Faults = f.List
	case err != nil:
		out.Faults = []schema.Fault{{Message: err.Error()}}
	}
	if json.NewEncoder(os.Stdout).Encode(out) != nil {
		os.Exit(1)
	}
}
`

// ask runs the program.
func (q *question) ask(ctx context.Context, packages []*goPackage) (*answer, error) {
	var imports, lists strings.Builder
	for i, p := range packages {
		fmt.Fprintf(&imports, "\tp%d %q\n", i, p.ImportPath)
		fmt.Fprintf(&lists, "p%d.WeftSchemaModels(), ", i)
	}
	// Below the first package it may import what is internal there.
	home := filepath.Join(packages[0].Dir, "weft_schema_of_these")
	if err := q.put(filepath.Join(home, "main.go"), fmt.Sprintf(asking, imports.String(), lists.String())); err != nil {
		return nil, err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": q.replace})
	if err != nil {
		return nil, err
	}
	list := filepath.Join(q.tmp, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "go", "run", "-overlay", list, packages[0].ImportPath+"/weft_schema_of_these")
	cmd.Dir = q.dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("the packages cannot be asked for their models: %s", said(stderr.String(), err))
	}
	a := &answer{}
	if err := json.Unmarshal(stdout.Bytes(), a); err != nil {
		return nil, errors.New("the packages write to standard output when they start, so their models cannot be told from it")
	}
	return a, nil
}

// located gives a fault the place of its field, or of its model.
func located(f schema.Fault, packages []*goPackage, fset *token.FileSet, dir string) schema.Fault {
	for _, p := range packages {
		tn, ok := p.types.Scope().Lookup(f.Model).(*types.TypeName)
		if !ok {
			continue
		}
		at := tn.Pos()
		if s, ok := tn.Type().Underlying().(*types.Struct); ok && f.Field != "" {
			for i := range s.NumFields() {
				if v := s.Field(i); v.Name() == f.Field || schema.LowerCamel(v.Name()) == f.Field {
					at = v.Pos()
				}
			}
		}
		where := fset.Position(at)
		f.File, f.Line = where.Filename, where.Line
		if abs, err := filepath.Abs(dir); err == nil {
			if rel, err := filepath.Rel(abs, where.Filename); err == nil && filepath.IsLocal(rel) {
				f.File = rel
			}
		}
		return f
	}
	return f
}

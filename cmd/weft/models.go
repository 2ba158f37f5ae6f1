package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// readModels reads the models of YAML files; a folder stands for the .yaml and
// .yml files in it. All faults are reported at once.
func readModels(paths []string) ([]*schema.Model, error) {
	var models []*schema.Model
	var faults []error
	for _, path := range paths {
		files, err := yamlFiles(path)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("the schema %s cannot be read: %w", file, cause(err))
			}
			list, err := schema.ParseYAML(file, data)
			models, faults = append(models, list...), append(faults, err)
		}
	}
	if err := schema.JoinFaults(faults...); err != nil {
		return nil, err
	}
	if len(models) == 0 {
		return nil, fmt.Errorf("there are no models in %s", strings.Join(paths, ", "))
	}
	return models, nil
}

func yamlFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no schema file %s", path)
	case err != nil:
		return nil, fmt.Errorf("the schema %s cannot be read: %w", path, cause(err))
	case !info.IsDir():
		return []string{path}, nil
	}
	list, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("the folder %s cannot be read: %w", path, cause(err))
	}
	var files []string
	for _, f := range list {
		if ext := filepath.Ext(f.Name()); !f.IsDir() && (ext == ".yaml" || ext == ".yml") {
			files = append(files, filepath.Join(path, f.Name()))
		}
	}
	if files == nil {
		return nil, fmt.Errorf("the folder %s has no .yaml files", path)
	}
	return files, nil
}

// forReading takes from models what this program cannot do: functions of the
// application, which only concern writes, and encrypted fields, to which it has
// no keys.
func forReading(models []*schema.Model) {
	for _, m := range models {
		m.NeedsHooks = false
		for _, f := range m.Fields {
			f.Validate, f.Validator, f.Transform = "", "", ""
			if f.Default != nil && f.Default.Func != "" {
				f.Default = nil
			}
		}
		sealed := func(name string) bool {
			return slices.ContainsFunc(m.Fields, func(f *schema.Field) bool {
				return f.Encrypted && (f.Name == name || f.GoName == name && name != "")
			})
		}
		m.Indexes = slices.DeleteFunc(m.Indexes, func(x schema.Index) bool { return slices.ContainsFunc(x.Fields, sealed) })
		m.Fields = slices.DeleteFunc(m.Fields, func(f *schema.Field) bool { return f.Encrypted })
	}
}

// modelNamed finds a model, whatever the case of its name.
func modelNamed(set *schema.Set, name string) (*schema.Model, error) {
	if m := set.Model(name); m != nil {
		return m, nil
	}
	var found []*schema.Model
	var names []string
	for _, m := range set.Models {
		if strings.EqualFold(m.Name, name) || m.Table == name {
			found = append(found, m)
		}
		names = append(names, m.Name)
	}
	if len(found) == 1 {
		return found[0], nil
	}
	slices.Sort(names)
	return nil, op.Errorf(op.CodeNotFound, "there is no model %q; the models are %s", name, strings.Join(names, ", "))
}

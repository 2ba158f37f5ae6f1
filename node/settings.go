package node

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Read is the configuration of a node: Default, changed by a file (if path is
// not empty), then by the environment, then by sets.
//
// A file is YAML with the keys of Config. The variable of a key is WEFT_ and the
// key in capitals with _ for each dot: WEFT_NODE_DATA_DIR is node.data_dir. A
// set is key=value. Lists are separated by commas there; durations are like
// 10s, sizes are bytes or like 16MiB. What is unknown is an error that names
// it, a variable only when it begins as those of a known section do. All faults
// are reported at once. The result is not validated.
func Read(path string, environ, sets []string) (Config, error) {
	c := Default()
	keys := c.settings()
	var errs []error
	if path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			return c, fmt.Errorf("%w: read the configuration: %w", ErrConfig, err)
		}
		if err := readYAML(keys, data); err != nil {
			errs = append(errs, fmt.Errorf("%w: %s: %w", ErrConfig, path, err))
		}
	}
	errs = append(errs, readEnviron(keys, environ))
	for _, s := range sets {
		key, value, ok := strings.Cut(s, "=")
		set := keys[key]
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("%w: --set %q is not key=value", ErrConfig, s))
		case set == nil:
			errs = append(errs, fmt.Errorf("%w: --set %s: %w", ErrConfig, key, unknown(keys, key)))
		default:
			if err := set.text(value); err != nil {
				errs = append(errs, fmt.Errorf("%w: --set %s: %w", ErrConfig, key, err))
			}
		}
	}
	return c, errors.Join(errs...)
}

// Parse is Default changed by the text of a configuration file.
func Parse(data []byte) (Config, error) {
	c := Default()
	if err := readYAML(c.settings(), data); err != nil {
		return c, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return c, nil
}

// Settings are all keys, in order.
func Settings() []string {
	var c Config
	return slices.Sorted(func(yield func(string) bool) {
		for k := range c.settings() {
			if !yield(k) {
				return
			}
		}
	})
}

// setting is the place of one key's value.
type setting struct {
	v reflect.Value
}

type settings map[string]*setting

// settings are the places of all values, by key.
func (c *Config) settings() settings {
	all := settings{}
	var walk func(prefix string, v reflect.Value)
	walk = func(prefix string, v reflect.Value) {
		for i := range v.NumField() {
			name := v.Type().Field(i).Tag.Get("yaml")
			if name == "-" {
				continue
			}
			if f := v.Field(i); f.Kind() == reflect.Struct {
				walk(prefix+name+".", f)
			} else {
				all[prefix+name] = &setting{f}
			}
		}
	}
	walk("", reflect.ValueOf(c).Elem())
	return all
}

// sections reports whether keys begin with a path.
func (s settings) section(path string) bool {
	for k := range s {
		if strings.HasPrefix(k, path+".") {
			return true
		}
	}
	return false
}

func unknown(keys settings, path string) error {
	parent := ""
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		parent = path[:i+1]
	}
	var near []string
	for k := range keys {
		if rest, ok := strings.CutPrefix(k, parent); ok {
			rest, _, _ = strings.Cut(rest, ".")
			near = append(near, parent+rest)
		}
	}
	slices.Sort(near)
	if near = slices.Compact(near); len(near) == 0 {
		return fmt.Errorf("the key %s is unknown", path)
	}
	return fmt.Errorf("the key %s is unknown; known are %s", path, strings.Join(near, ", "))
}

// text sets a value as it stands in the environment.
func (s *setting) text(text string) error {
	switch p := s.v.Addr().Interface().(type) {
	case *string:
		*p = text
	case *[]string:
		*p = nil
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part != "" {
				*p = append(*p, part)
			}
		}
	case *bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		*p = b
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is no duration, such as 500ms, 10s or 5m", text)
		}
		*p = d
	case *int:
		n, err := size(text)
		*p = int(n)
		return err
	case *int64:
		n, err := size(text)
		*p = n
		return err
	case *uint64:
		n, err := size(text)
		if err == nil && n < 0 {
			err = fmt.Errorf("%q is below zero", text)
		}
		*p = uint64(n)
		return err
	default:
		return fmt.Errorf("a %s cannot be set", s.v.Type())
	}
	return nil
}

var units = []struct {
	name string
	size int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}}

// size reads a whole number, of bytes where a unit follows.
func size(text string) (int64, error) {
	digits, factor := text, int64(1)
	for _, u := range units {
		if d, ok := strings.CutSuffix(text, u.name); ok {
			digits, factor = strings.TrimSpace(d), u.size
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n > (1<<62)/factor || n < -(1<<62)/factor {
		return 0, fmt.Errorf("%q is no whole number, or a size such as 16MiB", text)
	}
	return n * factor, nil
}

func readYAML(keys settings, data []byte) error {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return errors.New("there is more than one document; a configuration is one")
	}
	if len(doc.Content) == 0 {
		return nil
	}
	var errs []error
	readMapping(keys, "", doc.Content[0], func(n *yaml.Node, err error) {
		errs = append(errs, fmt.Errorf("line %d: %w", n.Line, err))
	})
	return errors.Join(errs...)
}

// readMapping sets what a mapping says; fault is called for each fault.
func readMapping(keys settings, prefix string, n *yaml.Node, fault func(*yaml.Node, error)) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return // a key without values below it
	}
	if n.Kind != yaml.MappingNode {
		what := strings.TrimSuffix(prefix, ".")
		if what == "" {
			what = "a configuration"
		}
		fault(n, fmt.Errorf("%s has keys with values", what))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		path := prefix + key.Value
		switch {
		case key.Kind != yaml.ScalarNode:
			fault(key, errors.New("a key is a word"))
		case seen[key.Value]:
			fault(key, fmt.Errorf("%s is given twice", path))
		case keys[path] != nil:
			if err := keys[path].yaml(value); err != nil {
				fault(value, fmt.Errorf("%s: %w", path, err))
			}
		case keys.section(path):
			readMapping(keys, path+".", value, fault)
		default:
			fault(key, unknown(keys, path))
		}
		seen[key.Value] = true
	}
}

// yaml sets a value as it stands in a file.
func (s *setting) yaml(n *yaml.Node) error {
	if list, ok := s.v.Addr().Interface().(*[]string); ok {
		if n.Kind != yaml.SequenceNode {
			return errors.New("it is a list, such as [a, b]")
		}
		*list = nil
		for _, e := range n.Content {
			if e.Kind != yaml.ScalarNode || e.Tag != "!!str" {
				return errors.New("its elements are text")
			}
			*list = append(*list, e.Value)
		}
		return nil
	}
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return errors.New("it has one value")
	}
	if s.v.Kind() == reflect.String && n.Tag != "!!str" {
		return errors.New("it is text; put it in quotes")
	}
	return s.text(n.Value)
}

func readEnviron(keys settings, environ []string) error {
	names := map[string]string{}
	sections := map[string]bool{}
	for k := range keys {
		names["WEFT_"+strings.ToUpper(strings.ReplaceAll(k, ".", "_"))] = k
		section, _, _ := strings.Cut(k, ".")
		sections["WEFT_"+strings.ToUpper(section)+"_"] = true
	}
	var errs []error
	for _, e := range slices.Sorted(slices.Values(environ)) {
		name, value, ok := strings.Cut(e, "=")
		if !ok || !strings.HasPrefix(name, "WEFT_") {
			continue
		}
		key, known := names[name]
		if known {
			if err := keys[key].text(value); err != nil {
				errs = append(errs, fmt.Errorf("%w: the variable %s: %w", ErrConfig, name, err))
			}
			continue
		}
		for s := range sections {
			if strings.HasPrefix(name, s) {
				errs = append(errs, fmt.Errorf("%w: the variable %s belongs to no setting; unset it, or see the keys in docs/configuration.md", ErrConfig, name))
			}
		}
	}
	return errors.Join(errs...)
}

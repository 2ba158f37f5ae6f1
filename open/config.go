package open

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weftdb/weft/op"
)

// Main is the name of the connection that is meant where none is named.
const Main = "default"

// ConfigFile is the name of the configuration file, looked for in the folder
// that a program runs in.
const ConfigFile = "weft.yaml"

// Config names the databases of a program.
type Config struct {
	// Schema is the folder of the models in YAML: <table>.yaml there belongs to
	// the default connection, <connection>/<table>.yaml to another. "schema" when
	// it is not given.
	Schema string

	// Connections has an address for each name. An address may refer to variables
	// of the environment; see [Config.URL].
	Connections map[string]string
}

// Default is the configuration of a program that has no file: one connection
// named default, on the file app.db.
func Default() *Config {
	return &Config{Schema: "schema", Connections: map[string]string{Main: "sqlite:app.db"}}
}

// ReadConfig reads a configuration file:
//
//	schema: schema # folder of models in YAML
//	connections:
//	  default: sqlite:app.db
//	  analytics: postgres://app:${ANALYTICS_PASSWORD}@db.example.com/analytics
//
// An unknown key, a faulty name or a faulty reference is an error that says
// where. When there is no such file the error is [os.ErrNotExist]. Paths in it
// are relative to the folder that the program runs in.
func ReadConfig(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	c, err := ParseConfig(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// ParseConfig is [ReadConfig] for the text of a file.
func ParseConfig(data []byte) (*Config, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, op.Errorf(op.CodeValidation, "%s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, op.Errorf(op.CodeValidation, "there is more than one document; a configuration is one")
	}
	c := &Config{Schema: "schema", Connections: map[string]string{}}
	if len(doc.Content) > 0 {
		err := each(doc.Content[0], "", func(key, n *yaml.Node) error {
			switch key.Value {
			case "schema":
				return text(n, key.Value, &c.Schema)
			case "connections":
				return each(n, key.Value, func(name, n *yaml.Node) error {
					var address string
					if err := text(n, "connections."+name.Value, &address); err != nil {
						return err
					}
					c.Connections[name.Value] = address
					return nil
				})
			}
			return faulty(key, "the key %q is unknown; known are schema and connections", key.Value)
		})
		if err != nil {
			return nil, err
		}
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return c, nil
}

// each calls fn for the keys of a mapping.
func each(n *yaml.Node, what string, fn func(key, value *yaml.Node) error) error {
	if what == "" {
		what = "a configuration"
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		return faulty(n, "%s has keys with values", what)
	}
	seen := map[string]bool{}
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			return faulty(key, "a key of %s is a word", what)
		}
		if seen[key.Value] {
			return faulty(key, "%q is given twice", key.Value)
		}
		seen[key.Value] = true
		if err := fn(key, n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// text reads a string. The value is not repeated in the error: it may hold a
// password.
func text(n *yaml.Node, key string, into *string) error {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" || n.Value == "" {
		return faulty(n, "%s is text, such as %s", key, map[bool]string{true: "schema", false: "sqlite:app.db"}[key == "schema"])
	}
	*into = n.Value
	return nil
}

func faulty(n *yaml.Node, format string, args ...any) error {
	return op.Errorf(op.CodeValidation, "line %d: %s", n.Line, fmt.Sprintf(format, args...))
}

var (
	connectionName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)
	variableName   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// Validate says what is wrong with a configuration. Whether an engine takes an
// address is known when it is opened, and whether the variables are set when
// [Config.URL] is called: a program may use one connection of many.
func (c *Config) Validate() error {
	if c.Schema == "" {
		return op.Errorf(op.CodeValidation, "schema is empty; it is the folder of the models in YAML")
	}
	if len(c.Connections) == 0 {
		return op.Errorf(op.CodeValidation, "connections is empty; give at least %s: sqlite:app.db", Main)
	}
	for _, name := range c.Names() {
		if !connectionName.MatchString(name) {
			return op.Errorf(op.CodeValidation, "the connection %q: a name has up to 63 of a-z, 0-9, _ and -, and begins with a letter", name)
		}
		if c.Connections[name] == "" {
			return op.Errorf(op.CodeValidation, "connections.%s is empty; give an address, such as sqlite:app.db", name)
		}
		if _, err := expand(c.Connections[name], func(string) (string, bool) { return "", true }); err != nil {
			return op.Errorf(op.CodeValidation, "connections.%s: %w", name, err)
		}
	}
	return nil
}

// Names are the names of the connections in order, default first.
func (c *Config) Names() []string {
	var list []string
	for name := range c.Connections {
		list = append(list, name)
	}
	slices.SortFunc(list, func(a, b string) int {
		if (a == Main) != (b == Main) {
			return map[bool]int{true: -1, false: 1}[a == Main]
		}
		return strings.Compare(a, b)
	})
	return list
}

// pick is the name of a connection; "" means default.
func (c *Config) pick(name string) (string, error) {
	asked := name
	if name == "" {
		name = Main
	}
	if _, ok := c.Connections[name]; ok {
		return name, nil
	}
	if asked == "" {
		return "", op.Errorf(op.CodeValidation, "there is no connection named %s; name one of %s", Main, strings.Join(c.Names(), ", "))
	}
	return "", op.Errorf(op.CodeValidation, "there is no connection %q; there are %s", asked, strings.Join(c.Names(), ", "))
}

// URL is the address of a connection, with the environment's variables in
// their places: ${NAME}. In the place of user name or password of a URL the
// special characters of a value are escaped. A variable that is not set is an
// error that names it. "" is the default connection.
func (c *Config) URL(name string) (string, error) {
	name, err := c.pick(name)
	if err != nil {
		return "", err
	}
	address, err := expand(c.Connections[name], os.LookupEnv)
	if err != nil {
		return "", op.Errorf(op.CodeValidation, "connections.%s: %w", name, err)
	}
	return address, nil
}

// SchemaDir is the folder with the models of a connection: that of the
// configuration for the default one, a folder in it for another.
func (c *Config) SchemaDir(name string) (string, error) {
	name, err := c.pick(name)
	switch {
	case err != nil:
		return "", err
	case name == Main:
		return c.Schema, nil
	}
	return filepath.Join(c.Schema, name), nil
}

// Open gives the engine of a connection, as [URL] does. "" is the default
// connection.
func (c *Config) Open(name string, schemes ...Scheme) (op.Engine, error) {
	address, err := c.URL(name)
	if err != nil {
		return nil, err
	}
	e, err := URL(address, schemes...)
	if err != nil {
		return nil, fmt.Errorf("the connection %s: %w", cmp.Or(name, Main), err)
	}
	return e, nil
}

// expand puts values in the places of ${NAME}.
func expand(address string, lookup func(string) (string, bool)) (string, error) {
	secret := -1 // where user name and password end
	begin := strings.Index(address, "://")
	if begin >= 0 {
		begin += len("://")
		if at := authority(address[begin:]); at >= 0 {
			secret = begin + at
		}
	}
	var b strings.Builder
	for pos := 0; ; {
		i := strings.Index(address[pos:], "${")
		if i < 0 {
			b.WriteString(address[pos:])
			return b.String(), nil
		}
		i += pos
		b.WriteString(address[pos:i])
		name, _, ok := strings.Cut(address[i+2:], "}")
		if !ok || !variableName.MatchString(name) {
			return "", errors.New("a reference to a variable is ${NAME}")
		}
		value, ok := lookup(name)
		if !ok {
			return "", fmt.Errorf("the variable %s is not set", name)
		}
		if i >= begin && i < secret {
			value = url.PathEscape(value)
			value = strings.NewReplacer(":", "%3A", "@", "%40", "&", "%26", "=", "%3D", "+", "%2B", "$", "%24").Replace(value)
		}
		b.WriteString(value)
		pos = i + 2 + len(name) + 1
	}
}

package schema

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// ParseYAML reads the models of a YAML file, one a document; a file without a
// document has none. The name of the file is for faults only. Unknown keys,
// wrong types and everything else that can be seen without the other models
// comes back in one *[Faults], with lines; what concerns several models is
// found by [Build], with the same lines.
//
// A model without a key gets a field id of type uuid. Anchors, aliases and
// merge keys are refused.
func ParseYAML(file string, data []byte) (models []*Model, err error) {
	y := &yamlReader{file: file}
	defer func() {
		// The YAML library panics on some broken documents.
		if p := recover(); p != nil {
			y.faults.add(Fault{File: file}, "the YAML cannot be read: %v", p)
			models, err = nil, y.faults.err()
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var doc yaml.Node
		if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			y.syntax(err)
			break
		}
		if len(doc.Content) != 1 || isNull(doc.Content[0]) {
			continue
		}
		if m := y.document(doc.Content[0]); m != nil {
			models = append(models, m)
		}
	}
	slices.SortStableFunc(y.faults, func(a, b Fault) int { return a.Line - b.Line })
	if err := y.faults.err(); err != nil {
		return nil, err
	}
	return models, nil
}

type yamlReader struct {
	file   string
	faults faultList
	model  string // being read
	at     string // field or relation being read
}

func (y *yamlReader) fail(n *yaml.Node, format string, args ...any) {
	f := Fault{Model: y.model, Field: y.at, File: y.file}
	if n != nil {
		f.Line = n.Line
	}
	y.faults.add(f, format, args...)
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?line (\d+): `)

func (y *yamlReader) syntax(err error) {
	f, msg := Fault{File: y.file}, err.Error()
	if m := yamlLine.FindStringSubmatch(msg); m != nil {
		f.Line, _ = strconv.Atoi(m[1])
		msg = msg[len(m[0]):]
	}
	y.faults.add(f, "the YAML cannot be read: %s", strings.TrimPrefix(msg, "yaml: "))
}

// keys are the handlers of a mapping by key.
type keys map[string]func(v *yaml.Node)

// each calls fn for the pairs of a mapping, in order, and reports what is no
// mapping and keys that come twice.
func (y *yamlReader) each(n *yaml.Node, what string, fn func(key string, k, v *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		y.fail(n, "%s must be a mapping, not %s", what, nodeKind(n))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch {
		case k.Kind != yaml.ScalarNode:
			y.fail(k, "a key of %s must be plain text", what)
		case k.Tag == "!!merge":
			y.fail(k, "merge keys are not supported; write the parts out")
		case v.Kind == yaml.AliasNode:
			y.fail(v, "aliases are not supported; write the value of %s out", k.Value)
		case seen[k.Value] > 0:
			y.fail(k, "%s is given twice in %s; first on line %d", k.Value, what, seen[k.Value])
		default:
			seen[k.Value] = k.Line
			fn(k.Value, k, v)
		}
	}
}

// mapping reads a mapping with known keys.
func (y *yamlReader) mapping(n *yaml.Node, what string, ks keys) {
	y.each(n, what, func(key string, k, v *yaml.Node) {
		read, ok := ks[key]
		if !ok {
			y.fail(k, "key %q of %s is unknown; %s", key, what, oneOf(key, sortedKeys(ks)))
			return
		}
		read(v)
	})
}

func nodeKind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!str":
		return fmt.Sprintf("the text %q", n.Value)
	case "!!int", "!!float":
		return "the number " + n.Value
	case "!!bool":
		return "the boolean " + n.Value
	case "!!timestamp":
		return "the time " + n.Value
	}
	return "a value tagged " + n.Tag
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func (y *yamlReader) str(to *string, what string) func(*yaml.Node) {
	return func(n *yaml.Node) { *to = y.text(n, what) }
}

// text reads a scalar that must be text.
func (y *yamlReader) text(n *yaml.Node, what string) string {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		hint := ""
		if n.Kind == yaml.ScalarNode && !isNull(n) {
			hint = fmt.Sprintf("; quote it: %q", n.Value)
		}
		y.fail(n, "%s must be text, not %s%s", what, nodeKind(n), hint)
		return ""
	}
	return n.Value
}

func (y *yamlReader) flag(to *bool, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" || n.Decode(to) != nil {
			y.fail(n, "%s must be true or false, not %s", what, nodeKind(n))
		}
	}
}

func (y *yamlReader) number(to *int, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || n.Decode(to) != nil {
			y.fail(n, "%s must be an integer, not %s", what, nodeKind(n))
		}
	}
}

// list reads a list of texts; one text stands for a list of one.
func (y *yamlReader) list(to *[]string, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode {
			if s := y.text(n, what); s != "" {
				*to = []string{s}
			}
			return
		}
		*to = nil
		for _, v := range y.items(n, what) {
			*to = append(*to, y.text(v, "each of "+what))
		}
	}
}

func (y *yamlReader) items(n *yaml.Node, what string) []*yaml.Node {
	if n.Kind != yaml.SequenceNode {
		y.fail(n, "%s must be a list, not %s", what, nodeKind(n))
		return nil
	}
	return n.Content
}

func (y *yamlReader) action(to *Action, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		s := y.text(n, what)
		a, known := parseAction(s)
		if s != "" && !known {
			y.fail(n, "%s %q is unknown; known: %s", what, s, actionNames)
		}
		*to = a
	}
}

// document reads one model.
func (y *yamlReader) document(n *yaml.Node) *Model {
	m := &Model{src: source{file: y.file, line: n.Line}}
	y.model, y.at = "", ""
	if n.Kind != yaml.MappingNode {
		y.fail(n, "a model must be a mapping that begins with model: Name, not %s", nodeKind(n))
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "model" && n.Content[i+1].Kind == yaml.ScalarNode {
			y.model = n.Content[i+1].Value // first, for the faults of the rest
		}
	}
	var (
		owner, kind, scope      string
		fields, seed, ownerNode *yaml.Node
	)
	y.mapping(n, "a model", keys{
		"model":   y.str(&m.Name, "model"),
		"table":   y.str(&m.Table, "table"),
		"comment": y.str(&m.Comment, "comment"),
		"renamedFrom": func(v *yaml.Node) {
			m.RenamedFrom = y.text(v, "renamedFrom")
		},
		"renamed_from": func(v *yaml.Node) { m.RenamedFrom = y.text(v, "renamed_from") },
		"version": func(v *yaml.Node) {
			before := len(y.faults)
			if y.number(&m.Version, "version")(v); m.Version < 1 && len(y.faults) == before {
				y.fail(v, "version %d: versions count from 1", m.Version)
			}
		},
		"kind": func(v *yaml.Node) {
			kind = y.text(v, "kind")
			if m.Kind = Kind(kind); kind != "" && !slices.Contains([]Kind{DocStore, KeyValue, EventLog, Counter}, m.Kind) {
				y.fail(v, "kind %q is unknown; known: docstore, keyvalue, eventlog, counter", kind)
			}
		},
		"scope": func(v *yaml.Node) {
			switch scope = y.text(v, "scope"); scope {
			case "user":
				m.Scope = UserScope
			case "global", "":
			default:
				y.fail(v, "scope %q is unknown; known: global, user", scope)
			}
		},
		"owner":     func(v *yaml.Node) { owner, ownerNode = y.text(v, "owner"), v },
		"hooks":     y.flag(&m.NeedsHooks, "hooks"),
		"implicit":  y.flag(&m.Implicit, "implicit"),
		"fields":    func(v *yaml.Node) { fields = v },
		"counts":    func(v *yaml.Node) { y.counts(m, v) },
		"relations": func(v *yaml.Node) { y.relations(m, v) },
		"indexes":   func(v *yaml.Node) { y.indexes(m, v) },
		"sharding":  func(v *yaml.Node) { y.sharding(m, v) },
		"pin": func(v *yaml.Node) {
			y.mapping(v, "pin", keys{
				"strategy": func(s *yaml.Node) { m.Pin.Strategy = PinStrategy(y.text(s, "strategy")) },
				"factor":   y.number(&m.Pin.Factor, "factor"),
			})
		},
		"events": func(v *yaml.Node) { y.events(m, v) },
		"cache": func(v *yaml.Node) {
			m.Cache = &Cache{}
			y.mapping(v, "cache", keys{"ttl": func(t *yaml.Node) { m.Cache.TTL = y.duration(t, "ttl") }})
		},
		"seed": func(v *yaml.Node) { seed = v },
	})
	if m.Name == "" && !slices.ContainsFunc(n.Content, func(c *yaml.Node) bool { return c.Value == "model" }) {
		y.fail(n, "the model has no name; it begins with model: Name")
	}
	if fields != nil {
		y.fields(m, fields)
	}
	y.key(m)
	if owner != "" {
		y.owner(m, owner, ownerNode)
	}
	if seed != nil {
		y.seed(m, seed)
	}
	return m
}

// key gives a model without a key the default one.
func (y *yamlReader) key(m *Model) {
	if slices.ContainsFunc(m.Fields, func(f *Field) bool { return f.Primary }) {
		return
	}
	for _, f := range m.Fields {
		if f.Name == "id" {
			f.Primary = true
			return
		}
	}
	id := &Field{Name: "id", Column: "id", Type: UUID, Primary: true, src: m.src}
	m.Fields = append([]*Field{id}, m.Fields...)
}

func (y *yamlReader) owner(m *Model, name string, n *yaml.Node) {
	for _, f := range m.Fields {
		if f.Name == name {
			if f.Role != RoleNone && f.Role != RoleOwner {
				y.fail(n, "owner names field %s, which has another role already", name)
			}
			f.Role = RoleOwner
			return
		}
	}
	y.fail(n, "owner names field %q, which does not exist; %s", name, oneOf(name, fieldNames(m)))
}

func (y *yamlReader) duration(n *yaml.Node, what string) Duration {
	s := n.Value
	d, err := time.ParseDuration(s)
	if n.Kind != yaml.ScalarNode || err != nil || d < 0 {
		y.fail(n, "%s must be a time span like 60s or 5m, not %s", what, nodeKind(n))
		return 0
	}
	return d
}

func (y *yamlReader) counts(m *Model, n *yaml.Node) {
	y.each(n, "counts", func(key string, k, v *yaml.Node) {
		y.at = key
		defer func() { y.at = "" }()
		c := &Count{Name: key, src: source{y.file, k.Line}}
		relation := y.str(&c.Relation, "the relation counted")
		if v.Kind == yaml.MappingNode {
			y.mapping(v, "a count", keys{"relation": relation, "hidden": y.flag(&c.Hidden, "hidden")})
		} else {
			relation(v)
		}
		m.Counts = append(m.Counts, c)
	})
}

func (y *yamlReader) events(m *Model, n *yaml.Node) {
	y.mapping(n, "events", keys{
		"on": func(v *yaml.Node) {
			var names []string
			y.list(&names, "on")(v)
			for _, s := range names {
				i := slices.Index(eventNames, s)
				if i < 0 {
					y.fail(v, "event %q is unknown; known: %s", s, strings.Join(eventNames, ", "))
					continue
				}
				m.Events.On |= 1 << i
			}
		},
		"channels": y.list(&m.Events.Channels, "channels"),
	})
}

// eventNames are the events in the order of their bits.
var eventNames = []string{"created", "updated", "deleted"}

func (y *yamlReader) sharding(m *Model, n *yaml.Node) {
	s := &Sharding{}
	y.mapping(n, "sharding", keys{
		"strategy": y.str(&s.Strategy, "strategy"),
		"count":    y.number(&s.Count, "count"),
		"key":      y.str(&s.Key, "key"),
		"splits": func(v *yaml.Node) {
			for _, x := range y.items(v, "splits") {
				if x.Kind != yaml.ScalarNode {
					y.fail(x, "a split point must be a single value, not %s", nodeKind(x))
					continue
				}
				s.Splits = append(s.Splits, x.Value) // numbers and times as written
			}
		},
	})
	m.Sharding = s
}

func (y *yamlReader) indexes(m *Model, n *yaml.Node) {
	for _, item := range y.items(n, "indexes") {
		var ix Index
		columns := y.list(&ix.Fields, "columns")
		y.mapping(item, "an index", keys{
			"columns": columns, "fields": columns,
			"unique": y.flag(&ix.Unique, "unique"),
			"global": y.flag(&ix.Global, "global"),
			"name":   y.str(&ix.Name, "name"),
			"where":  y.str(&ix.Where, "where"),
		})
		if len(ix.Fields) == 0 && item.Kind == yaml.MappingNode {
			y.fail(item, "an index needs its columns: {columns: [a, b]}")
		}
		m.Indexes = append(m.Indexes, ix)
	}
}

func (y *yamlReader) relations(m *Model, n *yaml.Node) {
	y.each(n, "relations", func(key string, k, v *yaml.Node) {
		y.at = key
		defer func() { y.at = "" }()
		r := &Relation{Name: key, src: source{y.file, k.Line}}
		kinds := 0
		kind := func(k RelationKind, what string) func(*yaml.Node) {
			return func(t *yaml.Node) {
				r.Kind, r.Model = k, y.text(t, what)
				kinds++
			}
		}
		fieldList := func(to *[]string, what string) func(*yaml.Node) {
			return func(t *yaml.Node) {
				if y.list(to, what)(t); len(*to) == 1 {
					*to = splitList((*to)[0])
				}
			}
		}
		y.mapping(v, "a relation", keys{
			"belongsTo":  kind(BelongsTo, "belongsTo"),
			"hasOne":     kind(HasOne, "hasOne"),
			"hasMany":    kind(HasMany, "hasMany"),
			"manyToMany": kind(ManyToMany, "manyToMany"),
			"fk":         fieldList(&r.FK, "fk"),
			"lk":         fieldList(&r.LK, "lk"),
			"through":    y.str(&r.Through, "through"),
			"onDelete":   y.action(&r.OnDelete, "onDelete"),
			"onUpdate":   y.action(&r.OnUpdate, "onUpdate"),
			"references": y.flag(&r.References, "references"),
			"eager":      y.flag(&r.Eager, "eager"),
			"hidden":     y.flag(&r.Hidden, "hidden"),
		})
		switch {
		case v.Kind != yaml.MappingNode:
		case kinds == 0:
			y.fail(k, "the relation has no kind; give one of belongsTo, hasOne, hasMany, manyToMany")
		case kinds > 1:
			y.fail(k, "the relation has %d kinds; it can have one", kinds)
		}
		m.Relations = append(m.Relations, r)
	})
}

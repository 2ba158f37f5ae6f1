package schema

import (
	"go.yaml.in/yaml/v3"
)

// stampFields are the fields that timestamps: true stands for.
func stampFields() []*Field {
	return []*Field{
		{Name: "createdAt", Column: "created_at", Type: DateTime, Role: RoleCreated},
		{Name: "updatedAt", Column: "updated_at", Type: DateTime, Role: RoleUpdated},
	}
}

func (y *yamlReader) fields(m *Model, n *yaml.Node) {
	y.each(n, "fields", func(key string, k, v *yaml.Node) {
		y.at = key
		defer func() { y.at = "" }()
		if key == "timestamps" && v.Kind == yaml.ScalarNode && v.ShortTag() != "!!str" {
			var on bool
			if y.flag(&on, "timestamps")(v); on {
				for _, f := range stampFields() {
					f.src = source{y.file, k.Line}
					m.Fields = append(m.Fields, f)
				}
			}
			return
		}
		f := &Field{Name: key, src: source{y.file, k.Line}}
		if v.Kind == yaml.ScalarNode { // title: string
			y.typ(f, v)
		} else {
			y.field(f, v)
		}
		if f.Type == NanoID {
			f.NanoID = true
		}
		if f.Column == "" {
			f.Column = Snake(f.Name)
		}
		m.Fields = append(m.Fields, f)
	})
}

func (y *yamlReader) typ(f *Field, n *yaml.Node) {
	s := y.text(n, "type")
	if s == "" {
		return
	}
	if err := parseType(f, s); err != nil {
		y.fail(n, "%v", err)
	}
}

// field reads the mapping of one field.
func (y *yamlReader) field(f *Field, n *yaml.Node) {
	var (
		typ, def           *yaml.Node
		actions            *yaml.Node
		onDelete, onUpdate Action
		defFunc            string
		roles              int
	)
	role := func(r Role, what string) func(*yaml.Node) {
		return func(v *yaml.Node) {
			var on bool
			if y.flag(&on, what)(v); on {
				f.Role = r
				roles++
			}
		}
	}
	values := y.list(&f.Enum, "values")
	action := func(to *Action, what string) func(*yaml.Node) {
		return func(v *yaml.Node) { y.action(to, what)(v); actions = v }
	}
	y.mapping(n, "a field", keys{
		"type":   func(v *yaml.Node) { typ = v; y.typ(f, v) },
		"size":   y.number(&f.Size, "size"),
		"values": values, "enum": values,
		"precision":    y.number(&f.Precision, "precision"),
		"scale":        y.number(&f.Scale, "scale"),
		"dbType":       y.str(&f.DBType, "dbType"),
		"column":       y.str(&f.Column, "column"),
		"comment":      y.str(&f.Comment, "comment"),
		"renamedFrom":  y.str(&f.RenamedFrom, "renamedFrom"),
		"renamed_from": y.str(&f.RenamedFrom, "renamed_from"),
		"nullable":     y.flag(&f.Nullable, "nullable"),
		"unsigned":     y.flag(&f.Unsigned, "unsigned"),
		"primary":      y.flag(&f.Primary, "primary"),
		"auto":         y.flag(&f.Auto, "auto"),
		"required":     func(v *yaml.Node) { on := false; y.flag(&on, "required")(v); f.Required = f.Required || on },
		"unique":       y.flag(&f.Unique, "unique"),
		"search":       y.flag(&f.Search, "search"),
		"immutable":    y.flag(&f.Immutable, "immutable"),
		"encrypted":    y.flag(&f.Encrypted, "encrypted"),
		"readonly":     y.flag(&f.ReadOnly, "readonly"),
		"hidden":       y.flag(&f.Hidden, "hidden"),
		"nanoid":       y.flag(&f.NanoID, "nanoid"),
		"version":      role(RoleVersion, "version"),
		"created":      role(RoleCreated, "created"),
		"updated":      role(RoleUpdated, "updated"),
		"deleted":      role(RoleDeleted, "deleted"),
		"owner":        role(RoleOwner, "owner"),
		"index": func(v *yaml.Node) {
			if v.Kind == yaml.ScalarNode && v.Value == "global" {
				f.Index, f.IndexGlobal = true, true
				return
			}
			if v.Kind != yaml.ScalarNode || v.ShortTag() != "!!bool" || v.Decode(&f.Index) != nil {
				y.fail(v, "index must be true, false or global, not %s", nodeKind(v))
			}
		},
		"default":     func(v *yaml.Node) { def = v },
		"defaultFunc": y.str(&defFunc, "defaultFunc"),
		"validate": func(v *yaml.Node) {
			f.Validate = y.text(v, "validate")
			f.Required = f.Required || requires(f.Validate)
		},
		"validator":  y.str(&f.Validator, "validator"),
		"transform":  y.str(&f.Transform, "transform"),
		"embed":      y.str(&f.EmbedPrefix, "embed"),
		"references": func(v *yaml.Node) { y.references(f, v) },
		"onDelete":   action(&onDelete, "onDelete"),
		"onUpdate":   action(&onUpdate, "onUpdate"),
	})
	if n.Kind == yaml.MappingNode && typ == nil {
		y.fail(n, "the field has no type; give one: {type: string}")
	}
	if roles > 1 {
		y.fail(n, "the field has %d of version, created, updated, deleted, owner; it can have one", roles)
	}
	switch {
	case f.References != nil:
		f.References.OnDelete, f.References.OnUpdate = onDelete, onUpdate
	case actions != nil:
		y.fail(actions, "onDelete and onUpdate need references: {table: …, column: …}")
	}
	y.defaultOf(f, def, defFunc)
}

func (y *yamlReader) references(f *Field, n *yaml.Node) {
	ref := &Reference{}
	y.mapping(n, "references", keys{"table": y.str(&ref.Table, "table"), "column": y.str(&ref.Column, "column")})
	if n.Kind == yaml.MappingNode && (ref.Table == "" || ref.Column == "") {
		y.fail(n, "references needs a table and a column: {table: users, column: id}")
	}
	f.References = ref
}

// defaultOf reads the default once the type is known.
func (y *yamlReader) defaultOf(f *Field, n *yaml.Node, fn string) {
	if n != nil && isNull(n) {
		n = nil // no default
	}
	switch {
	case n != nil && fn != "":
		y.fail(n, "a default is a value or a function; both are given")
	case fn != "":
		f.Default = &Default{Func: fn}
	case n == nil || f.Type == "":
	case n.Kind == yaml.ScalarNode && (n.Value == "now()" || n.Value == "now") && (f.Type.Kind() == KindTime || f.Type == Time):
		f.Default = &Default{Now: true}
	default:
		v, err := nodeValue(f, n)
		if err != nil {
			y.fail(n, "default %v", err)
			return
		}
		f.Default = &Default{Value: v}
	}
}

func (y *yamlReader) seed(m *Model, n *yaml.Node) {
	s := &Seed{}
	byName := map[string]*Field{}
	for _, f := range m.Fields {
		byName[f.Name] = f
	}
	y.mapping(n, "seed", keys{
		"key": func(v *yaml.Node) {
			if s.Key = y.text(v, "key"); s.Key != "" && byName[s.Key] == nil {
				y.fail(v, "the seed key %q is no field; %s", s.Key, oneOf(s.Key, fieldNames(m)))
			}
		},
		"rows": func(v *yaml.Node) {
			for _, item := range y.items(v, "rows") {
				row := map[string]any{}
				y.each(item, "a seed row", func(key string, k, v *yaml.Node) {
					f := byName[key]
					switch {
					case f == nil:
						y.fail(k, "a seed row has field %q, which does not exist; %s", key, oneOf(key, fieldNames(m)))
					case f.Type == "":
					case isNull(v):
						row[key] = nil
					default:
						x, err := nodeValue(f, v)
						if err != nil {
							y.fail(v, "seed value of %s: %v", key, err)
							return
						}
						row[key] = x
					}
				})
				s.Rows = append(s.Rows, row)
			}
		},
	})
	m.Seed = s
}

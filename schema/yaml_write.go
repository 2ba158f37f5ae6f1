package schema

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// YAML writes the model in the form that [ParseYAML] reads, without loss but
// for what only Go has: the names and places of struct fields. It fails when
// the model holds text that is not UTF-8 or a default that is no value of its
// field.
func (m *Model) YAML() ([]byte, error) {
	w := &yamlWriter{model: m.Name}
	n := w.document(m)
	if w.err != nil {
		return nil, w.err
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(n); err != nil {
		return nil, fmt.Errorf("write model %s: %w", m.Name, err)
	}
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("write model %s: %w", m.Name, err)
	}
	return b.Bytes(), nil
}

// SetYAML writes all models of a set, implicit join models too, one a
// document. ParseYAML and Build make an equal set of it.
func SetYAML(s *Set) ([]byte, error) {
	var b bytes.Buffer
	for i, m := range s.Models {
		text, err := m.YAML()
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteString("---\n")
		}
		b.Write(text)
	}
	return b.Bytes(), nil
}

type yamlWriter struct {
	model string
	err   error
}

func (w *yamlWriter) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("write model %s: %s", w.model, fmt.Sprintf(format, args...))
	}
}

// pairs builds a mapping; empty values are left out.
type pairs struct {
	w *yamlWriter
	n *yaml.Node
}

func (w *yamlWriter) pairs(flow bool) pairs {
	n := &yaml.Node{Kind: yaml.MappingNode}
	if flow {
		n.Style = yaml.FlowStyle
	}
	return pairs{w, n}
}

// node adds a key of the format.
func (p pairs) node(key string, v *yaml.Node) {
	p.n.Content = append(p.n.Content, plain(key), v)
}

// named adds a key that is a name of the model's.
func (p pairs) named(key string, v *yaml.Node) {
	if !utf8.ValidString(key) {
		p.w.fail("name %q is not UTF-8", key)
		return
	}
	p.n.Content = append(p.n.Content, textNode(key), v)
}

func (p pairs) text(key, v string) {
	if !utf8.ValidString(v) {
		p.w.fail("%s %q is not UTF-8", key, v)
		return
	}
	if v != "" {
		p.node(key, textNode(v))
	}
}

func (p pairs) flag(key string, on bool) {
	if on {
		p.node(key, plain("true"))
	}
}

func (p pairs) number(key string, n int) {
	if n != 0 {
		p.node(key, plain(strconv.Itoa(n)))
	}
}

func (p pairs) list(key string, list []string) {
	for _, s := range list {
		if !utf8.ValidString(s) {
			p.w.fail("%s %q is not UTF-8", key, s)
			return
		}
	}
	if len(list) > 0 {
		p.node(key, textList(list))
	}
}

// mapping adds a mapping unless it is empty.
func (p pairs) mapping(key string, v pairs) {
	if len(v.n.Content) > 0 {
		p.node(key, v.n)
	}
}

func (w *yamlWriter) document(m *Model) *yaml.Node {
	p := w.pairs(false)
	p.text("model", m.Name)
	p.text("table", m.Table)
	p.text("comment", m.Comment)
	p.text("renamedFrom", m.RenamedFrom)
	p.number("version", m.Version)
	if m.KindReason == "" { // a detected kind is detected again
		p.text("kind", string(m.Kind))
	}
	p.text("scope", string(m.Scope))
	for _, f := range m.Fields {
		if f.Role == RoleOwner {
			p.text("owner", f.Name)
		}
	}
	p.flag("hooks", m.NeedsHooks)
	p.flag("implicit", m.Implicit)
	p.mapping("fields", w.fields(m))
	p.mapping("counts", w.counts(m))
	if len(m.Indexes) > 0 {
		list := &yaml.Node{Kind: yaml.SequenceNode}
		for _, ix := range m.Indexes {
			x := w.pairs(true)
			x.list("columns", ix.Fields)
			x.flag("unique", ix.Unique)
			x.flag("global", ix.Global)
			x.text("name", ix.Name)
			x.text("where", ix.Where)
			list.Content = append(list.Content, x.n)
		}
		p.node("indexes", list)
	}
	relations := w.pairs(false)
	for _, r := range m.Relations {
		relations.named(r.Name, w.relation(r))
	}
	p.mapping("relations", relations)
	if s := m.Sharding; s != nil {
		x := w.pairs(true)
		x.text("strategy", s.Strategy)
		x.number("count", s.Count)
		x.text("key", s.Key)
		x.list("splits", s.Splits)
		p.node("sharding", x.n)
	}
	events := w.pairs(true)
	var on []string
	for i, name := range eventNames {
		if m.Events.On&(1<<i) != 0 {
			on = append(on, name)
		}
	}
	events.list("on", on)
	events.list("channels", m.Events.Channels)
	p.mapping("events", events)
	pin := w.pairs(true)
	pin.text("strategy", string(m.Pin.Strategy))
	pin.number("factor", m.Pin.Factor)
	p.mapping("pin", pin)
	if m.Cache != nil {
		x := w.pairs(true)
		x.node("ttl", plain(spanText(m.Cache.TTL)))
		p.node("cache", x.n)
	}
	if m.Seed != nil {
		p.node("seed", w.seed(m))
	}
	return p.n
}

func (w *yamlWriter) counts(m *Model) pairs {
	p := w.pairs(true)
	for _, c := range m.Counts {
		n := textNode(c.Relation)
		if c.Hidden {
			x := w.pairs(true)
			x.node("relation", n)
			x.flag("hidden", true)
			n = x.n
		}
		p.named(c.Name, n)
	}
	return p
}

func (w *yamlWriter) relation(r *Relation) *yaml.Node {
	p := w.pairs(true)
	switch r.Kind {
	case BelongsTo:
		p.text("belongsTo", r.Model)
	case HasOne:
		p.text("hasOne", r.Model)
	case HasMany:
		p.text("hasMany", r.Model)
	case ManyToMany:
		p.text("manyToMany", r.Model)
	default:
		w.fail("relation %s has no kind", r.Name)
	}
	names := func(key string, list []string) {
		if len(list) == 1 {
			p.text(key, list[0])
		} else {
			p.list(key, list)
		}
	}
	p.text("through", r.Through)
	fk, lk := r.KeyNames()
	names("fk", fk)
	names("lk", lk)
	p.flag("references", r.References)
	p.text("onDelete", string(r.OnDelete))
	p.text("onUpdate", string(r.OnUpdate))
	p.flag("eager", r.Eager)
	p.flag("hidden", r.Hidden)
	return p.n
}

// KeyNames are FK and LK as declared; once Build has resolved them, by JSON name,
// because a reader of YAML knows no Go names.
func (r *Relation) KeyNames() (fk, lk []string) {
	own, other := r.From, r.To
	switch r.Kind {
	case HasOne, HasMany:
		own, other = r.To, r.From
	case ManyToMany:
		own, other = r.ViaFrom, r.From
		if _, toNames := r.sides(r.Owner); toNames != nil {
			other = r.ViaTo
		}
		if len(r.FK) > len(r.ViaFrom) {
			own = slices.Concat(r.ViaFrom, r.ViaTo)
		}
	}
	resolved := func(declared []string, fields []*Field) []string {
		if len(declared) != len(fields) {
			return declared
		}
		out := make([]string, len(fields))
		for i, f := range fields {
			out[i] = f.Name
		}
		return out
	}
	return resolved(r.FK, own), resolved(r.LK, other)
}

// spanText writes a time span without its zero parts: 1h, not 1h0m0s.
func spanText(d Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func (w *yamlWriter) fields(m *Model) pairs {
	p := w.pairs(false)
	stamps := stampFields()
	for i := 0; i < len(m.Fields); i++ {
		if i+1 < len(m.Fields) && sameField(m.Fields[i], stamps[0]) && sameField(m.Fields[i+1], stamps[1]) {
			p.node("timestamps", plain("true"))
			i++
			continue
		}
		f := m.Fields[i]
		p.named(f.Name, w.field(f))
	}
	return p
}

// sameField compares what YAML holds of two fields.
func sameField(a, b *Field) bool {
	x, y := *a, *b
	for _, f := range []*Field{&x, &y} {
		f.GoName, f.GoIndex, f.GoBits, f.Pos, f.src = "", nil, 0, 0, source{}
		if len(f.Enum) == 0 {
			f.Enum = nil
		}
	}
	return reflect.DeepEqual(x, y)
}

func (w *yamlWriter) field(f *Field) *yaml.Node {
	p := w.pairs(true)
	p.text("type", string(f.Type))
	p.number("size", f.Size)
	p.number("precision", f.Precision)
	p.number("scale", f.Scale)
	p.list("values", f.Enum)
	p.text("dbType", f.DBType)
	if f.Column != Snake(f.Name) {
		p.text("column", f.Column)
	}
	p.flag("primary", f.Primary)
	p.flag("auto", f.Auto)
	p.flag("required", f.Required)
	p.flag("nullable", f.Nullable)
	p.flag("unsigned", f.Unsigned)
	p.flag("unique", f.Unique)
	if f.IndexGlobal {
		p.node("index", textNode("global"))
	} else {
		p.flag("index", f.Index)
	}
	p.flag("search", f.Search)
	p.flag("immutable", f.Immutable)
	p.flag("encrypted", f.Encrypted)
	p.flag("readonly", f.ReadOnly)
	p.flag("hidden", f.Hidden)
	for _, r := range roleTags {
		p.flag(r.name, f.Role == r.role && r.role != RoleOwner) // the owner stands on the model
	}
	p.flag("nanoid", f.NanoID && f.Type != NanoID)
	w.defaultOf(p, f)
	p.text("validate", f.Validate)
	p.text("validator", f.Validator)
	p.text("transform", f.Transform)
	if ref := f.References; ref != nil {
		x := w.pairs(true)
		x.text("table", ref.Table)
		x.text("column", ref.Column)
		p.node("references", x.n)
		p.text("onDelete", string(ref.OnDelete))
		p.text("onUpdate", string(ref.OnUpdate))
	}
	p.text("embed", f.EmbedPrefix)
	p.text("comment", f.Comment)
	p.text("renamedFrom", f.RenamedFrom)
	return p.n
}

func (w *yamlWriter) defaultOf(p pairs, f *Field) {
	d := f.Default
	switch {
	case d == nil:
	case d.Now:
		p.node("default", plain("now()"))
	case d.Func != "":
		p.text("defaultFunc", d.Func)
	default:
		n, err := w.value(f, d.Value)
		if err != nil {
			w.fail("default of %s: %v", f.Name, err)
			return
		}
		p.node("default", n)
	}
}

func (w *yamlWriter) value(f *Field, v any) (*yaml.Node, error) {
	v, err := canonLiteral(f, v)
	if err != nil {
		return nil, err
	}
	return valueNode(f, v)
}

func (w *yamlWriter) seed(m *Model) *yaml.Node {
	p := w.pairs(false)
	find := func(name string) *Field {
		for _, f := range m.Fields {
			if f.Name == name || f.GoName == name {
				return f
			}
		}
		return nil
	}
	key := m.Seed.Key
	if f := find(key); f != nil {
		key = f.Name
	}
	p.text("key", key)
	rows := &yaml.Node{Kind: yaml.SequenceNode}
	for i, row := range m.Seed.Rows {
		x := w.pairs(true)
		for _, name := range sortedKeys(row) {
			f := find(name)
			if f == nil {
				w.fail("seed row %d has field %q, which does not exist", i+1, name)
				return p.n
			}
			n := plain("null")
			if row[name] != nil {
				var err error
				if n, err = w.value(f, row[name]); err != nil {
					w.fail("seed row %d, field %s: %v", i+1, name, err)
					return p.n
				}
			}
			x.named(f.Name, n)
		}
		rows.Content = append(rows.Content, x.n)
	}
	if len(rows.Content) == 0 {
		rows.Style = yaml.FlowStyle
	}
	p.node("rows", rows)
	return p.n
}

package codegen

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/weftdb/weft/schema"
)

// options writes the method Weft of a model that needs one.
func (w *modelWriter) options(m *schema.Model, functions []function) {
	var b strings.Builder
	text := func(key, v string) {
		if v != "" {
			fmt.Fprintf(&b, "%s: %s,\n", key, goText(v))
		}
	}
	if m.Table != schema.TableName(m.Name) {
		text("Table", m.Table)
	}
	text("Comment", m.Comment)
	text("RenamedFrom", m.RenamedFrom)
	if m.Version > 1 {
		fmt.Fprintf(&b, "Version: %d,\n", m.Version)
	}
	if m.KindReason == "" { // a detected kind is detected again
		b.WriteString(constant("Kind", string(m.Kind), kinds))
	}
	b.WriteString(constant("Scope", string(m.Scope), scopes))
	if s := m.Sharding; s != nil {
		fmt.Fprintf(&b, "Sharding: &weft.Sharding{Strategy: %q", s.Strategy)
		if s.Count != 0 {
			fmt.Fprintf(&b, ", Count: %d", s.Count)
		}
		if s.Key != "" {
			fmt.Fprintf(&b, ", Key: %q", s.Key)
		}
		if len(s.Splits) > 0 {
			fmt.Fprintf(&b, ", Splits: %s", goList(s.Splits))
		}
		b.WriteString("},\n")
	}
	if m.Pin != (schema.Pin{}) {
		fmt.Fprintf(&b, "Pin: weft.Pin{%s", strings.TrimSuffix(constant("Strategy", string(m.Pin.Strategy), strategies), ",\n"))
		if m.Pin.Factor != 0 {
			fmt.Fprintf(&b, ", Factor: %d", m.Pin.Factor)
		}
		b.WriteString("},\n")
	}
	if m.Events.On != 0 {
		var on []string
		for i, name := range []string{"weft.Created", "weft.Updated", "weft.Deleted"} {
			if m.Events.On&(1<<i) != 0 {
				on = append(on, name)
			}
		}
		fmt.Fprintf(&b, "Events: weft.Events{On: %s", strings.Join(on, " | "))
		if len(m.Events.Channels) > 0 {
			fmt.Fprintf(&b, ", Channels: %s", goList(m.Events.Channels))
		}
		b.WriteString("},\n")
	}
	if m.Cache != nil {
		fmt.Fprintf(&b, "Cache: &weft.CacheOptions{TTL: %s},\n", w.duration(m.Cache.TTL))
	}
	if len(m.Indexes) > 0 {
		b.WriteString("Indexes: []weft.Index{\n")
		for _, ix := range m.Indexes {
			fmt.Fprintf(&b, "{Fields: %s", goList(ix.Fields))
			if ix.Unique {
				b.WriteString(", Unique: true")
			}
			if ix.Name != "" {
				fmt.Fprintf(&b, ", Name: %q", ix.Name)
			}
			if ix.Where != "" {
				fmt.Fprintf(&b, ", Where: %s", goText(ix.Where))
			}
			if ix.Global {
				b.WriteString(", Global: true")
			}
			b.WriteString("},\n")
		}
		b.WriteString("},\n")
	}
	w.seed(&b, m)
	b.WriteString(functionOptions(functions))
	if b.Len() == 0 {
		return
	}
	w.imports[weftPath] = true
	w.linef("// Weft says of %s what tags cannot.\nfunc (%s) Weft() weft.Options {\nreturn weft.Options{\n%s}\n}\n", m.Name, m.Name, b.String())
}

func (w *modelWriter) seed(b *strings.Builder, m *schema.Model) {
	s := m.Seed
	if s == nil {
		return
	}
	fmt.Fprintf(b, "Seed: &weft.Seed{Key: %q", s.Key)
	if len(s.Rows) > 0 {
		b.WriteString(", Rows: []map[string]any{\n")
		for _, row := range s.Rows {
			var parts []string
			for _, name := range slices.Sorted(maps.Keys(row)) {
				if f := m.Field(name); f != nil {
					parts = append(parts, fmt.Sprintf("%q: %s", name, w.literalGo(f, row[name])))
				}
			}
			fmt.Fprintf(b, "{%s},\n", strings.Join(parts, ", "))
		}
		b.WriteString("}")
	}
	b.WriteString("},\n")
}

// The constants that stand for a value.
var (
	kinds = map[string]string{
		string(schema.DocStore): "weft.DocStore", string(schema.KeyValue): "weft.KeyValue", string(schema.EventLog): "weft.EventLog",
		string(schema.Counter): "weft.Counter",
	}
	scopes     = map[string]string{string(schema.UserScope): "weft.UserScope"}
	strategies = map[string]string{
		string(schema.Fixed): "weft.Fixed", string(schema.Popularity): "weft.Popularity", string(schema.Tiered): "weft.Tiered",
	}
)

// constant writes key: value with the constant for the value, if there is one.
func constant(key, v string, known map[string]string) string {
	switch c, ok := known[v]; {
	case v == "":
		return ""
	case ok:
		return key + ": " + c + ",\n"
	}
	return key + ": " + goText(v) + ",\n"
}

func goList(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = goText(s)
	}
	return "[]string{" + strings.Join(quoted, ", ") + "}"
}

// duration writes a time span in the largest unit that it is a multiple of.
func (w *modelWriter) duration(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	w.imports["time"] = true
	for _, u := range []struct {
		d    time.Duration
		name string
	}{
		{time.Hour, "Hour"},
		{time.Minute, "Minute"},
		{time.Second, "Second"},
		{time.Millisecond, "Millisecond"},
		{time.Microsecond, "Microsecond"},
		{time.Nanosecond, "Nanosecond"},
	} {
		if n := d / u.d; d%u.d == 0 {
			if n == 1 {
				return "time." + u.name
			}
			return fmt.Sprintf("%d * time.%s", n, u.name)
		}
	}
	return "0"
}

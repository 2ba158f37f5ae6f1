package schema

import (
	"slices"
	"strings"
)

// kind checks the kind of store, or detects it. Detection is careful: only a
// shape that can hardly be anything else is more than a docstore, because the
// other kinds take abilities away.
func (b *builder) kind(m *Model) {
	switch m.Kind {
	case DocStore, KeyValue, EventLog, Counter:
		if m.KindReason == "" { // given, not detected by an earlier Build
			return
		}
	case "":
	default:
		b.model(m, "kind %q is unknown; known: docstore, keyvalue, eventlog, counter", string(m.Kind))
		return
	}
	m.Kind, m.KindReason = detectKind(m)
}

func detectKind(m *Model) (Kind, string) {
	if m.Implicit {
		return DocStore, "a join model"
	}
	if len(m.Primary) != 1 {
		return DocStore, "the key has several fields"
	}
	key := m.Primary[0]
	var rest []*Field // what the application keeps in the row
	for _, f := range m.Fields {
		if !f.Primary && f.Role == RoleNone {
			rest = append(rest, f)
		}
	}
	if len(rest) == 0 {
		return DocStore, "rows with a key, the default"
	}
	all := func(ok func(*Field) bool) bool {
		return !slices.ContainsFunc(rest, func(f *Field) bool { return !ok(f) })
	}
	switch {
	case key.Auto && m.CreatedF != nil && m.UpdatedF == nil && m.VersionF == nil && m.DeletedF == nil &&
		all(func(f *Field) bool { return f.Immutable }):
		return EventLog, "the key counts up, there is a created time and every other field is immutable"
	case key.Name == "key" && key.Type.Kind() == KindString && len(rest) == 1 && rest[0].Name == "value" && len(m.Relations) == 0:
		return KeyValue, "the fields are key and value"
	case len(m.Relations) == 0 && all(countsOnly):
		return Counter, "every field beside the key is an integer named as a count"
	}
	return DocStore, "rows with fields, the default"
}

// countsOnly reports whether a field is there to be incremented.
func countsOnly(f *Field) bool {
	n := strings.ToLower(f.Name)
	counts := n == "count" || n == "counter" || n == "total" || strings.HasSuffix(f.Name, "Count") || strings.HasSuffix(f.Name, "Total")
	return counts && f.Type.Kind() == KindInt && !f.Nullable && !f.Unique && !f.Index && !f.Immutable && f.References == nil
}

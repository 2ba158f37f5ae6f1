package lite

import "testing"

func TestWord(t *testing.T) {
	for text, want := range map[string][2]string{
		"":                               {"", ""},
		" \t;\r\n\fselect 1":             {"SELECT", " 1"},
		"-- x\nInsert INTO t":            {"INSERT", " INTO t"},
		"/* x */ /*y*/ WITH(":            {"WITH", "("},
		"/*/ not yet */ UPDATE t":        {"UPDATE", " t"},
		"/**/DELETE":                     {"DELETE", ""},
		"/* never closed SELECT":         {"", ""},
		"\ufeffPRAGMA x":                 {"PRAGMA", " x"},
		"-- no end":                      {"", ""},
		"1 + 1":                          {"", "1 + 1"},
		"/* a */-- b\n/* c */;VALUES(1)": {"VALUES", "(1)"},
	} {
		first, rest := Word(text)
		if first != want[0] || rest != want[1] || FirstWord(text) != want[0] {
			t.Errorf("%q: %q, %q; want %q", text, first, rest, want)
		}
	}
}

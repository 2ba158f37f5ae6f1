package codegen

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weftdb/weft/schema"
)

// reflected asks a package itself what reflection says of its models: a test that
// exists for this run only is compiled into it.
func reflected(t *testing.T, dir, pkg string, models []string) map[string]string {
	t.Helper()
	tmp := t.TempDir()
	result := filepath.Join(tmp, "result.json")
	var b strings.Builder
	b.WriteString("package " + pkg + `

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/weftdb/weft/schema"
)

func TestReflectedModels(t *testing.T) {
	out := map[string]string{}
	add := func(name string, v any) {
		m, err := schema.FromRow(v)
		if err != nil {
			out[name] = err.Error()
			return
		}
		if full, err := schema.FromStruct(v); err != nil || len(full.Fields) != len(m.Fields) {
			t.Error(name, err)
		}
		m.Name, m.GoType = "", nil
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = string(data)
	}
`)
	for _, m := range models {
		b.WriteString("\tadd(\"" + m + "\", " + m + "{})\n")
	}
	b.WriteString(`	data, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(os.Getenv("WEFT_REFLECTED"), data, 0o644); err != nil {
		t.Fatal(err)
	}
}
`)
	source, overlay := filepath.Join(tmp, "source.go"), filepath.Join(tmp, "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(dir, "zz_reflected_test.go"): source}})
	if err != nil {
		t.Fatal(err)
	}
	for file, data := range map[string][]byte{source: []byte(b.String()), overlay: replace} {
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "test", "-count=1", "-vet=off", "-overlay", overlay, "-run", "^TestReflectedModels$", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "WEFT_REFLECTED="+result)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, b.String())
	}
	data, err := os.ReadFile(result)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// What is read from the source of a model is what reflection says of it, to the
// last tag, for all models of the repository and those that are hard to read.
func TestSourceSaysWhatReflectionSays(t *testing.T) {
	for _, c := range []struct {
		dir    string
		atest  bool // the models are in files of an external test
		models string
	}{
		{"testdata/tricky", false, "Composite Copy Everything Existing Integer Optioned Plain"},
		{"testdata/trickymain", false, "Post Type"},
		{"../examples/blog", false, "Comment Follow Post PostTag Tag User"},
		{"../examples/quickstart", false, "Book"},
		{"../docs/snippets", false, ""},
		{"../internal/chinook", false, ""},
		{"..", true, ""},
	} {
		t.Run(c.dir, func(t *testing.T) {
			t.Parallel()
			dir, err := filepath.Abs(c.dir)
			if err != nil {
				t.Fatal(err)
			}
			list, l, err := load(t.Context(), dir, []string{"."}, true)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range list {
				if strings.HasSuffix(r.ImportPath, "_test") != c.atest {
					continue
				}
				p := &goPackage{parsed: r}
				find := finder{p: p, l: l, registered: registeredModels(l, r)}
				l.check(r)
				faults := find.find()
				if len(p.models) == 0 {
					continue
				}
				var names []string
				for _, err := range faults { // some models of tests are wrong on purpose
					name, _, _ := strings.Cut(err.Error(), ".")
					names = append(names, name)
				}
				for _, m := range p.models {
					names = append(names, m.name)
				}
				if got := strings.Join(names, " "); c.models != "" && got != c.models {
					t.Errorf("the models are %s, not %s", got, c.models)
				}
				want := reflected(t, dir, p.name, names)
				for i, err := range faults {
					if _, message, _ := strings.Cut(err.Error(), ": "); !strings.Contains(want[names[i]], message) {
						t.Errorf("the source says\n%v\nreflection says\n%s", err, want[names[i]])
					}
				}
				for _, m := range p.models {
					got, want := strings.Split(described(t, m.model), "{"), strings.Split(want[m.name], "{")
					for i := range max(len(got), len(want)) {
						if i >= len(got) || i >= len(want) || got[i] != want[i] {
							t.Errorf("%s: the source says\n%s\nreflection says\n%s", m.name, got[min(i, len(got)-1)], want[min(i, len(want)-1)])
							break
						}
					}
				}
				t.Logf("%d models: %s", len(names), strings.Join(names, " "))
				return
			}
			t.Fatal("there is no package with models")
		})
	}
}

// described is all that a model says, but for its name.
func described(t *testing.T, m *schema.Model) string {
	t.Helper()
	c := *m
	c.Name, c.GoType = "", nil
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

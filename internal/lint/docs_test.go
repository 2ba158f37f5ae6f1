package lint

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// block is a fenced Go block of a document.
type block struct {
	file        string
	line        int    // of the opening fence, from 1
	start, end  int    // lines of the code, as indices
	indent      string // before the fence
	code        string // without the indent
	snippetFile string // from the comment before it
	snippetName string
}

func (b block) at() string { return fmt.Sprintf("%s:%d", b.file, b.line) }

var (
	fence   = regexp.MustCompile("^(\\s*)```+\\s*([a-zA-Z]*)")
	snippet = regexp.MustCompile(`^\s*<!--\s*snippet:\s*([^\s#]+)(?:#(\S+))?\s*-->\s*$`)
	link    = regexp.MustCompile(`\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)`)
	inline  = regexp.MustCompile("`[^`]*`")
)

// scan gives the Go blocks of a document, its lines, and the lines that are
// text and not code.
func scan(t *testing.T, file string) (blocks []block, lines []string, text []bool) {
	t.Helper()
	lines = strings.Split(read(t, file), "\n")
	text = make([]bool, len(lines))
	for i := 0; i < len(lines); i++ {
		m := fence.FindStringSubmatch(lines[i])
		if m == nil {
			text[i] = true
			continue
		}
		end := i + 1
		for end < len(lines) && !strings.HasPrefix(strings.TrimSpace(lines[end]), "```") {
			end++
		}
		if end == len(lines) {
			t.Errorf("%s:%d: the code block does not end", file, i+1)
			return blocks, lines, text
		}
		if m[2] == "go" {
			b := block{file: file, line: i + 1, start: i + 1, end: end, indent: m[1]}
			var code []string
			for _, l := range lines[b.start:b.end] {
				code = append(code, strings.TrimPrefix(l, b.indent))
			}
			b.code = strings.Join(code, "\n")
			before := i - 1
			for before > 0 && strings.TrimSpace(lines[before]) == "" {
				before--
			}
			if before >= 0 {
				if s := snippet.FindStringSubmatch(lines[before]); s != nil {
					b.snippetFile, b.snippetName = s[1], s[2]
				}
			}
			blocks = append(blocks, b)
		}
		i = end
	}
	return blocks, lines, text
}

// region gives the lines between "// snippet:name" and "// end:name" of a
// file, without their common indent and without marks of other regions; the
// whole file where no name is given.
func region(src, name string) (string, error) {
	if name == "" {
		return strings.Trim(src, "\n"), nil
	}
	var (
		out   []string
		in    bool
		found int
	)
	for l := range strings.Lines(src) {
		l = strings.TrimRight(l, "\n")
		mark := strings.TrimSpace(l)
		switch {
		case mark == "// snippet:"+name:
			in = true
			found++
		case mark == "// end:"+name:
			in = false
		case strings.HasPrefix(mark, "// snippet:"), strings.HasPrefix(mark, "// end:"):
		case in:
			out = append(out, l)
		}
	}
	switch {
	case found == 0:
		return "", fmt.Errorf("has no region %s (// snippet:%s … // end:%s)", name, name, name)
	case found > 1:
		return "", fmt.Errorf("has region %s %d times", name, found)
	case in:
		return "", fmt.Errorf("region %s does not end (// end:%s)", name, name)
	}
	common, first := "", true
	for _, l := range out {
		if strings.TrimSpace(l) == "" {
			continue
		}
		in := l[:len(l)-len(strings.TrimLeft(l, " \t"))]
		if first {
			common, first = in, false
		}
		for !strings.HasPrefix(in, common) {
			common = common[:len(common)-1]
		}
	}
	for i, l := range out {
		out[i] = strings.TrimRight(strings.TrimPrefix(l, common), " \t")
	}
	return strings.Trim(strings.Join(out, "\n"), "\n"), nil
}

// documents are the ones whose Go code must compile.
func documents(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, f := range files(t, ".md") {
		if dir := path.Dir(f); dir == "." || dir == "docs" || strings.HasPrefix(dir, "docs/") {
			out = append(out, f)
		}
	}
	return out
}

// Every Go block of the documents is a whole program, which is compiled, or is
// taken from a file that is.
func TestDocumentsCompile(t *testing.T) {
	overlay := map[string]string{}
	var dirs []string
	for _, file := range documents(t) {
		blocks, lines, _ := scan(t, file)
		changed := false
		for i := len(blocks) - 1; i >= 0; i-- { // from the end: lines before keep their place
			b := blocks[i]
			switch {
			case b.snippetFile != "":
				want, err := region(read(t, b.snippetFile), b.snippetName)
				if err != nil {
					t.Errorf("%s: %s %v", b.at(), b.snippetFile, err)
					continue
				}
				if b.code == want {
					continue
				}
				if !*update {
					t.Errorf("%s: the block is not what stands in %s %s (go test ./internal/lint -update writes it)", b.at(), b.snippetFile, b.snippetName)
					continue
				}
				var code []string
				for l := range strings.SplitSeq(want, "\n") {
					code = append(code, strings.TrimRight(b.indent+l, " \t"))
				}
				lines = append(lines[:b.start:b.start], append(code, lines[b.end:]...)...)
				changed = true
			case strings.Contains(b.code, "package main"):
				dir := fmt.Sprintf("internal/lint/block%d", len(dirs))
				src := filepath.Join(t.TempDir(), "main.go")
				if err := os.WriteFile(src, []byte(b.code), 0o644); err != nil {
					t.Fatal(err)
				}
				overlay[filepath.Join(root(), filepath.FromSlash(dir), "main.go")] = src
				dirs = append(dirs, "./"+dir)
				t.Logf("%s is compiled as %s", b.at(), dir)
			default:
				t.Errorf("%s: a Go block is a whole program (package main) or has <!-- snippet: path/file.go#name --> before it", b.at())
			}
		}
		if changed {
			if err := os.WriteFile(filepath.Join(root(), filepath.FromSlash(file)), []byte(strings.Join(lines, "\n")), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(dirs) == 0 {
		return
	}
	// The programs stand in folders of this module that exist only for the
	// compiler.
	js, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	tmp := t.TempDir()
	if err := os.WriteFile(filepath.Join(tmp, "overlay.json"), js, 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, nil, "go", append([]string{"build", "-overlay", filepath.Join(tmp, "overlay.json"), "-o", tmp + "/"}, dirs...)...)
}

// Relative links lead somewhere, and so do their anchors.
func TestLinks(t *testing.T) {
	n := 0
	for _, file := range files(t, ".md") {
		_, lines, text := scan(t, file)
		for i, l := range lines {
			if !text[i] {
				continue
			}
			for _, m := range link.FindAllStringSubmatch(inline.ReplaceAllString(l, "`"), -1) {
				if strings.Contains(m[1], ":") { // has a scheme
					continue
				}
				n++
				target, anchor, _ := strings.Cut(m[1], "#")
				where := file
				if target != "" {
					where = path.Join(path.Dir(file), target)
					if _, err := os.Stat(filepath.Join(root(), filepath.FromSlash(where))); err != nil || strings.HasPrefix(where, "..") {
						t.Errorf("%s:%d: the link to %s leads nowhere", file, i+1, m[1])
						continue
					}
				}
				if anchor != "" && strings.HasSuffix(where, ".md") && !anchors(t, where)[anchor] {
					t.Errorf("%s:%d: %s has no heading for #%s", file, i+1, where, anchor)
				}
			}
		}
	}
	t.Logf("%d relative links", n)
}

// anchors are the names that headings have on the usual hosts: lower case,
// spaces as hyphens, other signs left out.
func anchors(t *testing.T, file string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	_, lines, text := scan(t, file)
	for i, l := range lines {
		if !text[i] || !strings.HasPrefix(l, "#") {
			continue
		}
		slug := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(strings.TrimLeft(l, "#")))
		name := slug
		for n := 1; out[name]; n++ {
			name = fmt.Sprintf("%s-%d", slug, n)
		}
		out[name] = true
	}
	return out
}

func TestRegion(t *testing.T) {
	src := "a\n\t// snippet:x\n\tif a {\n\t\t// snippet:y\n\t\tb()\n\n\t\t// end:y\n\t}\n\t// end:x\n"
	for name, want := range map[string]string{"x": "if a {\n\tb()\n\n}", "y": "b()"} {
		if got, err := region(src, name); err != nil || got != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for _, bad := range []string{"", "// snippet:x\n", "// snippet:x\n// end:x\n// snippet:x\n// end:x\n"} {
		if got, err := region(bad, "x"); err == nil {
			t.Errorf("%q gives %q and no error", bad, got)
		}
	}
}

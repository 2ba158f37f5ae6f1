package lint

import (
	"path"
	"regexp"
	"strings"
	"testing"
)

// peers are where the calls in the tables of docs/coming-from-*.md are
// compiled: theirs on the left, ours on the right.
var peers = map[string]string{
	"docs/coming-from-gorm.md": "bench/traps",
	"docs/coming-from-ent.md":  "bench/entcalls",
	"docs/coming-from-bun.md":  "bench/buncalls",
}

var span = regexp.MustCompile("`([^`]*)`")

// calls are the code spans of a table's cell that call something.
func calls(cell string) []string {
	var out []string
	for _, m := range span.FindAllStringSubmatch(cell, -1) {
		if strings.Contains(m[1], "(") {
			out = append(out, m[1])
		}
	}
	return out
}

// stands reports whether a call stands in the source, whatever the white
// space; … in it stands for anything.
func stands(call, source string) bool {
	var parts []string
	for p := range strings.SplitSeq(call, "…") {
		parts = append(parts, regexp.QuoteMeta(squeeze(p)))
	}
	return regexp.MustCompile("(?s)" + strings.Join(parts, ".*?")).MatchString(source)
}

func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// Every call in a table of those pages is compiled somewhere, on either side.
func TestComparedCalls(t *testing.T) {
	sources := map[string]string{}
	for _, f := range files(t, ".go") {
		if dir := path.Dir(f); dir == "docs/snippets" || strings.HasPrefix(dir, "bench") {
			sources[dir] += squeeze(read(t, f)) + " "
		}
	}
	n := 0
	for _, file := range documents(t) {
		if !strings.HasPrefix(path.Base(file), "coming-from-") {
			continue
		}
		theirs, ok := peers[file]
		if !ok {
			t.Errorf("%s: say in peers where its calls are compiled", file)
			continue
		}
		for i, l := range strings.Split(read(t, file), "\n") {
			cells := strings.Split(strings.Trim(l, "| "), " | ")
			if !strings.HasPrefix(l, "|") || len(cells) != 2 {
				continue
			}
			for at, dir := range []string{theirs, "docs/snippets"} {
				for _, c := range calls(cells[at]) {
					n++
					if !stands(c, sources[dir]) {
						t.Errorf("%s:%d: %s is compiled nowhere in %s", file, i+1, c, dir)
					}
				}
			}
		}
	}
	t.Logf("%d calls", n)
}

func TestComparedCallsCatches(t *testing.T) {
	src := squeeze("books.Where(\"a\",\n\t1).Tx(func() error {\n x()\n })")
	for call, want := range map[string]bool{
		`books.Where("a", 1)`: true, `Tx(func() error { … })`: true, `books.Where("b", 1)`: false, `y(…)`: false,
	} {
		if stands(call, src) != want {
			t.Errorf("%s stands there: %t", call, !want)
		}
	}
	if got := calls("`a` and `b(1)`, `c()`"); strings.Join(got, " ") != "b(1) c()" {
		t.Error(got)
	}
}

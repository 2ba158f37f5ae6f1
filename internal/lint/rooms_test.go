package lint

import (
	"path"
	"slices"
	"strings"
	"testing"
)

// room is a row of the import table. A path ending in /* stands for the
// packages one level below it. "." is the root package. What a room may import
// of this module is listed; the standard library and the dependencies in
// go.mod are not the table's concern (see the bans). Tests may import more.
type room struct {
	path string
	may  []string
	not  []string // with may "*": all but these
	why  string
}

// rooms is the law. Where it is wrong, change it, its reason here and the
// table in ARCHITECTURE.md in one commit.
var rooms = []room{
	{
		path: ".", may: []string{"schema", "op", "layer/validate", "layer/encrypt", "layer/relate", "internal/*"},
		why: "what application code sees; an engine is handed in, so none may be linked by merely importing it",
	},
	{path: "schema", why: "models are plain data that every other room reads"},
	{
		path: "op", may: []string{"schema"},
		why: "the contract is a leaf: whoever implements an engine depends on nothing else",
	},
	{
		path: "op/mem", may: []string{"op", "schema"},
		why: "the oracle must not share code with what it judges, beyond the contract's own evaluation of conditions",
	},
	{
		path: "op/optest", may: []string{"op", "op/mem", "schema", "internal/leak"},
		why: "the suite compares any engine with the oracle and knows neither",
	},
	{
		path: "layer/*", may: []string{"op", "schema"},
		why: "layers compose through operations; one that imported another could not be left out",
	},
	{
		path: "migrate", may: []string{"op", "schema", "migrate/*"},
		why: "works over database/sql, so that every SQL engine can use it",
	},
	{
		path: "migrate/*", may: []string{"op", "schema", "migrate", "migrate/*"},
		why: "the parts of a migration by noun: what a database holds, the lock, the journal, data, seeds",
	},
	{
		path: "pull", may: []string{"schema", "migrate", "migrate/*", "codegen"},
		why: "from tables to models, for every database that migrate can look at; codegen knows how Go names are written",
	},
	{
		path: "sqlengine", may: []string{"op", "schema", "migrate", "migrate/*"},
		why: "operation to SQL for every dialect; drivers live one level below",
	},
	{
		path: "sqlengine/*", may: []string{"op", "schema", "migrate", "migrate/*", "sqlengine", "sqlengine/lite"},
		why: "one driver each, so that a program links only the one it opens",
	},
	{
		path: "wire", may: []string{"op", "schema"},
		why: "encodings of the contract, the same for every door",
	},
	{
		path: "p2p/host", why: "a node's place on the network; with its neighbours the only importer of libp2p, and below all that speaks over it",
	},
	{
		path: "p2p/discovery", may: []string{"p2p/host"},
		why: "who is there, over streams of the host; what the nodes do with each other is for the rooms above",
	},
	{
		path: "door", may: []string{"op", "schema", "wire", "p2p/host"},
		why: "operations over streams: nodes that lead on, and clients, speak it; neither may need the other, nor a database",
	},
	{
		path: "raftgroup/conn", may: []string{"op", "schema", "sqlengine", "sqlengine/lite"},
		why: "the SQLite that rqlite links, as sessions of sqlengine; the only cgo of the module",
	},
	{
		path: "raftgroup/replica", may: []string{"op", "p2p/host", "raftgroup/conn"},
		why: "one rqlite store: log, snapshots, members; it knows entries as bytes and no operations",
	},
	{
		path: "raftgroup", may: []string{"op", "schema", "sqlengine", "sqlengine/lite", "migrate", "migrate/*", "wire", "p2p/host", "door", "raftgroup/*"},
		why: "a database on several nodes as one engine; with the rooms below it the only importer of rqlite",
	},
	{
		path: "raftgroup/archive", why: "entries as bytes with their places, in files; it knows neither Raft nor SQLite",
	},
	{
		path: "raftgroup/driver", may: []string{"op", "schema", "wire", "door"},
		why: "database/sql on a group, wherever it is: it needs a door.Group and no copy",
	},
	{
		path: "directory", may: []string{"op", "schema", "door"},
		why: "which nodes, namespaces and groups there are and where; kept in a group, asked through its door",
	},
	{
		path: "gateway", may: []string{"op", "schema", "wire", "door", "gateway/*"},
		why: "the HTTP listener; what it serves is handed in",
	},
	{
		path: "gateway/*", may: []string{"op", "schema", "wire", "door"},
		why: "one HTTP interface each, over a door.Group",
	},
	{
		path: "client", may: []string{"op", "schema", "wire", "p2p/*", "door"},
		why: "for programs that are no node: it links neither Raft nor a database",
	},
	{
		path: "node", may: []string{"op", "schema", "sqlengine", "migrate", "migrate/*", "wire", "p2p/*", "door", "raftgroup", "raftgroup/*", "directory", "gateway", "gateway/*"},
		why: "the composition root of a node: from a Config to what runs",
	},
	{
		path: "codegen", may: []string{"op", "schema"},
		why: "writes code from models; what it writes uses the root, it does not",
	},
	{
		path: "cmd/weft", may: []string{"*"}, not: []string{"examples/*", "op/optest", "docs/*"},
		why: "the composition root; examples and the suite are for people and tests",
	},
	{
		path: "open", may: []string{"op"},
		why: "picks an engine by its address; it links only those that are handed in",
	},
	{
		path: "open/*", may: []string{"op", "open", "sqlengine/*", "client"},
		why: "every engine there is, for programs that do not know theirs",
	},
	{
		path: "wefttest", may: []string{".", "op", "schema", "layer/fault", "sqlengine/sqlite"},
		why: "for applications' own tests, which must link no server driver for it",
	},
	{
		path: "examples/*", may: []string{".", "schema", "sqlengine/*", "layer/*", "open", "open/*", "node", "client", "examples/*/*"},
		why: "what a newcomer copies uses only what a newcomer has",
	},
	{
		path: "examples/*/*", may: []string{".", "examples/*"},
		why: "typed columns, written by weft generate",
	},
	{
		path: "docs/*", may: []string{".", "schema", "sqlengine/*", "layer/*", "migrate", "migrate/*", "open", "open/*", "node", "client", "raftgroup/driver", "wefttest"},
		why: "the code of the documents, as examples",
	},
	{
		path: "docs/*/*", may: []string{".", "docs/*"},
		why: "typed columns, written by weft generate",
	},
	{path: "internal/*/*", may: []string{"internal/*"}, why: "commands for this repository, which nobody installs"},
	{path: "internal/*", why: "helpers below everything; tests of the whole live here too"},
}

// matches reports whether a package path (of the module, "." for the root) is
// one of those the pattern stands for.
func matches(pattern, p string) bool {
	ok, err := path.Match(pattern, p)
	return pattern == "*" || (ok && err == nil)
}

func roomOf(p string) *room {
	for i := range rooms {
		if matches(rooms[i].path, p) {
			return &rooms[i]
		}
	}
	return nil
}

func (r *room) allows(p string) bool {
	in := func(list []string) bool {
		return slices.ContainsFunc(list, func(x string) bool { return matches(x, p) })
	}
	return in(r.may) && !in(r.not)
}

func TestImportTable(t *testing.T) {
	used := map[string]bool{}
	for _, p := range goList(t, nil, "./...") {
		from := p.rel()
		if from == "" {
			from = "."
		}
		r := roomOf(from)
		if r == nil {
			t.Errorf("package %s is in no room; give it a row in the import table with its reason", p.ImportPath)
			continue
		}
		used[r.path] = true
		if r.why == "" {
			t.Errorf("room %s has no reason", r.path)
		}
		for _, imp := range p.Imports {
			if imp != module && !strings.HasPrefix(imp, module+"/") {
				continue
			}
			to := pkg{ImportPath: imp}.rel()
			if to == "" {
				to = "."
			}
			if !r.allows(to) {
				t.Errorf("%s imports %s; room %s may import %s: %s", from, to, r.path, may(r), r.why)
			}
		}
	}
	for _, r := range rooms {
		if !used[r.path] {
			t.Errorf("room %s has no package; a row comes with its first package", r.path)
		}
	}
}

func may(r *room) string {
	if len(r.may) == 0 {
		return "nothing of this module"
	}
	s := strings.Join(r.may, ", ")
	if len(r.not) > 0 {
		s += " but not " + strings.Join(r.not, ", ")
	}
	return s
}

// The check itself, on cases that must fail.
func TestImportTableCatches(t *testing.T) {
	for _, c := range []struct {
		from, to string
		ok       bool
	}{
		{"schema", "op", false},
		{"op", "schema", true},
		{"layer/relate", "layer/validate", false},
		{".", "sqlengine/sqlite", false},
		{".", "internal/lint", true},
		{"sqlengine", "sqlengine/sqlite", false},
		{"sqlengine/sqlite", "sqlengine", true},
		{"cmd/weft", "examples/blog", false},
		{"cmd/weft", "sqlengine/sqlite", true},
		{"examples/blog", "op", false},
		{"wefttest", "sqlengine/sqlite", true},
		{"wefttest", "sqlengine/postgres", false},
		{"open", "sqlengine/sqlite", false},
		{"open/all", "sqlengine/postgres", true},
		{"sqlengine/sqlite", "open", false},
		{"p2p/discovery", "p2p/host", true},
		{"p2p/host", "p2p/discovery", false},
		{".", "p2p/host", false},
		{"client", "raftgroup", false},
		{"raftgroup/driver", "raftgroup", false},
		{"raftgroup/replica", "raftgroup", false},
		{"raftgroup", "raftgroup/conn", true},
		{"gateway/rqlite", "raftgroup", false},
		{"node", "gateway/rqlite", true},
		{"examples/blog", "open", true},
	} {
		if got := roomOf(c.from).allows(c.to); got != c.ok {
			t.Errorf("%s imports %s: allowed is %t", c.from, c.to, got)
		}
	}
	for _, p := range []string{"new", "layer/validate/deep", "op/mem/x"} {
		if r := roomOf(p); r != nil {
			t.Errorf("%s is in room %s", p, r.path)
		}
	}
}

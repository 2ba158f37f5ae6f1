package op

import (
	"fmt"
	"strings"
)

// String tells the plan in words, one line a fact; the plans of relations are
// indented.
func (p *Plan) String() string {
	var b strings.Builder
	p.write(&b, "")
	return strings.TrimSuffix(b.String(), "\n")
}

func (p *Plan) write(b *strings.Builder, indent string) {
	line := func(name string, list ...string) {
		if len(list) > 0 && list[0] != "" {
			fmt.Fprintf(b, "%s%s: %s\n", indent, name, strings.Join(list, ", "))
		}
	}
	line("engine", p.Engine)
	for _, s := range p.SQL {
		line("sql", s)
	}
	line("uses index", p.Index...)
	line("reads all of", p.Scan...)
	line("shards", p.Shards...)
	line("cache", p.Cache)
	for _, n := range p.Notes {
		line("note", n)
	}
	for _, w := range p.With {
		fmt.Fprintf(b, "%srelation:\n", indent)
		w.write(b, indent+"  ")
	}
}

var flagNames = []string{
	"transactions", "nestedTransactions", "joins", "fullTextSearch", "ttl", "jsonQueries", "aggregations", "relations",
	"migrations", "introspection", "readReplicas", "subscriptions", "sql", "backup", "users", "cache", "buffer",
}

// String names the capabilities, separated by commas.
func (f Flags) String() string {
	var out []string
	for i, n := range flagNames {
		if f&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	return strings.Join(out, ", ")
}

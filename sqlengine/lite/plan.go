package lite

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine"
)

// Plan asks SQLite how statements would run. engine names who would run them;
// m, which may be nil, is the model for messages.
func Plan(ctx context.Context, a Asker, engine string, list []sqlengine.Planned, m *schema.Model) (*op.Plan, error) {
	plan := &op.Plan{Engine: engine}
	for _, p := range list {
		plan.SQL = append(plan.SQL, p.Statement.SQL)
		for _, a := range p.Args {
			plan.Args = append(plan.Args, a.Any())
		}
		note(plan, p.Notes...)
		rows, err := a.Ask(ctx, "EXPLAIN QUERY PLAN "+p.Statement.SQL, p.Args...)
		if err != nil {
			return nil, sqlengine.Explain(err, "explain", m)
		}
		names := aliases(p.Statement.SQL)
		for _, r := range rows {
			read(plan, r[3].Bytes(), names)
		}
	}
	return plan, nil
}

func note(plan *op.Plan, notes ...string) {
	for _, n := range notes {
		if !slices.Contains(plan.Notes, n) {
			plan.Notes = append(plan.Notes, n)
		}
	}
}

var (
	aliased = regexp.MustCompile(`"((?:[^"]|"")+)" AS (t[0-9]+)\b`)
	nested  = regexp.MustCompile(`\) AS (t[0-9]+)\b`)
)

// aliases finds which table an alias stands for; "(" is a select of its own,
// whose tables are named there.
func aliases(text string) map[string]string {
	names := map[string]string{}
	for _, m := range nested.FindAllStringSubmatch(text, -1) {
		names[m[1]] = "("
	}
	for _, m := range aliased.FindAllStringSubmatch(text, -1) {
		names[m[2]] = strings.ReplaceAll(m[1], `""`, `"`)
	}
	return names
}

var detail = regexp.MustCompile(`^(SCAN|SEARCH) (\S+)(?: USING (?:COVERING )?INDEX (\S+))?`)

// read takes one line of SQLite's plan.
func read(plan *op.Plan, line string, names map[string]string) {
	add := func(list *[]string, s string) {
		if !slices.Contains(*list, s) {
			*list = append(*list, s)
		}
	}
	if strings.HasPrefix(line, "USE TEMP B-TREE FOR ") {
		note(plan, "no index serves "+strings.TrimPrefix(line, "USE TEMP B-TREE FOR ")+": the rows are sorted")
		return
	}
	m := detail.FindStringSubmatch(line)
	if m == nil {
		return
	}
	table := m[2]
	if t, ok := names[table]; ok {
		table = t
	}
	switch {
	case m[3] != "":
		add(&plan.Index, m[3])
	case strings.Contains(line, "VIRTUAL TABLE INDEX") && strings.Contains(line, ":M"): // a full-text index asked for words
		add(&plan.Index, table)
	case strings.Contains(line, "USING INTEGER PRIMARY KEY"):
		add(&plan.Index, table+" (rowid)")
	case strings.Contains(line, "USING AUTOMATIC"):
		note(plan, "an index on "+table+" is built for this statement alone: "+line)
	}
	if m[1] == "SCAN" && !strings.Contains(line, "VIRTUAL TABLE") && table != "CONSTANT" && !strings.HasPrefix(table, "(") {
		add(&plan.Scan, table)
	}
}

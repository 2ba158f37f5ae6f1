package sqlite

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

// explain says how an operation would run.
func (e *Engine) explain(ctx context.Context, o op.Op) (op.Result, error) {
	c, err := e.readers.get(ctx)
	if err != nil {
		return op.Result{}, err
	}
	defer c.Release()
	return e.explainOn(ctx, c, &o)
}

func (e *Engine) explainOn(ctx context.Context, c *conn, o *op.Op) (op.Result, error) {
	plan := &op.Plan{Engine: "sqlite"}
	var list []sqlengine.Planned
	var err error
	if o.Kind == op.SQL {
		var args []sqlengine.Value
		if args, err = arguments(o); err == nil {
			args, err = c.standIns(ctx, o.SQL, args)
		}
		list = []sqlengine.Planned{{Statement: &sqlengine.Statement{SQL: o.SQL}, Args: args}}
	} else {
		list, err = e.core.Plan(ctx, c, o)
	}
	if err != nil {
		return op.Result{}, err
	}
	for _, p := range list {
		plan.SQL = append(plan.SQL, p.Statement.SQL)
		for _, a := range p.Args {
			plan.Args = append(plan.Args, a.Any())
		}
		note(plan, p.Notes...)
		rows, err := c.ask(ctx, "EXPLAIN QUERY PLAN "+p.Statement.SQL, p.Args...)
		if err != nil {
			return op.Result{}, sqlengine.Explain(err, "explain", o.Model)
		}
		names := aliases(p.Statement.SQL)
		for _, r := range rows {
			read(plan, r[3].Bytes(), names)
		}
	}
	return op.Result{Plan: plan}, nil
}

// standIns gives a statement NULL for each argument when it came without any:
// the plan of a statement does not depend on them.
func (c *conn) standIns(ctx context.Context, text string, args []sqlengine.Value) ([]sqlengine.Value, error) {
	if _, _, err := c.look(ctx, text); err != nil || len(args) > 0 {
		return args, err
	}
	s, _, err := c.compile(text, 0)
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	defer s.finalize()
	return make([]sqlengine.Value, s.args), nil
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

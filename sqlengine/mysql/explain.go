package mysql

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
	c, core, err := e.get(ctx, false)
	if err != nil {
		return op.Result{}, err
	}
	defer c.Release()
	return e.explainOn(ctx, c, core, &o)
}

func (e *Engine) explainOn(ctx context.Context, c *conn, core *sqlengine.Core, o *op.Op) (op.Result, error) {
	plan := &op.Plan{Engine: "mysql"}
	var list []sqlengine.Planned
	var err error
	if o.Kind == op.SQL {
		list, err = c.rawPlan(o)
	} else {
		list, err = core.Plan(ctx, c, o)
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
		if !explainable[firstWord(p.Statement.SQL)] {
			continue
		}
		rows, err := c.ask(ctx, "EXPLAIN "+p.Statement.SQL, p.Args...)
		if err != nil {
			return op.Result{}, sqlengine.Explain(err, "explain", o.Model)
		}
		names := aliases(p.Statement.SQL)
		for _, r := range rows {
			read(plan, r, names)
		}
	}
	return op.Result{Plan: plan}, nil
}

var explainable = words("SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH", "TABLE")

// rawPlan is the plan of raw SQL. A statement that came without arguments gets
// NULL for each: its plan depends on them little.
func (c *conn) rawPlan(o *op.Op) ([]sqlengine.Planned, error) {
	var list []sqlengine.Planned
	for _, text := range split(o.SQL) {
		if err := allowed(text); err != nil {
			return nil, err
		}
		args, err := arguments(o)
		if err != nil {
			return nil, err
		}
		if len(args) == 0 {
			args = make([]sqlengine.Value, places(text))
		}
		list = append(list, sqlengine.Planned{Statement: &sqlengine.Statement{SQL: text}, Args: args})
	}
	return list, nil
}

// places counts the question marks that stand for arguments.
func places(text string) int {
	n := 0
	for len(text) > 0 {
		if text[0] == '?' {
			n++
		}
		size, _ := token(text)
		text = text[size:]
	}
	return n
}

func note(plan *op.Plan, notes ...string) {
	for _, n := range notes {
		if !slices.Contains(plan.Notes, n) {
			plan.Notes = append(plan.Notes, n)
		}
	}
}

var aliased = regexp.MustCompile("`((?:[^`]|``)+)` AS (t[0-9]+)\\b")

// aliases finds which table an alias stands for.
func aliases(text string) map[string]string {
	names := map[string]string{}
	for _, m := range aliased.FindAllStringSubmatch(text, -1) {
		names[m[2]] = strings.ReplaceAll(m[1], "``", "`")
	}
	return names
}

// read takes one row of the server's plan: id, select_type, table, type,
// possible_keys, key, …, Extra; MySQL has partitions and filtered between.
func read(plan *op.Plan, row []sqlengine.Value, names map[string]string) {
	add := func(list *[]string, s string) {
		if !slices.Contains(*list, s) {
			*list = append(*list, s)
		}
	}
	text := func(i int) string {
		if i < len(row) && row[i].Kind == sqlengine.Text {
			return row[i].Bytes()
		}
		return ""
	}
	kind, key := 3, 5
	if len(row) > 10 { // with partitions
		kind, key = 4, 6
	}
	table := text(2)
	if t, ok := names[table]; ok {
		table = t
	}
	derived := table == "" || strings.HasPrefix(table, "<") || (strings.HasPrefix(table, "t") && names[table] == "" && isAlias(table))
	for name := range strings.SplitSeq(text(key), ",") {
		switch {
		case name == "" || derived:
		case name == "PRIMARY":
			add(&plan.Index, table+" (primary key)")
		default:
			add(&plan.Index, name)
		}
	}
	if access := text(kind); !derived && (access == "ALL" || access == "index") {
		add(&plan.Scan, table)
	}
	extra := text(len(row) - 1)
	if strings.Contains(extra, "Using filesort") {
		note(plan, "no index serves the order: the rows are sorted")
	}
	if strings.Contains(extra, "Using temporary") {
		note(plan, "the rows go through a temporary table")
	}
}

func isAlias(s string) bool { return len(s) > 1 && strings.Trim(s[1:], "0123456789") == "" }

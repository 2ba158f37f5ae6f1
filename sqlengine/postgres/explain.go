package postgres

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

// explainOp says how an operation would run.
func (e *Engine) explainOp(ctx context.Context, o op.Op) (op.Result, error) {
	c, err := e.get(ctx)
	if err != nil {
		return op.Result{}, err
	}
	defer c.Release()
	return e.explainOn(ctx, c, &o)
}

func (e *Engine) explainOn(ctx context.Context, c *conn, o *op.Op) (op.Result, error) {
	plan := &op.Plan{Engine: "postgres"}
	var list []sqlengine.Planned
	var err error
	if o.Kind == op.SQL {
		list, err = plannedRaw(o)
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
		if err := c.explainOne(ctx, plan, p); err != nil {
			return op.Result{}, sqlengine.Explain(err, "explain", o.Model)
		}
	}
	return op.Result{Plan: plan}, nil
}

func plannedRaw(o *op.Op) ([]sqlengine.Planned, error) {
	raw, err := rawOf(o)
	if err != nil {
		return nil, err
	}
	args, err := arguments(o)
	if err != nil {
		return nil, err
	}
	var list []sqlengine.Planned
	for _, s := range raw {
		if s.places > 0 && len(args) > 0 && len(args) != s.places {
			return nil, op.Errorf(op.CodeValidation, "the statement has %d places for arguments (?) and was given %d", s.places, len(args))
		}
		list = append(list, sqlengine.Planned{Statement: &sqlengine.Statement{SQL: s.sql}, Args: args})
	}
	return list, nil
}

// explainOne asks the server for the plan of a statement.
func (c *conn) explainOne(ctx context.Context, plan *op.Plan, p sqlengine.Planned) error {
	if len(p.Args) == 0 && strings.Contains(p.Statement.SQL, "$1") {
		return c.explainWithout(ctx, plan, p.Statement.SQL)
	}
	cur, err := c.Query(ctx, &sqlengine.Statement{SQL: "EXPLAIN (FORMAT JSON) " + p.Statement.SQL}, p.Args)
	if err != nil {
		return err
	}
	defer cur.Close()
	ok, err := cur.Next()
	if err != nil || !ok {
		return err
	}
	return readPlan(plan, cur.View(0))
}

// explainWithout asks for the plan of a statement that came without its values:
// the one that serves any.
func (c *conn) explainWithout(ctx context.Context, plan *op.Plan, sql string) error {
	c.begin(false) // the setting goes with what is rolled back
	return c.undo(c.genericPlan(ctx, plan, sql))
}

func (c *conn) genericPlan(ctx context.Context, plan *op.Plan, sql string) error {
	if _, err := c.ask(ctx, "SELECT set_config('plan_cache_mode', 'force_generic_plan', true)"); err != nil {
		return err
	}
	const name = "weft_explain"
	sd, err := c.pg.Prepare(ctx, name, sql, nil)
	if err != nil {
		return c.fail(ctx, err)
	}
	call := "EXPLAIN (FORMAT JSON) EXECUTE " + name
	if n := len(sd.ParamOIDs); n > 0 {
		call += "(NULL" + strings.Repeat(", NULL", n-1) + ")"
	}
	rows, err := c.ask(ctx, call)
	if derr := c.pg.Deallocate(ctx, name); err == nil && derr != nil {
		err = c.fail(ctx, derr)
	}
	if err != nil {
		return err
	}
	return readPlan(plan, []byte(rows[0][0]))
}

func readPlan(plan *op.Plan, text []byte) error {
	var found []struct{ Plan node }
	if err := json.Unmarshal(text, &found); err != nil {
		return op.Errorf(op.CodeDatabase, "the server's plan cannot be read: %w", err)
	}
	for i := range found {
		found[i].Plan.read(plan)
	}
	return nil
}

// node is one step of the server's plan.
type node struct {
	Type     string   `json:"Node Type"`
	Relation string   `json:"Relation Name"`
	Index    string   `json:"Index Name"`
	Key      []string `json:"Sort Key"`
	Plans    []node
}

func (n *node) read(plan *op.Plan) {
	add := func(list *[]string, s string) {
		if s != "" && !slices.Contains(*list, s) {
			*list = append(*list, s)
		}
	}
	add(&plan.Index, n.Index)
	switch n.Type {
	case "Seq Scan", "Sample Scan", "Foreign Scan":
		add(&plan.Scan, n.Relation)
	case "Sort":
		note(plan, "no index serves the order by "+strings.Join(n.Key, ", ")+": the rows are sorted")
	}
	for i := range n.Plans {
		n.Plans[i].read(plan)
	}
}

func note(plan *op.Plan, notes ...string) {
	for _, n := range notes {
		if !slices.Contains(plan.Notes, n) {
			plan.Notes = append(plan.Notes, n)
		}
	}
}

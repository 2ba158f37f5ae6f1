package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weftdb/weft/op"
)

// slowShown is how many statements of a log are looked at, the ones that took
// longest in all.
const slowShown = 20

// slow looks at the statements that a log says were slow.
func (d *doctor) slow(ctx context.Context, r *report, f *database, log *slowLog) {
	const name = "slow"
	if len(log.calls) == 0 {
		r.ok(name, "%s of %s tell of no slow call (weft.Log writes them)", count(log.lines, "line"), d.log)
		return
	}
	pool, err := f.pool()
	if err != nil {
		r.fail(name, "", "%s", err)
		return
	}
	defer pool.Close()
	in := &inspection{ctx: ctx, db: pool, r: r, f: f}
	s, err := newSlowness(in)
	if err != nil {
		in.broken(name, err)
		return
	}
	for _, c := range log.calls[:min(len(log.calls), slowShown)] {
		for _, text := range statements(c.SQL) {
			r.add(s.look(c, text))
		}
	}
	if more := len(log.calls) - slowShown; more > 0 {
		r.ok(name, "%s more of %s took less and were not looked at", count(more, "statement"), d.log)
	}
	if err := s.close(); err != nil {
		in.broken(name, err)
	}
}

// slowness explains slow statements.
type slowness struct {
	in     *inspection
	e      op.Engine
	tables []*tableInfo
	trial  *trial
}

func newSlowness(in *inspection) (*slowness, error) {
	tables, err := in.tables()
	if err != nil {
		return nil, err
	}
	rows, err := in.rows("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' " +
		"ORDER BY CASE type WHEN 'table' THEN 0 WHEN 'index' THEN 1 ELSE 2 END, rowid")
	if err != nil {
		return nil, err
	}
	var catalogue []string
	for _, r := range rows {
		catalogue = append(catalogue, r[0])
	}
	return &slowness{in: in, e: in.f.engine(), tables: tables, trial: newTrial(in.ctx, catalogue)}, nil
}

func (s *slowness) close() error { return errors.Join(s.e.Close(), s.trial.close()) }

// look says why a statement may be slow, and what would help.
func (s *slowness) look(c *slowCall, text string) check {
	out := check{
		Name: "slow", Status: statusOK, SQL: text, Count: c.Count, Seconds: seconds(c.Total),
	}
	what := c.Op
	if what == "" {
		what = "a statement"
	}
	say := func(format string, args ...any) {
		out.Message = fmt.Sprintf("%s, %s, %s in all, %s at most: ", what, times(c.Count), c.Total.Round(time.Microsecond), c.Max.Round(time.Microsecond)) +
			fmt.Sprintf(format, args...)
	}
	plan, err := explain(s.in.ctx, s.e, text)
	if err != nil {
		out.Status = statusWarn
		say("it cannot be explained here (%s)", plain(err))
		return out
	}
	var found, hints []string
	left := slices.Clone(plan.Scan) // what the text does not name, such as the tables of a view
	for _, u := range usages(text, s.tables) {
		if !scans(plan, text, u.table) {
			continue
		}
		left = slices.DeleteFunc(left, func(name string) bool { return scans(&op.Plan{Scan: []string{name}}, text, u.table) })
		rows, err := s.in.number("SELECT count(*) FROM " + quoteName(u.table.name))
		if err != nil {
			out.Status = statusFail
			say("%s cannot be counted (%s)", u.table.name, plain(err))
			return out
		}
		found = append(found, fmt.Sprintf("it reads all %s of %s", count(rows, "row"), u.table.name))
		hints = append(hints, s.hints(text, u)...)
	}
	for _, name := range left {
		found = append(found, "it reads all of "+name)
	}
	sorted := len(plan.Notes) > 0
	if len(found) == 0 && sorted {
		for _, u := range usages(text, s.tables) {
			hints = append(hints, s.hints(text, u)...)
		}
	}
	for _, n := range plan.Notes {
		found = append(found, strings.ReplaceAll(n, ": ", ", "))
	}
	if len(found) == 0 {
		say("it reads no whole table%s", strings.Join(append([]string{""}, plan.Index...), ", uses "))
		return out
	}
	out.Status = statusWarn
	say("%s", strings.Join(found, "; "))
	slices.Sort(hints)
	out.Hint = strings.Join(slices.Compact(hints), "\n")
	if out.Hint == "" {
		out.Hint = "no index on columns would change that: it asks for all rows, or by a condition that no index serves, such as like"
	}
	return out
}

// hints are the indexes that would help with one table.
func (s *slowness) hints(text string, u *usage) (out []string) {
	list, err := s.trial.advise(text, u)
	if err != nil { // a table that could not be made for the trial
		return nil
	}
	for _, cols := range list {
		out = append(out, u.table.create(cols))
	}
	return out
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

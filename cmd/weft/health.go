package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/node"
	"github.com/weftdb/weft/op"
)

func newHealth() *cobra.Command {
	r := &remote{}
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Say whether a node and its cluster are well",
		Long: "Asks a node of a cluster, performs each check really (a read that its leader confirms\n" +
			"with a majority, for one), and says how long it took. The exit status is 1 when\n" +
			"something is not well.",
		Example: "  weft health\n" +
			"  weft health --data ./data/node1 --format json",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			var list []healthCheck
			err := r.with(ctx, func(ctx context.Context, s *session) error {
				list = health(ctx, s)
				return nil
			})
			if err != nil {
				return err
			}
			rows, well := [][]any{}, true
			for _, c := range list {
				state := "ok"
				if !c.OK {
					state, well = "failed", false
				}
				rows = append(rows, []any{c.Name, state, fmt.Sprintf("%.1f ms", float64(c.Took.Microseconds())/1000), c.Detail})
			}
			if err := r.write(cmd, list, []string{"check", "state", "took", "detail"}, rows); err != nil {
				return err
			}
			if !well {
				return errUnwell
			}
			return nil
		},
	}
	r.flags(cmd)
	r.formatFlag(cmd)
	return cmd
}

// healthCheck is one part that was looked at.
type healthCheck struct {
	Name   string        `json:"name"`
	OK     bool          `json:"ok"`
	Took   time.Duration `json:"took"` // nanoseconds
	Detail string        `json:"detail"`
}

func health(ctx context.Context, s *session) []healthCheck {
	var list []healthCheck
	look := func(name string, fn func() (string, error)) {
		begin := time.Now()
		detail, err := fn()
		if err != nil {
			detail = oneLine(err)
		}
		list = append(list, healthCheck{name, err == nil, time.Since(begin), detail})
	}
	var st node.NodeStatus
	look("node", func() (string, error) {
		if err := s.ask(ctx, "node.status", nil, &st); err != nil {
			return "", err
		}
		if err := unwell(st); err != nil {
			return "", err
		}
		return st.State + " for " + st.Uptime.Round(time.Second).String(), nil
	})
	look("nodes", func() (string, error) {
		var nodes []node.NodeInfo
		if err := s.ask(ctx, "cluster.nodes", nil, &nodes); err != nil {
			return "", err
		}
		live, lost := 0, 0
		for _, n := range nodes {
			switch n.State {
			case "live":
				live++
			case "lost":
				lost++
			}
		}
		if lost > 0 {
			return "", fmt.Errorf("%d of %d are lost", lost, len(nodes))
		}
		return fmt.Sprintf("%d live", live), nil
	})
	look("groups", func() (string, error) {
		var groups []node.GroupInfo
		if err := s.ask(ctx, "cluster.groups", nil, &groups); err != nil {
			return "", err
		}
		for _, g := range groups {
			if g.Problem != "" {
				return "", fmt.Errorf("%s: %s", g.Name, g.Problem)
			}
		}
		return fmt.Sprintf("%d with a leader", len(groups)), nil
	})
	look("database", func() (string, error) {
		g := s.group(groupOf("default"))
		answers, err := g.Run(op.WithReading(ctx, op.Reading{Consistency: op.Linearizable}),
			door.Request{ReadOnly: true, Statements: []door.Statement{{SQL: "SELECT 1"}}})
		if err == nil && len(answers) == 1 {
			err = answers[0].Err
		}
		if cerr := g.Close(); err == nil {
			err = cerr
		}
		return "a read that a majority confirmed", err
	})
	return list
}

// unwell is what a node says is wrong with it, or with one of its copies that go
// on.
func unwell(st node.NodeStatus) error {
	if st.Problem != "" {
		return errors.New(st.Problem)
	}
	for _, g := range st.Groups {
		if g.Problem != "" {
			return fmt.Errorf("%s: %s", g.Group, g.Problem)
		}
	}
	return nil
}

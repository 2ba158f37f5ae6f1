package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/data"
	"github.com/weftdb/weft/migrate/journal"
	"github.com/weftdb/weft/schema"
)

// migrateStatus is the configuration of weft migrate status.
type migrateStatus struct {
	migration
}

func newMigrateStatus() *cobra.Command {
	p := &migrateStatus{}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say what was applied to a database",
		Long: "Tells what is known of the migrations of a database: who migrates at the moment, the\n" +
			"run that stands in the middle, where it can be resumed, the last runs, and which\n" +
			"migration files are applied, in which batch, and whether they were edited since.\n" +
			"Nothing is changed and nobody is waited for.",
		Example: "  weft migrate status --url sqlite:app.db\n" +
			"  weft migrate status --url sqlite:app.db --format json",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			return p.run(ctx, cmd.OutOrStdout())
		},
	}
	p.at(cmd)
	p.with(cmd)
	p.as(cmd)
	return cmd
}

// What weft migrate status writes as JSON.
type (
	statusJSON struct {
		Lock       *lockJSON       `json:"lock"`
		Unfinished *runJSON        `json:"unfinished"`
		Runs       []runJSON       `json:"runs"`
		Migrations []migrationJSON `json:"migrations"`
		Notes      []string        `json:"notes,omitempty"`
	}
	lockJSON struct {
		Owner      string  `json:"owner"`
		Connection string  `json:"connection,omitempty"`
		Held       float64 `json:"heldSeconds"`
		Left       float64 `json:"leaseEndsInSeconds"`
	}
	runJSON struct {
		ID      int64     `json:"id"`
		State   string    `json:"state"`
		Owner   string    `json:"owner"`
		Weft    string    `json:"weft"`
		Started time.Time `json:"started"`
		Seconds float64   `json:"seconds"`
		Steps   int       `json:"steps"`
		Done    int       `json:"done"`
		At      string    `json:"at,omitempty"` // the step that it stands at
		Error   string    `json:"error,omitempty"`
	}
)

func (p *migrateStatus) run(ctx context.Context, stdout io.Writer) (err error) {
	t, err := p.open(ctx, reading)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	s := &known{}
	if s.Status, err = t.runs(ctx); err != nil {
		return err
	}
	r, err := t.runner(&p.migration, data.Options{})
	if err != nil {
		return err
	}
	if s.files, err = r.Status(ctx); err != nil {
		return t.explain(err)
	}
	if p.format == formatJSON {
		return answerJSON(stdout, s.json())
	}
	_, err = io.WriteString(stdout, s.text(t))
	return err
}

// known is what is known of the migrations of a database.
type known struct {
	*migrate.Status
	files *data.Status
}

// runs are the runs of migrations of the schema.
func (t *target) runs(ctx context.Context) (*migrate.Status, error) {
	s, err := migrate.New(t.db, t.dialect, &schema.Set{}, migrate.Options{}).Status(ctx)
	return s, t.explain(err)
}

func (s *known) json() statusJSON {
	out := statusJSON{Runs: []runJSON{}, Migrations: shownMigrations(s.files.Entries), Notes: s.files.Notes}
	if h := s.Lock; h != nil {
		out.Lock = &lockJSON{Owner: h.Owner, Connection: h.Connection, Held: h.Held.Seconds(), Left: h.Left.Seconds()}
	}
	if s.Unfinished != nil {
		r := shownRun(s.Unfinished)
		out.Unfinished = &r
	}
	for _, r := range s.Runs {
		out.Runs = append(out.Runs, shownRun(r))
	}
	return out
}

func shownRun(r *journal.Run) runJSON {
	out := runJSON{ID: r.ID, State: string(r.State), Owner: r.Owner, Weft: r.Weft, Started: r.Started.UTC(), Steps: len(r.Steps), Error: r.Error}
	if !r.Ended.IsZero() {
		out.Seconds = r.Ended.Sub(r.Started).Seconds()
	}
	for _, x := range r.Steps {
		if x.State == journal.Done {
			out.Done++
		}
	}
	if at := r.At(); at != nil && r.State != journal.Done {
		out.At = stepName(migrate.Kind(at.Kind), at.Table, at.Name)
	}
	return out
}

// shownRuns is how many runs are shown to people.
const shownRuns = 5

func (s *known) text(t *target) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", t.where())
	if s.Lock != nil {
		fmt.Fprintf(&b, "lock: held by %s\n", visibleText(s.Lock.String()))
	} else {
		b.WriteString("lock: free\n")
	}
	if s.Unfinished != nil {
		fmt.Fprintf(&b, "unfinished: %s\n  weft migrate apply goes on there\n", visibleText(standsAt(s.Unfinished)))
	}
	if len(s.Runs) == 0 {
		b.WriteString("runs: none\n")
	} else {
		b.WriteString("runs:\n")
	}
	for i, r := range s.Runs {
		if i == shownRuns {
			fmt.Fprintf(&b, "  and %d before (--format json shows them)\n", len(s.Runs)-shownRuns)
			break
		}
		x := shownRun(r)
		fmt.Fprintf(&b, "  %d  %s  %s  %d of %s  %s\n", x.ID, x.Started.Format("2006-01-02 15:04:05Z"), x.State, x.Done, count(x.Steps, "step"), visibleText(x.Owner))
	}
	if len(s.files.Entries) == 0 {
		b.WriteString("migration files: none\n")
	} else {
		fmt.Fprintf(&b, "migration files: %d pending\n", len(s.files.Pending()))
	}
	for _, e := range s.files.Entries {
		fmt.Fprintf(&b, "  %s  %s\n", visibleText(nameOf(e)), visibleText(stateOf(e)))
	}
	for _, n := range s.files.Notes {
		fmt.Fprintf(&b, "note: %s\n", visibleText(n))
	}
	return b.String()
}

// standsAt says where a run stands.
func standsAt(r *journal.Run) string {
	s := fmt.Sprintf("run %d of %s, begun %s", r.ID, r.Owner, r.Started.UTC().Format("2006-01-02 15:04:05Z"))
	at := r.At()
	if at == nil {
		return s
	}
	s += fmt.Sprintf(", stands at step %d of %d (%s), statement %d of %d",
		at.N, len(r.Steps), stepName(migrate.Kind(at.Kind), at.Table, at.Name), min(at.Done+1, at.Statements), at.Statements)
	if at.Error != "" {
		s += ", by " + stepPrefix.ReplaceAllString(bare(errors.New(at.Error)), "")
	}
	return s
}

// stepPrefix is how the error of a step begins that says which one it is.
var stepPrefix = regexp.MustCompile(`^step \d+ of \d+ \([^)]*\)(, statement \d+ of \d+)?: `)

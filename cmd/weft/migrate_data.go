package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/data"
)

// migrationFolder is where migration files are when nobody says otherwise.
const migrationFolder = "migrations"

// with adds the flag that says where the migration files are.
func (m *migration) with(cmd *cobra.Command) {
	cmd.Flags().StringVar(&m.files, "migrations", "", "folder of migration files (default migrations)")
}

// folder is where the migration files are. A connection has a folder of its own
// in it.
func (m *migration) folder() string {
	dir := m.files
	if dir == "" {
		dir = migrationFolder
	}
	return filepath.Join(dir, m.other())
}

// load reads the migration files for a kind of database. The folder need not be
// there, unless it was asked for.
func (m *migration) load(d catalog.Dialect) ([]data.Migration, error) {
	dir := m.folder()
	info, err := os.Stat(dir)
	switch {
	case err != nil && m.files == "" && errors.Is(err, os.ErrNotExist):
		return nil, nil
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("there is no folder %s with migration files", dir)
	case err != nil:
		return nil, fmt.Errorf("the folder %s cannot be read: %w", dir, cause(err))
	case !info.IsDir():
		return nil, fmt.Errorf("%s is a file; --migrations names the folder of the migration files", dir)
	}
	list, err := data.Load(os.DirFS(dir), d)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", dir, bare(err))
	}
	return list, nil
}

// runner runs the migration files on the database.
func (t *target) runner(m *migration, o data.Options) (*data.Runner, error) {
	list, err := m.load(t.dialect)
	if err != nil {
		return nil, err
	}
	r, err := data.NewRunner(t.db, t.dialect, list, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", m.folder(), bare(err))
	}
	return r, nil
}

// What is told of a migration file, as JSON.
type migrationJSON struct {
	Version    int64      `json:"version"`
	Name       string     `json:"name"`
	State      string     `json:"state"`
	Batch      int64      `json:"batch,omitempty"`
	At         *time.Time `json:"at,omitempty"`
	Owner      string     `json:"owner,omitempty"`
	Seconds    float64    `json:"seconds,omitempty"`
	Reversible bool       `json:"reversible"`
	Missing    bool       `json:"missing,omitempty"`
	OutOfOrder bool       `json:"outOfOrder,omitempty"`
	Edited     string     `json:"edited,omitempty"`
	Error      string     `json:"error,omitempty"`
}

func shownMigrations(list []data.Entry) []migrationJSON {
	out := []migrationJSON{}
	for _, e := range list {
		x := migrationJSON{
			Version: e.Version, Name: e.Name, State: string(e.State), Batch: e.Batch, Owner: e.Owner, Seconds: e.Took.Seconds(),
			Reversible: e.Reversible, Missing: e.Missing, OutOfOrder: e.OutOfOrder, Edited: e.Edited, Error: e.Error,
		}
		if !e.At.IsZero() {
			x.At = &e.At
		}
		out = append(out, x)
	}
	return out
}

// nameOf is how a migration is called.
func nameOf(e data.Entry) string {
	if strings.HasPrefix(e.Name, fmt.Sprint(e.Version)) {
		return e.Name
	}
	return fmt.Sprintf("%d_%s", e.Version, e.Name)
}

// stateOf says in words how a migration stands.
func stateOf(e data.Entry) string {
	s := string(e.State)
	switch e.State {
	case data.Pending:
		if e.OutOfOrder {
			s += ", though a later one is applied"
		}
	case data.Applied:
		s = fmt.Sprintf("applied %s in batch %d", e.At.UTC().Format("2006-01-02 15:04:05Z"), e.Batch)
	case data.Begun:
		s = "stopped in the middle of being applied"
	case data.Undoing:
		s = "stopped in the middle of being rolled back"
	}
	if e.Edited != "" {
		s += ", EDITED since: " + e.Edited
	}
	if e.Missing {
		s += ", has no file here (a Go function, or another version of the program)"
	}
	if e.State == data.Applied && !e.Reversible && !e.Missing {
		s += ", no down"
	}
	if e.Error != "" {
		s += ": " + e.Error
	}
	return s
}

// faultsOf are what is not as it should be with the migration files.
func faultsOf(s *data.Status, folder string) []finding {
	var out []finding
	for _, e := range s.Entries {
		f := finding{Level: levelError, File: filepath.Join(folder, nameOf(e)+".up.sql")}
		switch {
		case e.State == data.Begun || e.State == data.Undoing:
			f.Message = stateOf(e)
		case e.Missing:
			f.Level, f.File = levelWarning, ""
			f.Message = "the migration " + nameOf(e) + " is applied and has no file here: it is a Go function, or of another version of the program"
		case e.Edited != "":
			f.Message = "was edited after it was applied: " + e.Edited + "; restore it, and write a new migration for what should change"
		case e.State == data.Pending && e.OutOfOrder:
			f.Message = "is not applied yet, and a later one is; if they do not depend on each other, apply it with --out-of-order, else give it a later number"
		case e.State == data.Pending:
			f.Message = "is not applied yet"
		default:
			continue
		}
		out = append(out, f)
	}
	return out
}

// updateData tells of migration files as they are run.
func (p *progress) updateData(u data.Progress) {
	p.tell(step{number: u.N, of: u.Of, what: u.Migration, done: u.Done, total: u.Total, elapsed: u.Elapsed})
}

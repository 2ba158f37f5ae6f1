package data

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weftdb/weft/migrate/journal"
	"github.com/weftdb/weft/migrate/own"
	"github.com/weftdb/weft/op"
)

// format is how the table is written; see State.
const format = 1

// State is how a migration stands.
type State string

// The states. Stopped ones are in the way of every other: somebody has to look
// at what they did, see [Runner.Resolve].
const (
	Pending State = "pending" // not applied
	Applied State = "applied"
	Begun   State = "begun"   // its Up was stopped in the middle, and not all of it could be undone
	Undoing State = "undoing" // so was its Down
)

// Entry is a migration as Status tells of it.
type Entry struct {
	Version    int64
	Name       string
	State      State
	Batch      int64     // applied together with others of the number; 0 for pending ones
	At         time.Time // when it was applied or stopped
	Owner      string    // who did it
	Took       time.Duration
	Error      string // why it was stopped, as far as it was recorded
	Reversible bool   // it has a Down
	Missing    bool   // it is recorded, but not among the migrations: of a later or another version of the program
	OutOfOrder bool   // it is pending, and a later one is applied
	Edited     string // how it differs from what was applied; "" if it does not
}

// Status is how a database stands with the migrations, in the order of their
// versions. Notes are about the numbers of the versions.
type Status struct {
	Entries []Entry
	Notes   []string
}

// Pending returns the entries that are not applied.
func (s *Status) Pending() []Entry {
	var out []Entry
	for _, e := range s.Entries {
		if e.State == Pending {
			out = append(out, e)
		}
	}
	return out
}

// record is a row of the table.
type record struct {
	version             int64
	name, checksum      string
	batch               int64
	state               State
	owner, weft, errors string
	progress            string
	at, ms              int64
}

const fields = "version, format, name, checksum, batch, state, owner, weft, recorded_at, ms, progress, error"

func (r *Runner) make(ctx context.Context, q own.Querier) error {
	return own.Make(ctx, q, r.d, Table, "version bigint NOT NULL PRIMARY KEY, format integer NOT NULL, name varchar(255) NOT NULL, checksum varchar(255) NOT NULL, "+
		"batch bigint NOT NULL, state varchar(16) NOT NULL, owner varchar(255) NOT NULL, weft varchar(255) NOT NULL, recorded_at bigint NOT NULL, ms bigint NOT NULL, progress "+own.Text(r.d)+" NOT NULL, error "+own.Text(r.d)+" NOT NULL")
}

// records reads the table, in the order of versions.
func (r *Runner) records(ctx context.Context, q own.Querier) ([]record, error) {
	if there, err := own.Exists(ctx, q, r.d, Table); err != nil || !there {
		return nil, err
	}
	const doing = "migrate: read " + Table
	rows, err := q.QueryContext(ctx, "SELECT "+fields+" FROM "+Table+" ORDER BY version")
	if err != nil {
		return nil, own.Fail(err, doing)
	}
	defer rows.Close()
	var out []record
	for rows.Next() {
		var x record
		var version int
		if err := rows.Scan(&x.version, &version, &x.name, &x.checksum, &x.batch, &x.state, &x.owner, &x.weft, &x.at, &x.ms, &x.progress, &x.errors); err != nil {
			return nil, own.Fail(err, doing)
		}
		if version > format {
			return nil, op.Errorf(op.CodeUnsupported, "migrate: version %d in %s has format %d and was written by a newer Weft (%s); this one knows formats up to %d", x.version, Table, version, x.weft, format)
		}
		out = append(out, x)
	}
	return out, own.Fail(rows.Err(), doing)
}

func (r *Runner) insert(ctx context.Context, q own.Querier, m Migration, batch int64, owner string) error {
	_, err := q.ExecContext(ctx, own.Bind(r.d, "INSERT INTO "+Table+" ("+fields+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, "+own.Now(r.d)+", 0, '', '')"),
		m.Version, format, m.Name, m.Checksum, batch, string(Begun), owner, journal.Version())
	return own.Fail(err, "migrate: record "+m.String())
}

func (r *Runner) update(ctx context.Context, q own.Querier, m Migration, state State, took time.Duration, why string) error {
	_, err := q.ExecContext(ctx, own.Bind(r.d, "UPDATE "+Table+" SET state = ?, recorded_at = "+own.Now(r.d)+", ms = ?, error = ? WHERE version = ?"),
		string(state), took.Milliseconds(), why, m.Version)
	return own.Fail(err, "migrate: record "+m.String())
}

// undoing says that a migration is being undone.
func (r *Runner) undoing(ctx context.Context, q own.Querier, m Migration) error {
	_, err := q.ExecContext(ctx, own.Bind(r.d, "UPDATE "+Table+" SET state = ?, progress = '', error = '' WHERE version = ?"), string(Undoing), m.Version)
	return own.Fail(err, "migrate: record "+m.String())
}

func (r *Runner) remove(ctx context.Context, q own.Querier, version int64) error {
	_, err := q.ExecContext(ctx, own.Bind(r.d, "DELETE FROM "+Table+" WHERE version = ?"), version)
	return own.Fail(err, fmt.Sprintf("migrate: take version %d out of %s", version, Table))
}

// Status tells which migrations are applied and which are not. It changes
// nothing and waits for nobody.
func (r *Runner) Status(ctx context.Context) (*Status, error) {
	recs, err := r.records(ctx, r.db)
	if err != nil {
		return nil, err
	}
	return r.status(recs), nil
}

func (r *Runner) status(recs []record) *Status {
	s := &Status{}
	var last int64
	known := map[int64]record{}
	for _, x := range recs {
		known[x.version] = x
		last = max(last, x.version)
		if _, ok := r.find(x.version); !ok {
			e := x.entry()
			e.Missing = true
			s.Entries = append(s.Entries, e)
		}
	}
	for i, m := range r.list {
		x, ok := known[m.Version]
		e := Entry{Version: m.Version, Name: m.Name, State: Pending, OutOfOrder: m.Version < last}
		if ok {
			e = x.entry()
			e.Edited = edited(m, x)
		}
		e.Reversible = m.Down != nil
		s.Entries = append(s.Entries, e)
		// Versions that count, not times.
		if i > 0 && m.Version < 1_000_000 && m.Version > r.list[i-1].Version+1 {
			s.Notes = append(s.Notes, fmt.Sprintf("between %s and %s numbers are left out", r.list[i-1], m))
		}
	}
	slices.SortFunc(s.Entries, func(a, b Entry) int { return int(min(1, max(-1, a.Version-b.Version))) })
	return s
}

func (x record) entry() Entry {
	return Entry{
		Version: x.version, Name: x.name, State: x.state, Batch: x.batch, At: time.UnixMilli(x.at).UTC(), Owner: x.owner,
		Took: time.Duration(x.ms) * time.Millisecond, Error: x.errors,
	}
}

// edited says how a migration differs from what was applied under its version.
func edited(m Migration, x record) string {
	var parts []string
	if m.Name != x.name {
		parts = append(parts, fmt.Sprintf("its name was %q when it was applied", x.name))
	}
	if m.Checksum != x.checksum && m.Checksum != "" && x.checksum != "" {
		parts = append(parts, fmt.Sprintf("its checksum is %s and was %s when it was applied", m.Checksum, x.checksum))
	}
	return strings.Join(parts, ", ")
}

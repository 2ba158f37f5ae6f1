package migrate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weftdb/weft/schema"
)

// Kind says what a step does.
type Kind string

// The kinds of steps.
const (
	CreateTable    Kind = "create_table"
	DropTable      Kind = "drop_table"
	RenameTable    Kind = "rename_table"
	AddColumn      Kind = "add_column"
	DropColumn     Kind = "drop_column"
	AlterColumn    Kind = "alter_column"
	RenameColumn   Kind = "rename_column"
	AddIndex       Kind = "add_index"
	DropIndex      Kind = "drop_index"
	ReplaceIndex   Kind = "replace_index" // one index by another of the same name
	AddForeignKey  Kind = "add_foreign_key"
	DropForeignKey Kind = "drop_foreign_key"
	AddCheck       Kind = "add_check"
	DropCheck      Kind = "drop_check"
	ReplaceKey     Kind = "replace_key"   // the primary key is another one
	RebuildTable   Kind = "rebuild_table" // SQLite: what ALTER TABLE cannot do
	AddSearch      Kind = "add_search"    // the full-text index, made or made again
	DropSearch     Kind = "drop_search"   // of a model without search fields
)

// Allow is what a person must say before an unsafe step is done.
type Allow string

// The permissions, spelled as the options of the command.
const (
	AllowDrop     Allow = "allow-drop"
	AllowDataLoss Allow = "allow-data-loss"
	OrphansToNull Allow = "orphans-to-null"
	AllowNothing  Allow = "" // no option helps: the rows must be changed first
)

// Step is one change of the schema. Rows is the number of rows that the table
// has already.
type Step struct {
	Kind        Kind     `json:"kind"`
	Table       string   `json:"table"`
	Name        string   `json:"name,omitempty"` // of the column, index or constraint; the new one of a rename
	From        string   `json:"from,omitempty"` // the earlier name of what is renamed
	SQL         []string `json:"sql"`            // run in this order
	Rows        int64    `json:"rows"`
	Destructive bool     `json:"destructive"` // something is lost by it, be it without rows
	Reason      string   `json:"reason"`

	// Unsafe says why the step is not done without Allow, with the numbers of
	// rows; empty for a step that is safe or that the options allow.
	Unsafe string `json:"unsafe,omitempty"`
	Allow  Allow  `json:"allow,omitempty"`

	// Batch makes one of the statements a long one that is run many times.
	Batch *Batch `json:"batch,omitempty"`
}

// Batch says that SQL[At] copies some of the rows: it takes the last number
// that was copied (0 at first) as its only argument and is run again until it
// affects no row. Last is the query for that number.
type Batch struct {
	At   int    `json:"at"`
	Last string `json:"last"`
}

// Own reports whether the step makes a table that Weft keeps for itself, which
// comes with the first change and is none of the models' doing.
func (s Step) Own() bool { return s.Kind == CreateTable && strings.HasPrefix(s.Table, ownPrefix) }

// Plan is what has to be done, in order. A plan without steps means that the
// database is as the models want it. Notes are differences that are left as
// they are and that somebody may want to know of. Refusals are differences that
// no step can bridge; a plan with any is never applied.
type Plan struct {
	Steps    []Step      `json:"steps"`
	Notes    []string    `json:"notes,omitempty"`
	Refusals Differences `json:"refusals,omitempty"`

	set      *schema.Set
	additive bool // made for AutoMigrate
}

// Empty reports whether there is nothing to do.
func (p *Plan) Empty() bool { return len(p.Steps) == 0 && len(p.Refusals) == 0 }

// Unsafe returns the steps that the options do not allow.
func (p *Plan) Unsafe() []Step {
	var out []Step
	for _, s := range p.Steps {
		if s.Unsafe != "" {
			out = append(out, s)
		}
	}
	return out
}

// KeysOff reports whether SQLite must not enforce foreign keys while the plan is
// applied, because a table goes whose children must stay: PRAGMA foreign_keys =
// OFF before BEGIN, and foreign_key_check before COMMIT.
func (p *Plan) KeysOff() bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Kind == RebuildTable || s.Kind == DropTable })
}

// UnsafeError reports steps that would lose something and were not allowed.
// Nothing was done.
type UnsafeError struct{ Steps []Step }

func (e *UnsafeError) Error() string {
	parts := make([]string, len(e.Steps))
	for i, s := range e.Steps {
		parts[i] = s.who() + ": " + s.Unsafe
		if s.Allow != AllowNothing {
			parts[i] += " (--" + string(s.Allow) + " does it all the same)"
		}
	}
	return "migrate: refused, nothing was done: " + strings.Join(parts, "; ")
}

func (s Step) who() string {
	w := string(s.Kind) + " " + s.Table
	if s.Name != "" {
		w += "." + s.Name
	}
	return w
}

// String is the plan for people: a line for each step and note, with the SQL
// indented below its step.
func (p *Plan) String() string {
	var b strings.Builder
	for _, s := range p.Steps {
		b.WriteString(s.who())
		if s.Rows > 0 {
			fmt.Fprintf(&b, " (%d rows)", s.Rows)
		}
		b.WriteString(": " + s.Reason + "\n")
		if s.Unsafe != "" {
			b.WriteString("    unsafe: " + s.Unsafe + "\n")
		}
		for _, q := range s.SQL {
			b.WriteString("    " + strings.ReplaceAll(q, "\n", "\n    ") + ";\n")
		}
	}
	for _, d := range p.Refusals {
		b.WriteString("refused: " + Differences{d}.Error() + "\n")
	}
	for _, n := range p.Notes {
		b.WriteString("note: " + n + "\n")
	}
	return b.String()
}

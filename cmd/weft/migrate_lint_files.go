package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/data"
)

// lintFiles looks into the migration files, for the kind of database that is
// meant, or for all of them.
func (p *migrateLint) lintFiles(dialects []catalog.Dialect, found *findings) error {
	for _, d := range dialects {
		list, err := p.load(d)
		if err != nil {
			if !exists(p.folder()) {
				return err
			}
			// One error tells all that is wrong with the files.
			for _, what := range apart(strings.TrimPrefix(err.Error(), p.folder()+": ")) {
				found.once(finding{Level: levelError, File: p.folder(), Message: what})
			}
			continue
		}
		for _, m := range list {
			if m.Down == nil {
				found.once(finding{Level: levelWarning, File: filepath.Join(p.folder(), m.String()), Message: "has no down, or one without a statement: it cannot be rolled back"})
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(p.folder(), "*.sql"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := lintSQL(file, dialects, found); err != nil {
			return err
		}
	}
	return nil
}

// apart are the faults of one error, each of which begins with the name of a file.
func apart(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, "; ") {
		if first, _, _ := strings.Cut(part, " "); len(out) > 0 && !strings.Contains(first, ".sql") {
			out[len(out)-1] += "; " + part
			continue
		}
		out = append(out, part)
	}
	return out
}

// once adds a finding that is not there yet.
func (f *findings) once(x finding) {
	if !slices.Contains(f.List, x) {
		f.add(x)
	}
}

// fileDialect is the kind of database that the name of a file says.
var fileDialect = regexp.MustCompile(`\.(sqlite|postgres|mysql)\.sql$`)

// lintSQL looks at the statements of one file.
func lintSQL(file string, dialects []catalog.Dialect, found *findings) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("%s cannot be read: %w", file, cause(err))
	}
	if !utf8.Valid(text) {
		found.add(finding{Level: levelError, File: file, Message: "is not UTF-8"})
		return nil
	}
	d := dialects[0]
	if m := fileDialect.FindStringSubmatch(file); m != nil {
		if d = catalog.Dialect(m[1]); !slices.Contains(dialects, d) {
			return nil // for another one
		}
	}
	body := string(text)
	list, err := data.Split(d, body)
	if err != nil {
		return nil // told already
	}
	up := strings.Contains(filepath.Base(file), ".up.")
	if up && len(list) == 0 {
		found.add(finding{Level: levelError, File: file, Message: "has no statement: write it, or delete the file"})
	}
	at := 0
	for _, q := range list {
		q = leadingComments.ReplaceAllString(q, "")
		if i := strings.Index(body[at:], q); i >= 0 {
			at += i
		}
		for _, r := range statementRules {
			if (up || r.down) && r.is.MatchString(flat(q)) && (r.not == nil || !r.not.MatchString(q)) {
				found.add(finding{Level: r.level, File: file, Line: 1 + strings.Count(body[:at], "\n"), Message: r.message})
				break
			}
		}
	}
	return nil
}

// flat is a statement on one line.
func flat(q string) string { return strings.Join(strings.Fields(q), " ") }

// leadingComments are what stands before the first word of a statement.
var leadingComments = regexp.MustCompile(`^(?s:\s|--[^\n]*\n|/\*.*?\*/)+`)

// statementRules are what statements of migration files should not be.
var statementRules = []struct {
	is, not *regexp.Regexp
	down    bool // also in a file that undoes
	level   level
	message string
}{
	{
		is: regexp.MustCompile(`(?i)^(BEGIN|START TRANSACTION|COMMIT|ROLLBACK|END)\b`), down: true, level: levelError,
		message: "a migration file is run in a transaction, and may not begin or end one (-- weft:no-transaction runs it outside of one)",
	},
	{
		is: regexp.MustCompile(`(?i)^(DROP (TABLE|DATABASE|SCHEMA)|TRUNCATE)\b`), level: levelWarning,
		message: "this deletes all that is in it, and nobody is asked; a table goes by weft migrate apply --drop-table",
	},
	{
		is: regexp.MustCompile(`(?i)^ALTER TABLE .* DROP (COLUMN|CONSTRAINT)\b`), level: levelWarning,
		message: "this drops what may hold data; a column goes by weft migrate apply --allow-drop when its field has gone",
	},
	{
		is: regexp.MustCompile(`(?i)^(DELETE FROM|UPDATE)\b`), not: regexp.MustCompile(`(?i)\bWHERE\b`), level: levelWarning,
		message: "this concerns every row of the table; say which, or WHERE true when all are meant",
	},
	{
		is: regexp.MustCompile(`(?i)^(CREATE TABLE|ALTER TABLE|RENAME TABLE)\b`), level: levelWarning,
		message: "tables are said by the models, and the next plan may undo this; change the model",
	},
}

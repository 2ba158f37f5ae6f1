package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// doctor is the configuration of weft doctor.
type doctor struct {
	log    string
	format format

	disk func(path string) (space, error) // how much room there is
}

const formatText format = "text"

// errUnwell is the error of a report that says by itself what is wrong.
var errUnwell = errors.New("the database is not well")

func newDoctor() *cobra.Command {
	d := &doctor{format: formatText, disk: diskSpace}
	cmd := &cobra.Command{
		Use:   "doctor <database>",
		Short: "Check a database",
		Long: "Checks a SQLite file and what lies around it, and says what to do: versions, who may\n" +
			"read and write the files, free space, integrity, settings, files left by programs\n" +
			"that did not end well, and indexes that are missing or there twice. The file is opened\n" +
			"for reading only and nothing is changed.\n" +
			"\n" +
			"With --log it also reads the log that weft.Log writes, as JSON or text, and says for\n" +
			"each statement that was slow whether it reads whole tables and which index would\n" +
			"help.\n" +
			"\n" +
			"The exit status is 0 when nothing fails, also with warnings, and 1 when something\n" +
			"fails.",
		Example: "  weft doctor app.db\n" +
			"  weft doctor app.db --log app.log\n" +
			"  weft doctor app.db --format json",
		Args: takes(1, "database"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			return d.run(ctx, cmd.OutOrStdout(), args[0])
		},
	}
	cmd.Flags().StringVar(&d.log, "log", "", "log of the application with its slow calls")
	cmd.Flags().Var(choice{&d.format, []format{formatText, formatJSON}}, "format", "how the report is written")
	return cmd
}

// status is how a check came out.
type status string

const (
	statusOK   status = "ok"
	statusWarn status = "warn"
	statusFail status = "fail"
)

// check is one line of the report.
type check struct {
	Name    string `json:"name"`
	Status  status `json:"status"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"` // what to do

	// Of a slow statement.
	SQL     string  `json:"sql,omitempty"`
	Count   int     `json:"count,omitempty"`
	Seconds float64 `json:"seconds,omitempty"` // in all
}

// report is what doctor found.
type report struct {
	Database string  `json:"database"`
	Status   status  `json:"status"` // the worst of all
	Checks   []check `json:"checks"`
}

func (r *report) add(c check) { r.Checks = append(r.Checks, c) }

func (r *report) ok(name, format string, args ...any) {
	r.add(check{Name: name, Status: statusOK, Message: fmt.Sprintf(format, args...)})
}

func (r *report) warn(name, hint, format string, args ...any) {
	r.add(check{Name: name, Status: statusWarn, Hint: hint, Message: fmt.Sprintf(format, args...)})
}

func (r *report) fail(name, hint, format string, args ...any) {
	r.add(check{Name: name, Status: statusFail, Hint: hint, Message: fmt.Sprintf(format, args...)})
}

// count is how many checks came out so.
func (r *report) count(s status) (n int) {
	for _, c := range r.Checks {
		if c.Status == s {
			n++
		}
	}
	return n
}

// attempts is how often a database is looked at that somebody begins to write
// meanwhile.
const attempts = 3

func (d *doctor) run(ctx context.Context, stdout io.Writer, arg string) error {
	path, err := databasePath(arg)
	if err != nil {
		return err
	}
	var log *slowLog
	if d.log != "" {
		if log, err = readSlowLog(d.log); err != nil {
			return err
		}
	}
	var r *report
	for range attempts {
		if r, err = d.look(ctx, path, log); err == nil {
			break
		}
	}
	if ctx.Err() != nil {
		return errors.New("stopped before everything was checked")
	}
	if err != nil {
		r.fail("file", "run weft doctor again when it is quiet", "%s", err)
	}
	r.Status = statusOK
	switch {
	case r.count(statusFail) > 0:
		r.Status = statusFail
	case r.count(statusWarn) > 0:
		r.Status = statusWarn
	}
	if err := d.print(stdout, r); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if r.Status == statusFail {
		return errUnwell
	}
	return nil
}

// look makes all checks. Its error says that the report may be wrong because
// another program began to write.
func (d *doctor) look(ctx context.Context, path string, log *slowLog) (*report, error) {
	r := &report{Database: path}
	d.program(r)
	file, err := findDatabase(path)
	if err != nil {
		r.fail("file", "", "%s", err)
		return r, nil
	}
	d.files(r, file)
	if d.inside(ctx, r, file) && log != nil {
		d.slow(ctx, r, file, log)
	}
	return r, file.moved()
}

func (d *doctor) print(w io.Writer, r *report) error {
	out := bufio.NewWriter(w)
	if d.format == formatJSON {
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(r); err != nil {
			return err
		}
		return out.Flush()
	}
	for _, c := range r.Checks {
		fmt.Fprintf(out, "%-4s  %s: %s\n", c.Status, c.Name, visibleText(c.Message))
		if c.SQL != "" {
			fmt.Fprintf(out, "      %s\n", visibleText(c.SQL))
		}
		for line := range strings.SplitSeq(c.Hint, "\n") {
			if line != "" {
				fmt.Fprintf(out, "      -> %s\n", visibleText(line))
			}
		}
	}
	switch fails, warns := r.count(statusFail), r.count(statusWarn); {
	case fails+warns == 0:
		fmt.Fprintf(out, "%s is well.\n", r.Database)
	default:
		fmt.Fprintf(out, "%s: %s, %s.\n", r.Database, count(fails, "failure"), count(warns, "warning"))
	}
	return out.Flush()
}

// bytesText says a number of bytes for people.
func bytesText(n int64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	x, i := float64(n), 0
	for x >= 1024 && i < len(units)-1 {
		x, i = x/1024, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d %s", n, units[0])
	}
	return fmt.Sprintf("%.1f %s", x, units[i])
}

func seconds(d time.Duration) float64 { return d.Round(time.Microsecond).Seconds() }

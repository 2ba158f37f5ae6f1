package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft/op"
)

// query is the configuration of weft query.
type query struct {
	write     bool
	format    format
	cluster   bool // ask a cluster, not a file or a server
	namespace string
	level     string // of consistency, on a cluster
}

func newQuery() *cobra.Command {
	q := &query{format: formatTable}
	r := &remote{}
	cmd := &cobra.Command{
		Use:   "query <database> <SQL|-> [argument…]",
		Short: "Run one SQL statement",
		Long: "Runs one SQL statement on a SQLite file, or on the PostgreSQL, MySQL or MariaDB\n" +
			"database that a URL names, and prints its rows. It may only read; --write allows a\n" +
			"statement that changes something. With - in place of the statement it is read from\n" +
			"stdin.\n" +
			"\n" +
			"Each ? takes an argument: what is written as a number is one, everything else is\n" +
			"text. A -- before the database lets arguments begin with -.\n" +
			"\n" +
			"Values are printed as they are stored. In JSON integers have all their digits and\n" +
			"blobs are base64; in CSV NULL is an empty field and an empty text is \"\"; in tables\n" +
			"line breaks and other control characters are shown as signs.\n" +
			"\n" +
			"With --cluster the statement goes to a cluster, through the node whose data directory\n" +
			"--data names, or which has the address of --addr; then the database is left out. Flags\n" +
			"that only a cluster has, as these two, --namespace and --consistency, say --cluster too.\n" +
			"\n" +
			"The exit status is 0 when the statement was run, also when it gave no rows, 1 when\n" +
			"it failed, and 2 when the command line cannot be understood.",
		Example: "  weft query app.db \"SELECT name FROM sqlite_schema WHERE type = 'table'\"\n" +
			"  weft query app.db \"SELECT title, sold FROM books WHERE sold > ? ORDER BY sold\" 5\n" +
			"  weft query app.db \"SELECT * FROM books\" --format json\n" +
			"  weft query app.db - --format csv < query.sql\n" +
			"  weft query --write app.db \"UPDATE books SET sold = sold + 1 WHERE title = ?\" Looms",
		Args: func(cmd *cobra.Command, args []string) error {
			for _, f := range []string{"addr", "data", "identity", "network-key", "timeout", "namespace", "consistency"} {
				q.cluster = q.cluster || cmd.Flags().Changed(f) // they mean nothing for a file or a server
			}
			if q.cluster {
				return takes(1, "SQL statement", "argument…")(cmd, args)
			}
			return takes(2, "database", "SQL statement", "argument…")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			if q.cluster {
				return q.onCluster(ctx, cmd, r, args)
			}
			d, err := findPlace(args[0])
			if err != nil {
				return err
			}
			text, err := statementText(cmd, args[1])
			if err != nil {
				return err
			}
			return q.run(ctx, cmd.OutOrStdout(), d, text, args[2:])
		},
	}
	r.flags(cmd)
	cmd.Flags().BoolVar(&q.cluster, "cluster", false, "ask a cluster")
	cmd.Flags().StringVar(&q.namespace, "namespace", "default", "whose database on a cluster")
	cmd.Flags().StringVar(&q.level, "consistency", "weak", "how fresh a read on a cluster is: none, weak, linearizable, strong")
	cmd.Flags().BoolVar(&q.write, "write", false, "allow a statement that changes the database")
	addFormat(cmd, &q.format)
	return cmd
}

// statementText is a statement, which is read from stdin in the place of -.
func statementText(cmd *cobra.Command, text string) (string, error) {
	if text != "-" {
		return text, nil
	}
	data, err := io.ReadAll(cmd.InOrStdin())
	if err != nil {
		return "", fmt.Errorf("read stdin: %w", err)
	}
	return string(data), nil
}

// onCluster runs a statement on the database of a namespace of a cluster.
func (q *query) onCluster(ctx context.Context, cmd *cobra.Command, r *remote, args []string) error {
	level, err := op.ParseConsistency(q.level)
	if err != nil {
		return usagef("--consistency: %w", err)
	}
	text, err := statementText(cmd, args[0])
	if err != nil {
		return err
	}
	return r.with(op.WithReading(ctx, op.Reading{Consistency: level}), func(ctx context.Context, s *session) error {
		return q.run(ctx, cmd.OutOrStdout(), clusterPlace{s, groupOf(q.namespace)}, text, args[1:])
	})
}

// addFormat adds the flag for the format of rows.
func addFormat(cmd *cobra.Command, f *format) {
	cmd.Flags().Var(choice{f, []format{formatTable, formatJSON, formatCSV}}, "format", "how rows are written")
}

func (q *query) run(ctx context.Context, stdout io.Writer, d place, text string, args []string) error {
	if strings.TrimSpace(text) == "" {
		return usagef("the SQL statement is empty")
	}
	o := op.Op{Kind: op.SQL, SQL: text, Returning: true}
	for _, a := range args {
		o.Args = append(o.Args, argument(a))
	}
	if q.write {
		e, err := d.writer()
		if err != nil {
			return err
		}
		return q.print(ctx, stdout, e, o, nil)
	}
	e, err := d.reader()
	if err != nil {
		return err
	}
	return q.print(ctx, stdout, e, o, d.moved)
}

// print runs the statement and writes what it gives; after is asked when all
// was read.
func (q *query) print(ctx context.Context, stdout io.Writer, e op.Engine, o op.Op, after func() error) (err error) {
	defer func() { err = errors.Join(err, e.Close()) }()
	var run op.Engine = e
	if !q.write {
		// Reading only, as a transaction it refuses also what would write
		// elsewhere: a copy of the database, temporary tables.
		tx, err := e.Begin(ctx, op.TxOptions{ReadOnly: true})
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // there is nothing to keep
		run = tx
	}
	res, err := run.Do(ctx, o)
	if err != nil {
		return explainSQL(ctx, e, err)
	}
	if res.Rows == nil {
		res.Columns, res.Rows = []string{"changed"}, op.NewRows([][]any{{res.N}})
	}
	if err := writeRows(stdout, q.format, res); err != nil {
		return explainSQL(ctx, e, err)
	}
	if after != nil {
		return after()
	}
	return nil
}

// writeRows writes all rows of a result. After an error the output is not
// brought to a proper end, so that nobody takes it for the whole.
func writeRows(stdout io.Writer, f format, res op.Result) (err error) {
	defer func() { err = errors.Join(err, res.Rows.Close()) }()
	w, err := newRowWriter(stdout, f, res.Columns)
	if err != nil {
		return err
	}
	for res.Rows.Next() {
		if err := w.write(res.Rows.Row()); err != nil {
			return fmt.Errorf("write the rows: %w", err)
		}
	}
	if err := res.Rows.Err(); err != nil {
		return err
	}
	if err := w.close(); err != nil {
		return fmt.Errorf("write the rows: %w", err)
	}
	return nil
}

// explainSQL says what would be right where the engine, which speaks to
// programs, cannot.
func explainSQL(ctx context.Context, e op.Engine, err error) error {
	switch msg := err.Error(); {
	case strings.Contains(msg, "the transaction is read only"), strings.Contains(msg, "in a read-only transaction"):
		return errors.New("the statement would change something, and the database is open for reading only; --write allows it")
	case strings.Contains(msg, "no such table: "):
		_, name, _ := strings.Cut(msg, "no such table: ")
		name, _, _ = strings.Cut(name, ": ")
		tables := tableNames(ctx, e)
		if len(tables) == 0 {
			return fmt.Errorf("there is no table %s; the database has no tables", name)
		}
		return fmt.Errorf("there is no table %s; the tables are %s", name, strings.Join(tables, ", "))
	case strings.Contains(msg, "no such column: "):
		_, name, _ := strings.Cut(msg, "no such column: ")
		name, _, _ = strings.Cut(name, ": ")
		return fmt.Errorf("there is no column %s", name)
	default:
		msg = strings.TrimPrefix(strings.TrimPrefix(msg, "sql: "), "sqlite: ")
		return fmt.Errorf("%s", resultCode.ReplaceAllString(msg, ""))
	}
}

// resultCode is SQLite's number of an error, which its text says too.
var resultCode = regexp.MustCompile(` \([0-9]+\)$`)

// tableNames are the tables and views of a database, in order; none when they
// cannot be read.
func tableNames(ctx context.Context, e op.Engine) (names []string) {
	res, err := e.Do(ctx, op.Op{Kind: op.SQL, SQL: "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE 'weft\\_group\\_%' ESCAPE '\\'"})
	if err != nil {
		return nil
	}
	defer res.Rows.Close()
	for res.Rows.Next() {
		names = append(names, op.Text(res.Rows.Row()[0]))
	}
	slices.Sort(names)
	return names
}

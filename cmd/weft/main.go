// Command weft is the tool that comes with the data layer: it shows a database
// in the browser (weft dev) and says what it is (weft version).
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// The exit statuses.
const (
	exitOK    = 0
	exitError = 1 // the command failed
	exitUsage = 2 // it was called in a way that cannot be understood
)

func main() {
	stderr := os.Stderr
	if len(os.Args) > 1 && (os.Args[1] == "node" || os.Args[1] == "dev") {
		if r, w, err := os.Pipe(); err == nil {
			os.Stderr = w
			go hush(stderr, r)
		}
	}
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, stderr))
}

// hush passes on what libraries write to os.Stderr by themselves, without what
// is said of each copy that is opened and closed in good order: a node has a log
// of its own.
func hush(w io.Writer, r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		t := lines.Text()
		switch {
		case strings.HasPrefix(t, "[snapshot-store] ") && !strings.Contains(t, "fail") && !strings.Contains(t, "error"):
		case strings.Contains(t, "raft-net: ") && strings.Contains(t, "transport shutdown"):
		default:
			fmt.Fprintln(w, t)
		}
	}
	_, _ = io.Copy(w, r) // after a line that was too long
}

// run runs the command line and returns the exit status. A failure is one line
// on stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	var usage *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "weft: %s; try '%s --help'\n", oneLine(err), cmd.CommandPath())
		if cmd.Annotations[usageStatus] != "" {
			return exitError // 2 means something else there
		}
		return exitUsage
	case errors.Is(err, errSteps):
		return exitSteps
	case errors.Is(err, errUnwell): // told already
		return exitError
	}
	fmt.Fprintf(stderr, "weft: %s\n", oneLine(err))
	return exitError
}

// usageError is a command line that cannot be understood.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// oneLine writes an error, which may be several joined ones, on one line.
func oneLine(err error) string {
	var parts []string
	for _, l := range strings.Split(err.Error(), "\n") {
		if l = strings.TrimSpace(l); l != "" {
			parts = append(parts, l)
		}
	}
	return strings.Join(parts, "; ")
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "weft",
		Short: "One data layer for Go programs",
		Long: "Weft is one data layer for Go programs: models are declared once, and the same\n" +
			"code runs on an embedded file, on a database server or on a cluster.",
		Example: "  weft init notes            # a project that runs\n" +
			"  weft dev                   # a sample database in the browser, kept in ./data\n" +
			"  weft find Book app.db      # rows of a model\n" +
			"  weft doctor app.db         # is the database well\n" +
			"  weft migrate plan --url sqlite:app.db   # what the models would change\n" +
			"  weft help query            # what a command does",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noSuchCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return usagef("%s", badNumber.ReplaceAllString(err.Error(), "$1: it is no whole number"))
	})
	root.SetHelpCommand(newHelp())
	root.InitDefaultHelpCmd()
	root.AddCommand(newBackup(), newCluster(), newCompletion(), newConfig(), newConnect(), newDev(), newDoctor(), newFind(), newGenerate(),
		newHealth(), newInit(), newMigrate(), newNamespace(), newNode(), newPeers(), newQuery(), newRestore(), newSchema(), newStatus(), newVersion())
	return root
}

func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:     "help [command]",
		Short:   "Say what a command does",
		Example: "  weft help query\n  weft help schema pull",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usagef("there is no command %q", strings.Join(args, " "))
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

// badNumber is what the flag library says of a number that is none.
var badNumber = regexp.MustCompile(`^(invalid argument .* flag): strconv\..*$`)

// noSuchCommand refuses words that name no command.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var near string
	if s := cmd.SuggestionsFor(args[0]); len(s) > 0 {
		near = fmt.Sprintf(" (did you mean %s?)", strings.Join(s, " or "))
	}
	return usagef("unknown command %q%s", args[0], near)
}

// takes checks the number of arguments of a command: those named, of which the
// ones from least on may be left out; when the last ends in … it may come often.
func takes(least int, names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		many := len(names) > 0 && strings.HasSuffix(names[len(names)-1], "…")
		switch n := len(args); {
		case n < least:
			return usagef("the %s is missing", names[n])
		case n > len(names) && !many:
			return usagef("unexpected argument %q", args[len(names)])
		}
		return nil
	}
}

// interruptible is the context of a command that Ctrl-C ends in good order; a
// second one ends the program at once.
func interruptible(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// noArgs refuses arguments of a command that takes none.
func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("unexpected argument %q", args[0])
	}
	return nil
}

package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/weftdb/weft/migrate"
)

// progress tells of the steps of a migration: by a bar on a terminal, else by
// a line for each step and, of a long one, from time to time.
type progress struct {
	out io.Writer
	bar *progressbar.ProgressBar // of the running step; nil without a terminal

	terminal bool
	endless  bool          // of the bar: the number of rows is not known
	step     int           // the one that runs, from 1
	told     time.Duration // of the running step
}

// step is how far one step is.
type step struct {
	number, of  int
	what        string
	done, total int64
	elapsed     time.Duration
}

// tellEvery is how often a step that takes long is told of without a terminal.
const tellEvery = 10 * time.Second

func newProgress(out io.Writer) *progress {
	p := &progress{out: out}
	if f, ok := out.(*os.File); ok {
		info, err := f.Stat()
		p.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

// update is called by a migration of the schema.
func (p *progress) update(u migrate.Progress) {
	p.tell(step{number: u.Step, of: u.Of, what: stepName(u.Kind, u.Table, u.Name), done: u.Done, total: u.Total, elapsed: u.Elapsed})
}

func (p *progress) tell(s step) {
	if s.number != p.step {
		p.end()
		p.step, p.told = s.number, 0
		if p.terminal {
			p.start(s)
		} else {
			fmt.Fprintln(p.out, s)
		}
	}
	switch {
	case p.bar != nil:
		if s.total > 0 && p.endless {
			p.start(s) // now it is known how long it is
		}
		if s.total > 0 {
			p.bar.ChangeMax64(max(s.total, s.done))
		}
		_ = p.bar.Set64(s.done)
	case s.elapsed-p.told >= tellEvery:
		p.told = s.elapsed
		fmt.Fprintf(p.out, "  … %s%s\n", s.elapsed.Round(time.Second), s.rows())
	}
}

func (s step) String() string { return fmt.Sprintf("%d/%d %s", s.number, s.of, visibleText(s.what)) }

// start shows a new bar on the line.
func (p *progress) start(s step) {
	most := s.total
	if p.endless = most <= 0; p.endless {
		most = -1 // a sign that turns
	}
	p.bar = progressbar.NewOptions64(most,
		progressbar.OptionSetWriter(p.out), progressbar.OptionSetDescription(s.String()), progressbar.OptionShowCount(), progressbar.OptionSetWidth(20),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetPredictTime(!p.endless),
		progressbar.OptionSetSpinnerChangeInterval(0)) // no goroutine of its own
}

// end closes the line of a bar.
func (p *progress) end() {
	if p.bar == nil {
		return
	}
	_ = p.bar.Exit()
	p.bar = nil
	fmt.Fprintln(p.out)
}

// rows says how many rows are done, where that is known.
func (s step) rows() string {
	switch {
	case s.total > 0:
		return fmt.Sprintf(", %s of %s rows", grouped(s.done), grouped(s.total))
	case s.done > 0:
		return fmt.Sprintf(", %s rows", grouped(s.done))
	}
	return ""
}

// stepName is what a step does to what.
func stepName(k migrate.Kind, table, name string) string {
	s := string(k) + " " + table
	if name != "" {
		s += "." + name
	}
	return s
}

// grouped is a number with commas between its thousands, for people.
func grouped(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

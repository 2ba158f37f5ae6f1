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
	endless  bool // of the bar: the number of rows is not known
	step     int
	told     time.Duration // of the running step
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

// update is called by the migration.
func (p *progress) update(u migrate.Progress) {
	if u.Step != p.step {
		p.end()
		p.step, p.told = u.Step, 0
		p.begin(u)
	}
	switch {
	case p.bar != nil:
		if u.Total > 0 && p.endless {
			p.start(u) // now it is known how long it is
		}
		if u.Total > 0 {
			p.bar.ChangeMax64(max(u.Total, u.Done))
		}
		_ = p.bar.Set64(u.Done)
	case u.Elapsed-p.told >= tellEvery:
		p.told = u.Elapsed
		fmt.Fprintf(p.out, "  … %s%s\n", u.Elapsed.Round(time.Second), rowsDone(u))
	}
}

func (p *progress) begin(u migrate.Progress) {
	if !p.terminal {
		fmt.Fprintln(p.out, title(u))
		return
	}
	p.start(u)
}

func title(u migrate.Progress) string {
	return fmt.Sprintf("%d/%d %s", u.Step, u.Of, visibleText(stepName(u.Kind, u.Table, u.Name)))
}

// start shows a new bar on the line.
func (p *progress) start(u migrate.Progress) {
	most := u.Total
	if p.endless = most <= 0; p.endless {
		most = -1 // a sign that turns
	}
	p.bar = progressbar.NewOptions64(most,
		progressbar.OptionSetWriter(p.out), progressbar.OptionSetDescription(title(u)), progressbar.OptionShowCount(), progressbar.OptionSetWidth(20),
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

func rowsDone(u migrate.Progress) string {
	switch {
	case u.Total > 0:
		return fmt.Sprintf(", %s of %s rows", grouped(u.Done), grouped(u.Total))
	case u.Done > 0:
		return fmt.Sprintf(", %s rows", grouped(u.Done))
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

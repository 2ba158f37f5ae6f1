// Command bench measures Weft against what its users would use instead: code
// written by hand on database/sql, GORM, bun and ent, all on the same SQLite
// driver with the same pragmas and a context with a deadline. It prints ratios
// to the code written by hand and writes them to a Markdown file. On PostgreSQL
// and MySQL it measures Weft against code written by hand on their drivers, and
// on all three how long changes of a large table take. A cluster is measured
// against one of rqlite's servers.
//
// In every round each peer does each piece of work for a while, one after the
// other in changing order, so that noise of the machine hits all alike. What is
// printed is the median of the rounds' ratios.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

type work struct {
	name string
	run  func(ctx context.Context, p peer, n int) error
}

// Reads come first: peers insert different numbers of rows.
var works = []work{
	{"get by key", func(ctx context.Context, p peer, n int) error {
		_, err := p.get(ctx, postID(n*7919%(writers*postsEach)))
		return err
	}},
	{"list of 20, filter and order", func(ctx context.Context, p peer, _ int) error { _, err := p.list(ctx); return err }},
	{"20 parents with 10 children each", func(ctx context.Context, p peer, _ int) error { _, _, err := p.eager(ctx); return err }},
	{"count with filter", func(ctx context.Context, p peer, _ int) error { _, err := p.count(ctx); return err }},
	{"update one column", func(ctx context.Context, p peer, n int) error {
		return p.update(ctx, postID(n*7919%(writers*postsEach)), int64(n%50))
	}},
	{"insert", func(ctx context.Context, p peer, n int) error { return p.insert(ctx, n) }},
	{"insert 1,000 at once", func(ctx context.Context, p peer, n int) error { return p.insertMany(ctx, n) }},
}

// sample is the cost of one operation.
type sample struct{ ns, bytes, allocs float64 }

func main() {
	rounds := flag.Int("rounds", 15, "rounds; the median counts")
	each := flag.Duration("each", 60*time.Millisecond, "time for one piece of work of one peer in one round")
	only := flag.String("only", "", "only the work whose name contains this")
	part := flag.String("part", "", "only this part: sqlite, postgres, mysql, migrations or cluster")
	rows := flag.Int("rows", 1_000_000, "rows of the table that is changed")
	restart := flag.Int("restart", 0, "also kill clusters that hold so many megabytes, and time their start; 0 is not")
	out := flag.String("o", "", "Markdown file to write")
	readme := flag.String("readme", "", "Markdown file in which the ratios stand between bench:begin and bench:end")
	flag.Parse()
	err := run(bench{rounds: *rounds, each: *each, only: *only, part: *part, rows: *rows, restart: *restart}, *out, *readme)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is what is measured, and how.
type bench struct {
	rounds int
	each   time.Duration
	only   string
	part   string
	rows   int

	restart int // megabytes
}

func (b *bench) wants(part string) bool { return b.part == "" || b.part == part }

func run(b bench, out, readme string) (err error) {
	if (b.part != "" || b.only != "") && out+readme != "" {
		return errors.New("the files hold all parts; leave out -part and -only, or -o and -readme")
	}
	dir, err := os.MkdirTemp("", "weft-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var page, short strings.Builder
	both := io.MultiWriter(os.Stdout, &page)
	if b.wants("sqlite") {
		if err := b.sqlite(dir, both, &short); err != nil {
			return err
		}
	}
	for _, s := range []struct {
		part, name, text string
		peers            []peer
	}{
		{"postgres", "PostgreSQL", pgText, []peer{&handPgx{}, onPostgres()}},
		{"mysql", "MySQL", myText, []peer{&handMySQL{}, onMySQL()}},
	} {
		if !b.wants(s.part) {
			continue
		}
		fmt.Fprintf(both, "## On %s\n\n%s\n", s.name, s.text)
		if err := b.server(dir, both, s.peers); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	if b.wants("migrations") {
		fmt.Fprintf(both, "## Changes of a table with %s rows\n\n%s\n", thousands(b.rows), changeText)
		if err := migrations(dir, b.rows, both); err != nil {
			return err
		}
	}
	if b.wants("cluster") {
		fmt.Fprintf(both, "## A cluster of three nodes\n\n%s\n", clusterText)
		if err := b.cluster(dir, both); err != nil {
			return fmt.Errorf("cluster: %w", err)
		}
	}
	if readme != "" {
		if err := between(readme, short.String()); err != nil {
			return err
		}
	}
	if out == "" {
		return nil
	}
	return os.WriteFile(out, []byte(head(b.rounds)+page.String()), 0o644)
}

// thousands is a number with commas.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// set sets peers up and checks that they do the same; closed ends them.
func set(dir string, peers []peer) (closed func() error, err error) {
	var open []peer
	closed = func() error {
		var errs []error
		for _, p := range open {
			errs = append(errs, p.close())
		}
		return errors.Join(errs...)
	}
	for _, p := range peers {
		if err := p.setup(dir); err != nil {
			return closed, fmt.Errorf("%s: %w", p.name(), err)
		}
		open = append(open, p)
		if err := check(p); err != nil {
			return closed, fmt.Errorf("%s: %w", p.name(), err)
		}
	}
	return closed, nil
}

// sqlite measures all peers on SQLite: a table for each work.
func (b *bench) sqlite(dir string, out, short io.Writer) (err error) {
	peers := []peer{&hand{}, onSQLite(), &gormPeer{}, &bunPeer{}, &entPeer{}}
	closed, err := set(dir, peers)
	defer func() { err = errors.Join(err, closed()) }()
	if err != nil {
		return err
	}
	titles(short, peers)
	for _, w := range works {
		if !strings.Contains(w.name, b.only) {
			continue
		}
		samples, err := measure(w, peers, b.rounds, b.each)
		if err != nil {
			return err
		}
		row(out, w.name, peers, samples)
		brief(short, w.name, samples)
	}
	return nil
}

// server measures Weft against code written by hand: one table for all work.
func (b *bench) server(dir string, out io.Writer, peers []peer) (err error) {
	closed, err := set(dir, peers)
	defer func() { err = errors.Join(err, closed()) }()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "| | %s | Weft | ratio | allocations |\n|---|---:|---:|---:|---:|\n", peers[0].name())
	for _, w := range works {
		if !strings.Contains(w.name, b.only) {
			continue
		}
		samples, err := measure(w, peers, b.rounds, b.each)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "| %s |", w.name)
		for _, s := range samples {
			fmt.Fprintf(out, " %s |", nanoseconds(s))
		}
		allocs := func(s sample) float64 { return s.allocs }
		fmt.Fprintf(out, " %.2f | %.0f, %.0f |\n", median(ratios(samples[1], samples[0])), column(samples[0], allocs), column(samples[1], allocs))
	}
	fmt.Fprintln(out)
	return nil
}

func nanoseconds(list []sample) time.Duration {
	return time.Duration(column(list, func(s sample) float64 { return s.ns })).Round(100 * time.Nanosecond)
}

// titles begins the table of ratios.
func titles(w io.Writer, peers []peer) {
	fmt.Fprint(w, "| |")
	for _, p := range peers[1:] {
		fmt.Fprintf(w, " %s |", p.name())
	}
	fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("---:|", len(peers)-1))
}

// brief is one row of the table of ratios.
func brief(w io.Writer, name string, samples [][]sample) {
	fmt.Fprintf(w, "| %s |", name)
	for i := range samples[1:] {
		fmt.Fprintf(w, " %.2f |", median(ratios(samples[i+1], samples[0])))
	}
	fmt.Fprintln(w)
}

// between replaces what stands between the marks in a file.
func between(path, text string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	const begin, end = "<!-- bench:begin -->\n", "<!-- bench:end -->"
	i := strings.Index(string(data), begin)
	j := strings.Index(string(data), end)
	if i < 0 || j < i {
		return fmt.Errorf("%s has no %s … %s", path, strings.TrimSpace(begin), end)
	}
	return os.WriteFile(path, []byte(string(data[:i+len(begin)])+text+string(data[j:])), 0o644)
}

// ratios of the times of one peer to those of another, round by round.
func ratios(of, to []sample) []float64 {
	out := make([]float64, len(of))
	for r := range out {
		out[r] = of[r].ns / to[r].ns
	}
	return out
}

// check makes sure that the peers do the same.
func check(p peer) error {
	ctx := context.Background()
	title, err := p.get(ctx, postID(123))
	if err != nil || title != samplePost(123).Title {
		return fmt.Errorf("get gave %q, %w", title, err)
	}
	n, err := p.list(ctx)
	if err != nil || n != listLimit {
		return fmt.Errorf("list gave %d rows, %w", n, err)
	}
	parents, children, err := p.eager(ctx)
	if err != nil || parents != listLimit || children != listLimit*postsEach {
		return fmt.Errorf("eager gave %d and %d rows, %w", parents, children, err)
	}
	c, err := p.count(ctx)
	if err != nil || c != 400 {
		return fmt.Errorf("count gave %d, %w", c, err)
	}
	return nil
}

func measure(w work, peers []peer, rounds int, each time.Duration) ([][]sample, error) {
	samples := make([][]sample, len(peers))
	counter := make([]int, len(peers))
	for r := range rounds + 1 {
		for k := range peers {
			i := (k + r) % len(peers)
			s, err := once(w, peers[i], &counter[i], each)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", peers[i].name(), w.name, err)
			}
			if r > 0 { // the first round warms up
				samples[i] = append(samples[i], s)
			}
		}
	}
	return samples, nil
}

// once does a piece of work until the time is over.
func once(w work, p peer, counter *int, each time.Duration) (sample, error) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	n := 0
	for time.Since(start) < each {
		for range 8 {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			err := w.run(ctx, p, *counter)
			cancel()
			if err != nil {
				return sample{}, err
			}
			*counter++
			n++
			if n > 4 && time.Since(start) > each {
				break
			}
		}
	}
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	f := float64(n)
	return sample{
		float64(took.Nanoseconds()) / f,
		float64(after.TotalAlloc-before.TotalAlloc) / f,
		float64(after.Mallocs-before.Mallocs) / f,
	}, nil
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

func column(list []sample, f func(sample) float64) float64 {
	out := make([]float64, len(list))
	for i, s := range list {
		out[i] = f(s)
	}
	return median(out)
}

// What stands above the tables of the servers and of the changes.
const (
	pgText = `Weft against code written by hand on pgx's own interface, with its pool and its cache of prepared statements. Both work on tables
of their own that Weft made, with the same rows; 1,000 rows at once are one statement by hand. The server is on the same
machine and does not wait for the disk, so that what is measured is the work. Allocations are those by hand, and Weft's.
`
	myText = `Weft against code written by hand on database/sql and go-sql-driver/mysql, with prepared statements and the same number of
connections. The rest is as above. The server is MariaDB, or MySQL where that is installed.
`
	changeText = `Each change is planned and applied as ` + "`weft migrate apply`" + ` does it: the number is the time of both together. After each the values are
checked, which is not counted. The servers do not wait for the disk.
`
	clusterText = `Weft against rqlited 8.36, which it is built from: three processes each, on one machine, with the load from a fourth. Numbers are
operations in a second of all clients together (rows, where many are inserted at once), each acknowledged after a majority has
it on its disk; a conflict is an insert of a key that is there. All clients ask the leader. Ratios are to rqlited in the same
round: above 1.0 is faster.
`
)

func head(rounds int) string {
	return fmt.Sprintf(`# Benchmarks

Weft on SQLite against code written by hand on database/sql with prepared statements, GORM, bun and ent. All use the
same driver (modernc.org/sqlite), the same pragmas (WAL, synchronous NORMAL) and a context with a deadline, on a file of
their own with %d rows of eight columns. GORM runs with prepared statements and without its default transaction.

Repeat it with:

    make bench

Times are ratios to the code written by hand, in the same round: the median of %d rounds. Below 1.00 is faster.
Absolute figures are from the machine that wrote this page (%d cores, %s/%s, %s).

`, writers*postsEach, rounds, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

func row(w io.Writer, name string, peers []peer, samples [][]sample) {
	fmt.Fprintf(w, "## %s\n\n| | time | ratio | bytes | allocations |\n|---|---:|---:|---:|---:|\n", name)
	for i, p := range peers {
		fmt.Fprintf(w, "| %s | %s | %.2f | %.0f | %.0f |\n", p.name(),
			nanoseconds(samples[i]), median(ratios(samples[i], samples[0])),
			column(samples[i], func(s sample) float64 { return s.bytes }), column(samples[i], func(s sample) float64 { return s.allocs }))
	}
	fmt.Fprintln(w)
}

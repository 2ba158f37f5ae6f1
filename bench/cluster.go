//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weftdb/weft/internal/siege/cluster"
)

// replicated is a way into a database on three nodes. All methods are safe for
// concurrent use.
type replicated interface {
	name() string
	insert(ctx context.Context, id string) (conflict bool, err error) // one post; conflict: the id is there
	update(ctx context.Context, id string, likes int64) error
	insertMany(ctx context.Context, ids []string) error // all or nothing
	get(ctx context.Context, level, id string) (title string, err error)
	close() error
}

// many is how many rows one batch has.
const many = 500

// shared is one row of the table: clients that work at the same time.
type shared struct {
	name    string
	clients int
	run     func(ctx context.Context, p replicated, n int64) error
	rows    int // that one operation concerns, 0 is 1
}

// sharedWorks are all rows.
func sharedWorks() []shared {
	var list []shared
	for _, conflicts := range []int64{0, 1, 10} {
		for _, clients := range []int{1, 8, 32, 128} {
			list = append(list, shared{
				name: fmt.Sprintf("insert, %d %% conflicts", conflicts), clients: clients,
				run: func(ctx context.Context, p replicated, n int64) error { return insertOne(ctx, p, n, conflicts) },
			})
		}
	}
	list = append(
		list,
		shared{name: "update", clients: 128, run: func(ctx context.Context, p replicated, n int64) error {
			return p.update(ctx, postID(int(n*7919%1000)), n%50)
		}},
		shared{name: fmt.Sprintf("insert %d at once", many), clients: 4, rows: many, run: func(ctx context.Context, p replicated, n int64) error {
			ids := make([]string, many)
			for i := range ids {
				ids[i] = newID(1, int(n)*many+i)
			}
			return p.insertMany(ctx, ids)
		}},
	)
	for _, level := range []string{"weak", "linearizable"} {
		for _, clients := range []int{1, 32} {
			list = append(list, shared{name: "get by key, " + level, clients: clients, run: func(ctx context.Context, p replicated, n int64) error {
				i := int(n * 7919 % 1000)
				title, err := p.get(ctx, level, postID(i))
				if err == nil && title != samplePost(i).Title {
					err = fmt.Errorf("post %d is %q", i, title)
				}
				return err
			}})
		}
	}
	return list
}

// insertOne inserts a new row or, in so many of a hundred cases, one whose key
// is there already, which must fail.
func insertOne(ctx context.Context, p replicated, n, conflicts int64) error {
	id, want := newID(0, int(n)), false
	if n%100 < conflicts {
		id, want = postID(int(n%1000)), true
	}
	conflict, err := p.insert(ctx, id)
	if err == nil && conflict != want {
		err = fmt.Errorf("insert of %s: conflict is %v", id, conflict)
	}
	return err
}

// rate is how many operations a second clients get done together.
func rate(w shared, p replicated, counter *atomic.Int64, each time.Duration) (float64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var all sync.WaitGroup
	var done atomic.Int64
	errs := make([]error, w.clients)
	begun := time.Now()
	for i := range w.clients {
		all.Add(1)
		go func() {
			defer all.Done()
			for {
				if errs[i] = w.run(ctx, p, counter.Add(1)); errs[i] != nil {
					return
				}
				done.Add(1)
				if time.Since(begun) > each {
					return
				}
			}
		}()
	}
	all.Wait()
	took := time.Since(begun)
	return float64(done.Load()*int64(max(w.rows, 1))) / took.Seconds(), errors.Join(errs...)
}

// cluster measures Weft against rqlited, three processes each, on this machine.
func (b *bench) cluster(dir string, out io.Writer) (err error) {
	peers, closed, err := clusters(dir)
	defer func() { err = errors.Join(err, closed()) }()
	if err != nil {
		return err
	}
	fmt.Fprint(out, "| | clients |")
	for i, p := range peers {
		fmt.Fprintf(out, " %s |", p.name())
		if i > 0 {
			fmt.Fprint(out, " ratio |")
		}
	}
	fmt.Fprint(out, "\n|---|---:|---:|")
	for range peers[1:] {
		fmt.Fprint(out, "---:|---:|")
	}
	fmt.Fprintln(out)
	counters := make([]atomic.Int64, len(peers))
	for _, w := range sharedWorks() {
		rates := make([][]float64, len(peers))
		for r := range max(1, b.rounds/5) {
			for k := range peers {
				i := (k + r) % len(peers)
				got, err := rate(w, peers[i], &counters[i], 8*b.each)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", peers[i].name(), w.name, err)
				}
				rates[i] = append(rates[i], got)
			}
		}
		fmt.Fprintf(out, "| %s | %d |", w.name, w.clients)
		for i := range peers {
			var ratios []float64
			for r := range rates[i] {
				ratios = append(ratios, rates[i][r]/rates[0][r])
			}
			fmt.Fprintf(out, " %s |", thousands(int(median(rates[i]))))
			if i > 0 {
				fmt.Fprintf(out, " %.1f |", median(ratios))
			}
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintln(out)
	if b.restart > 0 {
		return restarts(peers, b.restart, out)
	}
	return nil
}

// restarts fills each cluster with so many megabytes, kills all its nodes and
// starts them again.
func restarts(peers []replicated, megabytes int, out io.Writer) error {
	fmt.Fprintf(out, "Killed with %s MB more and started again, until all nodes answer a linearizable read:\n\n", thousands(megabytes))
	fmt.Fprint(out, "| | filled in | back after |\n|---|---:|---:|\n")
	for _, p := range peers {
		o, ok := p.(*overHTTP)
		if !ok {
			continue
		}
		begun := time.Now()
		if err := o.fill(megabytes); err != nil {
			return fmt.Errorf("%s: %w", o.name(), err)
		}
		filled := time.Since(begun)
		for _, n := range o.c.Nodes {
			if err := n.Kill(); err != nil {
				return err
			}
		}
		begun = time.Now()
		for _, n := range o.c.Nodes {
			if err := n.Start(); err != nil {
				return err
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
		err := o.c.Ready(ctx)
		cancel()
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "| %s | %v | %v |\n", o.c.Program.Name(), filled.Round(100*time.Millisecond), time.Since(begun).Round(10*time.Millisecond))
	}
	fmt.Fprintln(out)
	return nil
}

// fill inserts rows of 256 KiB.
func (p *overHTTP) fill(megabytes int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	if _, err := p.leader.Execute(ctx, false, cluster.Stmt{"CREATE TABLE ballast (id INTEGER PRIMARY KEY, body TEXT NOT NULL)"}); err != nil {
		return err
	}
	body := strings.Repeat("0123456789abcdef", 256<<10/16)
	var left atomic.Int64
	left.Store(int64(megabytes) * 4)
	errs := make([]error, 4)
	var all sync.WaitGroup
	for i := range errs {
		all.Add(1)
		go func() {
			defer all.Done()
			for left.Add(-1) >= 0 && errs[i] == nil {
				_, errs[i] = p.leader.Execute(ctx, false, cluster.Stmt{"INSERT INTO ballast (body) VALUES (?)", body})
			}
		}()
	}
	all.Wait()
	return errors.Join(errs...)
}

// clusters starts the peers, the one that the others are compared with first.
// closed ends what was started, also after an error.
func clusters(dir string) (peers []replicated, closed func() error, err error) {
	closed = func() error {
		var errs []error
		for _, p := range peers {
			errs = append(errs, p.close())
		}
		return errors.Join(errs...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	binary, err := cluster.BuildRqlited(ctx, dir)
	if err != nil {
		return nil, closed, err
	}
	p, err := onHTTP(ctx, filepath.Join(dir, "rqlited-nodes"), cluster.Rqlited{Binary: binary})
	if err != nil {
		return nil, closed, err
	}
	peers = append(peers, p)
	if binary, err = cluster.BuildWeft(ctx, dir, false); err != nil {
		return peers, closed, err
	}
	program := &cluster.Weft{Binary: binary}
	served, err := onHTTP(ctx, filepath.Join(dir, "weft-nodes"), program)
	if err != nil {
		return peers, closed, err
	}
	streams, err := onStreams(served.c, program)
	if err != nil {
		return peers, closed, errors.Join(err, served.close())
	}
	peers = append(peers, streams, served)
	for _, p := range peers {
		for i := range 1000 {
			if _, err := p.insert(ctx, postID(i)); err != nil {
				return peers, closed, fmt.Errorf("%s: %w", p.name(), err)
			}
		}
	}
	return peers, closed, nil
}

// overHTTP is the leader's HTTP interface, as rqlite has it.
type overHTTP struct {
	title  string
	c      *cluster.Cluster
	leader *cluster.Node
	table  string
}

// onHTTP starts three nodes and makes the table.
func onHTTP(ctx context.Context, dir string, program cluster.Program) (*overHTTP, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	c, err := cluster.Start(ctx, cluster.Options{Program: program, Nodes: 3, Dir: dir})
	if err != nil {
		return nil, err
	}
	p := &overHTTP{title: program.Name() + ", HTTP", c: c, table: "posts_by_http"}
	if p.leader, err = c.Leader(ctx); err == nil {
		_, err = p.leader.Execute(
			ctx, false,
			cluster.Stmt{"CREATE TABLE " + p.table + ` (id TEXT NOT NULL PRIMARY KEY, created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
				version INTEGER NOT NULL, title TEXT NOT NULL, writer_id TEXT NOT NULL, likes INTEGER NOT NULL, public INTEGER NOT NULL)`},
			cluster.Stmt{"CREATE INDEX posts_by_http_writer ON " + p.table + " (writer_id)"},
			cluster.Stmt{"CREATE INDEX posts_by_http_likes ON " + p.table + " (likes)"},
		)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return p, nil
}

func (p *overHTTP) name() string { return p.title }

func (p *overHTTP) row(id string) cluster.Stmt {
	v := sharedPost(id)
	return cluster.Stmt{
		"INSERT INTO " + p.table + " (id, created_at, updated_at, version, title, writer_id, likes, public) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		v.ID, v.CreatedAt, v.UpdatedAt, v.Version, v.Title, v.WriterID, v.Likes, v.Public,
	}
}

// sharedPost is the row of an id: a sample, or a new one.
func sharedPost(id string) post {
	var n int
	if _, err := fmt.Sscanf(id, "01930000-0000-7000-8000-%d", &n); err == nil {
		return samplePost(n)
	}
	return newPost(id)
}

func (p *overHTTP) insert(ctx context.Context, id string) (conflict bool, err error) {
	_, err = p.leader.Execute(ctx, false, p.row(id))
	var failed *cluster.StatementError
	if errors.As(err, &failed) {
		return true, nil
	}
	return false, err
}

func (p *overHTTP) update(ctx context.Context, id string, likes int64) error {
	results, err := p.leader.Execute(ctx, false, cluster.Stmt{"UPDATE " + p.table + " SET likes = ?, version = version + 1 WHERE id = ?", likes, id})
	if err == nil && results[0].RowsAffected != 1 {
		err = fmt.Errorf("%d rows were changed", results[0].RowsAffected)
	}
	return err
}

func (p *overHTTP) insertMany(ctx context.Context, ids []string) error {
	list := make([]cluster.Stmt, len(ids))
	for i, id := range ids {
		list[i] = p.row(id)
	}
	_, err := p.leader.Execute(ctx, true, list...)
	return err
}

func (p *overHTTP) get(ctx context.Context, level, id string) (string, error) {
	results, err := p.leader.Query(ctx, level, cluster.Stmt{
		"SELECT id, created_at, updated_at, version, title, writer_id, likes, public FROM " + p.table + " WHERE id = ?", id,
	})
	if err != nil {
		return "", err
	}
	if len(results[0].Values) != 1 {
		return "", fmt.Errorf("%d rows with key %s", len(results[0].Values), id)
	}
	title, _ := results[0].Values[0][4].(string)
	return title, nil
}

func (p *overHTTP) close() error { return p.c.Close() }

package migrate

import (
	"context"
	"database/sql"
	"sync"
	"time"

	"github.com/weftdb/weft/migrate/catalog"
)

// moment is a point around a statement at which tests make things fail.
type moment string

const (
	before moment = "before"
	after  moment = "after" // the statement is done, nothing is recorded
	saved  moment = "saved" // and recorded
)

func (r *runner) at(step, statement int, m moment) error {
	if r.m.hook == nil {
		return nil
	}
	return r.m.hook(step, statement, m)
}

// How often progress is told while a statement runs, and how long the server
// may take to answer how far it is.
const (
	progressEvery = 500 * time.Millisecond
	progressWait  = 2 * time.Second
)

// reporter calls Options.Progress from one goroutine, its own.
type reporter struct {
	m    *Migrator
	ask  string // how far a statement of the working connection is: done and total; "" where it cannot be asked
	pid  int64
	wake chan struct{}
	quit chan struct{}
	gone chan struct{}

	mu     sync.Mutex
	queue  []Progress
	now    Progress
	rowsIn int64
	began  time.Time
	active bool
}

// newReporter starts telling. It is nil, and then tells nothing, when nobody
// wants to know.
func newReporter(ctx context.Context, m *Migrator, conn *sql.Conn) *reporter {
	if m.o.Progress == nil {
		return nil
	}
	p := &reporter{m: m, wake: make(chan struct{}, 1), quit: make(chan struct{}), gone: make(chan struct{})}
	var id string
	switch m.dialect {
	case catalog.Postgres:
		id = "SELECT pg_backend_pid()"
		// While the table is read, blocks are counted; while the index is filled,
		// rows. Each counts as half of the work.
		p.ask = "SELECT CASE WHEN tuples_total > 0 THEN tuples_total + tuples_done ELSE blocks_done END, 2 * CASE WHEN tuples_total > 0 THEN tuples_total ELSE blocks_total END FROM pg_stat_progress_create_index WHERE pid = $1"
	case catalog.MySQL:
		id = "SELECT connection_id()"
		p.ask = "SELECT cast(round(((stage - 1) * 100 + progress) * 100) AS signed), cast(max_stage * 10000 AS signed) FROM information_schema.processlist WHERE id = ? AND max_stage > 0"
	}
	if id == "" || conn.QueryRowContext(ctx, id).Scan(&p.pid) != nil {
		p.ask = ""
	}
	go p.run(ctx)
	return p
}

func (p *reporter) begin(step, of int, s Step) {
	if p == nil {
		return
	}
	p.mu.Lock()
	p.began, p.active = time.Now(), true
	p.now = Progress{Step: step, Of: of, Kind: s.Kind, Table: s.Table, Name: s.Name}
	p.rowsIn = s.Rows
	if s.Batch != nil {
		p.now.Total = s.Rows
	}
	p.queue = append(p.queue, p.now)
	p.mu.Unlock()
	p.signal()
}

// rows says how many rows of the step are done.
func (p *reporter) rows(n int64) {
	if p == nil {
		return
	}
	p.mu.Lock()
	p.now.Done = n
	p.now.Total = max(p.now.Total, n)
	p.now.Elapsed = time.Since(p.began)
	p.queue = append(p.queue, p.now)
	p.mu.Unlock()
	p.signal()
}

func (p *reporter) end() {
	if p == nil {
		return
	}
	p.mu.Lock()
	p.active = false
	p.now.Elapsed = time.Since(p.began)
	p.now.Total = max(p.now.Total, p.rowsIn)
	p.now.Done = p.now.Total
	p.queue = append(p.queue, p.now)
	p.mu.Unlock()
	p.signal()
}

func (p *reporter) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// stop tells what is left to tell and waits until it is told.
func (p *reporter) stop() {
	if p == nil {
		return
	}
	close(p.quit)
	<-p.gone
}

func (p *reporter) run(ctx context.Context) {
	defer close(p.gone)
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case <-p.wake:
		case <-tick.C:
			p.poll(ctx)
		case <-p.quit:
			p.tell()
			return
		}
		p.tell()
	}
}

func (p *reporter) tell() {
	p.mu.Lock()
	queue := p.queue
	p.queue = nil
	p.mu.Unlock()
	for _, x := range queue {
		p.m.o.Progress(x)
	}
}

// poll adds how far the step that runs is.
func (p *reporter) poll(ctx context.Context) {
	p.mu.Lock()
	active, step := p.active, p.now.Step
	p.mu.Unlock()
	if !active {
		return
	}
	var done, total int64
	if p.ask != "" {
		ctx, cancel := context.WithTimeout(ctx, progressWait)
		err := p.m.db.QueryRowContext(ctx, p.ask, p.pid).Scan(&done, &total)
		cancel()
		if err != nil && err != sql.ErrNoRows && ctx.Err() == nil {
			p.ask = "" // MySQL's processlist has no such columns
		}
		if err != nil {
			done, total = 0, 0
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.active || p.now.Step != step {
		return
	}
	if total > 0 && p.rowsIn > 0 {
		p.now.Total = p.rowsIn
		p.now.Done = max(p.now.Done, int64(float64(p.rowsIn)*min(1, float64(done)/float64(total))))
	}
	p.now.Elapsed = time.Since(p.began)
	p.queue = append(p.queue, p.now)
}

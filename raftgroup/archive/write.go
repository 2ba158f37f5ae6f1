package archive

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Config says what a writer does. A number that is 0 takes its value of Default.
type Config struct {
	Dir   string // of this group and node alone; made when missing
	Group string
	Node  string
	Log   *slog.Logger // nil discards

	Keep  time.Duration // how long a segment is kept after its last entry
	Sync  time.Duration // how often what was written is brought to the disk
	Retry time.Duration // pause after a failure
	Roll  time.Duration // how long a segment grows
	Size  int64         // bytes above which a segment ends
	Queue int64         // bytes of entries that wait; beyond that entries are left out

	// Open makes a file that must not be there yet; nil is os.OpenFile.
	Open func(path string) (File, error)

	patience time.Duration // of Close; tests wait longer for a disk
}

// File is a segment being written.
type File interface {
	io.WriteCloser
	Sync() error
}

// Default is what a server uses.
func Default() Config {
	return Config{
		Keep: 8 * 24 * time.Hour, Sync: time.Second, Retry: 5 * time.Second, Roll: time.Hour, Size: 64 << 20, Queue: 64 << 20,
	}
}

const (
	// unsyncedMost is how many bytes are written before they are brought to the
	// disk, however recent they are.
	unsyncedMost = 8 << 20
	// complainEvery is how often failures and what was left out are told.
	complainEvery = time.Minute
	// cleanEvery is how often old segments are looked for.
	cleanEvery = time.Minute
	// closePatience bounds how long Close waits for a disk.
	closePatience = 5 * time.Second
)

func (c Config) filled() Config {
	d := Default()
	c.Keep, c.Sync, c.Retry, c.Roll = or(c.Keep, d.Keep), or(c.Sync, d.Sync), or(c.Retry, d.Retry), or(c.Roll, d.Roll)
	c.Size, c.Queue, c.patience = or(c.Size, d.Size), or(c.Queue, d.Queue), or(c.patience, closePatience)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Open == nil {
		c.Open = func(path string) (File, error) {
			return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		}
	}
	return c
}

func or[T comparable](v, d T) T {
	var zero T
	if v == zero {
		return d
	}
	return v
}

// Stats are numbers since the writer was opened.
type Stats struct {
	Written uint64 // entries that are on the disk
	Missed  uint64 // entries that were left out
	Failing bool   // the disk took nothing at the last attempt
}

// Writer writes the entries that a node's copy applies. Add never waits for the
// disk: a goroutine of the writer's own writes.
type Writer struct {
	cfg  Config
	log  *slog.Logger
	wake chan struct{}
	stop chan struct{}
	done chan struct{}

	mu     sync.Mutex
	queue  []Record
	held   int64 // bytes of entries that are not on the disk
	missed uint64
	stats  Stats
	closed bool

	// Of the goroutine alone.
	pending  []Record // to be written, in order
	unsynced []Record // written, and perhaps not on the disk
	heavy    int64    // bytes of unsynced
	f        File
	path     string
	size     int64
	began    time.Time // of the segment
	synced   bool      // something of the segment is on the disk
	lastSync time.Time
	next     int64 // the sequence that continues what was written; 0 when nothing was
	chain    Chain // before it
	known    map[Chain]struct{}
	last     int64           // the highest sequence of known
	distrust map[string]bool // segments that failed: what is read of them may not be on the disk
	retryAt  time.Time
	failAt   time.Time // when a failure was told
	failTold bool      // and that it is over was not
	missAt   time.Time // the same of entries that were left out
	missTold uint64
	cleaned  time.Time
	buf      []byte
}

// NewWriter begins to write. Nothing is tried on the disk: what is wrong there is
// logged when there is something to write.
func NewWriter(cfg Config) *Writer {
	cfg = cfg.filled()
	w := &Writer{
		cfg: cfg, log: cfg.Log.With("group", cfg.Group, "archive", cfg.Dir),
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go w.run()
	return w
}

// Add hands in the entry that was applied last. The writer keeps it; it must not
// be changed any more.
func (w *Writer) Add(r Record) {
	size := int64(r.size())
	w.mu.Lock()
	if w.closed || w.held+size > w.cfg.Queue && w.held > 0 {
		if !w.closed {
			w.missed++
		}
		w.mu.Unlock()
		return
	}
	w.held += size
	w.queue = append(w.queue, r)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Stats reads the numbers.
func (w *Writer) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.stats
	s.Missed = w.missed
	return s
}

// Close writes what waits and ends. It waits a few seconds for a disk at most.
func (w *Writer) Close() error {
	w.mu.Lock()
	first := !w.closed
	w.closed = true
	w.mu.Unlock()
	if first {
		close(w.stop)
	}
	t := time.NewTimer(w.cfg.patience)
	defer t.Stop()
	select {
	case <-w.done:
	case <-t.C:
		return fmt.Errorf("close the archive in %s: the disk does not answer", w.cfg.Dir)
	}
	if first && len(w.pending) > 0 {
		return fmt.Errorf("close the archive in %s: %d entries could not be written, from %d on", w.cfg.Dir, len(w.pending), w.pending[0].Sequence)
	}
	return nil
}

func (w *Writer) run() {
	defer close(w.done)
	t := time.NewTicker(w.cfg.Sync)
	defer t.Stop()
	for {
		select {
		case <-w.wake:
			w.pass(false)
		case <-t.C:
			w.pass(false)
		case <-w.stop:
			w.pass(true)
			if w.f != nil {
				w.fail(w.end())
			}
			return
		}
	}
}

// pass does what is due.
func (w *Writer) pass(last bool) {
	w.mu.Lock()
	w.pending = append(w.pending, w.queue...)
	w.queue = nil
	missed := w.missed
	w.mu.Unlock()
	now := time.Now()
	if missed > w.missTold && (last || now.Sub(w.missAt) >= complainEvery) {
		w.log.Error("entries were left out of the archive, because the disk does not take them as fast as they come or not at all: restores that need them use the archive of another node", "entries", missed-w.missTold)
		w.missTold, w.missAt = missed, now
	}
	if now.Before(w.retryAt) && !last {
		return
	}
	err := w.write()
	if err == nil && len(w.unsynced) > 0 && (last || w.heavy > unsyncedMost || now.Sub(w.lastSync) >= w.cfg.Sync) {
		err = w.sync()
	}
	if err == nil && w.f != nil && now.Sub(w.began) >= w.cfg.Roll {
		err = w.end()
	}
	w.fail(err)
	if now.Sub(w.cleaned) >= cleanEvery {
		w.cleaned = now
		if err := w.clean(now); err != nil {
			w.log.Warn("old segments of the archive could not be removed", "error", err)
		}
	}
}

// fail notes a failure. What is not known to be on the disk is written again,
// into another segment.
func (w *Writer) fail(err error) {
	now := time.Now()
	if err != nil {
		w.pending, w.unsynced, w.heavy = append(w.unsynced, w.pending...), nil, 0
		if w.f != nil {
			_ = w.f.Close() // it failed already
			w.drop()
		}
		w.retryAt = now.Add(w.cfg.Retry)
		if now.Sub(w.failAt) >= complainEvery {
			w.failAt, w.failTold = now, true
			w.log.Error("the archive cannot be written; it is tried again", "error", err)
		}
	}
	if err == nil && w.failTold {
		w.failTold = false
		w.log.Info("the archive is written again")
	}
	w.mu.Lock()
	w.stats.Failing = err != nil
	w.mu.Unlock()
}

// drop lets go of a segment that failed, and removes it when nothing of it may be
// needed.
func (w *Writer) drop() {
	if !w.synced {
		_ = os.Remove(w.path) // where it stays, it is passed over or holds what is true
	}
	if w.distrust == nil {
		w.distrust = map[string]bool{}
	}
	w.distrust[w.path] = true
	w.f, w.next = nil, 0
}

// write writes what waits.
func (w *Writer) write() error {
	for len(w.pending) > 0 {
		r := &w.pending[0]
		old, err := w.isKnown(r)
		if err != nil {
			return err
		}
		if old {
			w.release(w.pending[:1], 0)
			w.pending = w.pending[1:]
			continue
		}
		if w.f != nil && (r.Sequence != w.next || r.Before != w.chain || w.size > w.cfg.Size) {
			if err := w.end(); err != nil {
				return err
			}
		}
		if w.f == nil {
			if err := w.begin(r); err != nil {
				return err
			}
		}
		// As many as follow each other go to the disk at once.
		n := 0
		for w.buf = w.buf[:0]; n < len(w.pending) && len(w.buf) < 1<<20; n++ {
			r := &w.pending[n]
			if n > 0 && (r.Sequence != w.next || r.Before != w.chain || w.known != nil) {
				break
			}
			w.buf = r.append(w.buf)
			w.next, w.chain = r.Sequence+1, r.After
		}
		if _, err := w.f.Write(w.buf); err != nil {
			return err
		}
		w.size += int64(len(w.buf))
		w.heavy += int64(len(w.buf))
		w.unsynced = append(w.unsynced, w.pending[:n]...)
		w.pending = w.pending[n:]
		if w.heavy > unsyncedMost {
			if err := w.sync(); err != nil {
				return err
			}
		}
	}
	w.pending = nil
	if cap(w.buf) > 4<<20 {
		w.buf = nil
	}
	return nil
}

// release counts entries as no longer waiting, and how many of them were written.
// Who reads that they were may rely on the room that they leave, and does not read
// that the disk takes nothing.
func (w *Writer) release(list []Record, written uint64) {
	n := int64(0)
	for i := range list {
		n += int64(list[i].size())
	}
	w.mu.Lock()
	w.held -= n
	w.stats.Written += written
	if written > 0 {
		w.stats.Failing = false
	}
	w.mu.Unlock()
}

package archive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// isKnown reports whether an entry is in the archive already: a copy that is
// opened, or made anew, applies its log again.
func (w *Writer) isKnown(r *Record) (bool, error) {
	if w.known == nil && (w.next == 0 || r.Sequence < w.next) {
		if err := w.learn(r.Sequence); err != nil {
			return false, err
		}
	}
	if w.known == nil {
		return false, nil
	}
	if r.Sequence > w.last {
		w.known = nil
		return false, nil
	}
	_, ok := w.known[r.After]
	return ok, nil
}

// learn reads which entries from one on are in the archive.
func (w *Writer) learn(from int64) error {
	if w.f != nil {
		if err := w.end(); err != nil {
			return err
		}
	}
	w.known, w.last = map[Chain]struct{}{}, 0
	if _, err := os.Stat(w.cfg.Dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	names, err := filepath.Glob(filepath.Join(escape(w.cfg.Dir), "*"+Suffix))
	if err != nil {
		return err
	}
	// Backwards, to the first one that may hold the entry. Names are in the order
	// of first entries.
	for i := len(names) - 1; i >= 0; i-- {
		if w.distrust[names[i]] {
			continue
		}
		first, err := w.learnOf(names[i], from)
		if err != nil {
			return err
		}
		if first > 0 && first <= from {
			break
		}
	}
	return nil
}

func (w *Writer) learnOf(path string, from int64) (first int64, err error) {
	c, err := OpenSegment(path)
	if errors.Is(err, ErrTorn) || errors.Is(err, ErrNewer) || errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer c.Close()
	for {
		r, err := c.Next()
		if err == io.EOF || errors.Is(err, ErrTorn) {
			return c.Header().First, nil
		}
		if err != nil {
			return 0, err
		}
		if r.Sequence >= from {
			w.known[r.After] = struct{}{}
			w.last = max(w.last, r.Sequence)
		}
	}
}

// begin begins a segment with an entry.
func (w *Writer) begin(r *Record) error {
	if err := makeDir(w.cfg.Dir); err != nil {
		return err
	}
	h := Header{Group: w.cfg.Group, Node: w.cfg.Node, Made: time.Now(), First: r.Sequence, Before: r.Before}
	for try := 0; ; try++ {
		w.path = filepath.Join(w.cfg.Dir, segmentName(&h, try))
		f, err := w.cfg.Open(w.path)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		w.f = f
		break
	}
	w.synced, w.began, w.lastSync, w.size = false, h.Made, h.Made, 0
	b := h.append(nil)
	if _, err := w.f.Write(b); err != nil {
		return err
	}
	w.size = int64(len(b))
	return nil
}

// segmentName sorts by the first entry. The chain before it tells histories
// apart, and the number attempts.
func segmentName(h *Header, try int) string {
	return fmt.Sprintf("%020d-%x-%d%s", h.First, h.Before[:6], try, Suffix)
}

func (w *Writer) sync() error {
	if err := w.f.Sync(); err != nil {
		return err
	}
	if !w.synced {
		if err := syncDir(w.cfg.Dir); err != nil {
			return err
		}
	}
	w.synced, w.lastSync = true, time.Now()
	w.release(w.unsynced, uint64(len(w.unsynced)))
	w.unsynced, w.heavy = nil, 0
	return nil
}

// end ends the segment.
func (w *Writer) end() error {
	if len(w.unsynced) > 0 || !w.synced {
		if err := w.sync(); err != nil {
			return err
		}
	}
	f := w.f
	w.f = nil
	return f.Close()
}

// clean removes segments that are too old.
func (w *Writer) clean(now time.Time) error {
	current := ""
	if w.f != nil {
		current = w.path
	}
	return Clean(w.cfg.Dir, now.Add(-w.cfg.Keep), current)
}

// Clean removes the segments in a directory whose last entry was written before
// some time, but for one.
func Clean(dir string, before time.Time, keep string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if filepath.Ext(path) != Suffix || path == keep {
			continue
		}
		if info, err := e.Info(); err == nil && info.ModTime().Before(before) {
			errs = append(errs, os.Remove(path))
		}
	}
	return errors.Join(errs...)
}

// makeDir makes a directory and what is missing above it, for good.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	up := filepath.Dir(dir)
	if up != dir {
		if err := makeDir(up); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(up)
}

// syncDir brings the name of a new file to the disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil // some systems let nobody open a directory
	}
	return errors.Join(d.Sync(), d.Close())
}

// escape makes a path that filepath.Glob takes as it is.
func escape(dir string) string {
	var b []byte
	for i := range len(dir) {
		switch dir[i] {
		case '*', '?', '[', '\\':
			b = append(b, '\\')
		}
		b = append(b, dir[i])
	}
	return string(b)
}

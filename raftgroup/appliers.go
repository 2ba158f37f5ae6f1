package raftgroup

import (
	"path/filepath"
	"sync"

	"github.com/weftdb/weft/raftgroup/conn"
)

// appliers are those of this process by the paths of their files. There is one
// such list, because there is one function weft_apply in a process.
var appliers registry

type registry struct {
	once sync.Once
	err  error

	mu     sync.Mutex
	open   map[string]*applier // of open groups
	others map[string]*applier // of files that rqlite applies entries to on its own, as it does to recover a group
}

// maxOthers bounds others. An applier that is dropped is made again.
const maxOthers = 8

// install makes weft_apply call apply.
func (r *registry) install() error {
	r.once.Do(func() { r.err = conn.OnApply(r.apply) })
	return r.err
}

// clean is one name for a file, however it is named.
func clean(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		path = filepath.Join(dir, filepath.Base(path))
	}
	return path
}

func (r *registry) add(path string, a *applier) {
	path = clean(path)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open == nil {
		r.open, r.others = map[string]*applier{}, map[string]*applier{}
	}
	delete(r.others, path)
	r.open[path] = a
}

// reserve is add, unless the file has an applier already.
func (r *registry) reserve(path string, a *applier) bool {
	r.mu.Lock()
	there := r.open[clean(path)] != nil
	r.mu.Unlock()
	if there {
		return false
	}
	r.add(path, a)
	return true
}

func (r *registry) remove(path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, clean(path))
}

// find gives the applier of a file.
func (r *registry) find(path string) *applier {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a := r.open[path]; a != nil {
		return a
	}
	if a := r.open[clean(path)]; a != nil {
		return a
	}
	if a := r.others[path]; a != nil {
		return a
	}
	if r.others == nil || len(r.others) >= maxOthers {
		r.others = map[string]*applier{}
	}
	a := &applier{}
	r.others[path] = a
	return a
}

// apply applies an entry to a file.
func (r *registry) apply(c *conn.Conn, path string, data []byte) error {
	a := r.find(path)
	if a.stopped != nil && a.c == c {
		return a.stopped // until the copy was made anew
	}
	err := a.apply(c, data)
	a.stopped = err
	switch {
	case err != nil:
		a.failed.Store(&err)
		if g := a.g.Load(); g != nil {
			g.broke(err)
		}
	case a.failed.Load() != nil:
		a.failed.Store(nil)
	}
	return err
}

package replica

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/weftdb/weft/p2p/host"
)

// Status is how the copy is.
type Status struct {
	Server   string
	State    string // leader, follower, candidate, stopped, broken
	Term     uint64
	Commit   uint64
	Applied  uint64 // handed to SQLite
	Last     uint64 // of the log
	Age      time.Duration
	Leader   host.ID
	DBSize   int64
	WALSize  int64
	LogSize  int64
	Snapshot uint64 // index of the latest
	Member   bool   // of the group's configuration, as far as this copy knows
	Rebuilt  bool   // it began empty in place of a broken copy and was not added since
	Broken   string // why; "" when it is not
	Problem  string // of a copy that goes on, as when the disk has no room for a snapshot
}

// Status reads it. Numbers are not of one instant.
func (r *Replica) Status() Status {
	r.mu.RLock()
	ru, broken, closed, rebuilt, problem := r.ru, r.broken, r.closed, r.rebuilt, r.problem
	r.mu.RUnlock()
	s := Status{State: "stopped", Rebuilt: rebuilt}
	s.DBSize = size(r.Path())
	s.WALSize = size(r.Path() + "-wal")
	s.LogSize = size(filepath.Join(r.cfg.Dir, logName))
	if broken != nil && !closed {
		s.State, s.Broken = "broken", broken.Error()
		return s
	}
	if ru == nil {
		return s
	}
	s.Problem = problem
	s.Server, s.State, s.Age = ru.server, "follower", ru.age()
	s.Leader, _ = r.Leader()
	s.Snapshot = ru.snapshotIndex()
	h := ru.handle.Load()
	if h == nil {
		return s
	}
	s.State = strings.ToLower(h.State().String())
	s.Term, s.Commit, s.Applied, s.Last = h.CurrentTerm(), h.CommitIndex(), h.AppliedIndex(), h.LastIndex()
	_, s.Member = ru.find(ru.server)
	return s
}

// size is that of a file, 0 when there is none.
func size(name string) int64 {
	fi, err := os.Stat(name)
	if err != nil {
		return 0
	}
	return fi.Size()
}

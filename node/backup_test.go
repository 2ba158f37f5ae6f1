package node

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/weftdb/weft/directory"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/raftgroup"
	"github.com/weftdb/weft/raftgroup/archive"
)

// Backups are made when they are due, are whole SQLite files, and only the
// newest are kept. The archive may be in the same place.
func TestBackups(t *testing.T) {
	c := config(t)
	place := filepath.Join(t.TempDir(), "backups")
	c.Backup = BackupConfig{Dir: place, Interval: time.Second, Keep: 2, Archive: place, ArchiveKeep: time.Hour}
	n, _ := run(t, c)
	ready(t, n)
	sql(t, n, `CREATE TABLE t (a INTEGER)`)
	dir := backupDir(c.Backup.Dir, space)
	var first string
	until(t, func() string {
		names, err := listBackups(dir)
		if err != nil || len(names) == 0 {
			return "there is no backup"
		}
		first = names[0]
		return ""
	})
	data, err := os.ReadFile(filepath.Join(dir, first))
	if err == nil && !bytes.HasPrefix(data, []byte("SQLite format 3\x00")) {
		t.Errorf("the backup begins with %q", data[:min(16, len(data))])
	}
	until(t, func() string {
		names, err := listBackups(dir)
		switch {
		case err != nil:
			return err.Error()
		case len(names) > 2:
			return "too many are kept"
		case len(names) < 2 || names[0] == first:
			return "the oldest is still there"
		}
		return ""
	})
	until(t, func() string { // of the namespace and of the directory
		for _, group := range []string{space, directory.System} {
			segments, err := archive.Find(group, archiveDir(place, group, n.id))
			if err != nil {
				return err.Error()
			}
			if s := segments[0]; s.First != 1 || s.Node != string(n.id) {
				return fmt.Sprintf("%+v", s)
			}
		}
		return ""
	})
	g, err := n.group(space)
	if err != nil {
		t.Fatal(err)
	}
	until(t, func() string { // a segment can be read before it is on the disk, which is when its entries count
		m := g.(*raftgroup.Group).Metrics()
		if m.ArchiveMissed > 0 || m.ArchiveFailing {
			t.Fatalf("%+v", m)
		}
		if m.Archived == 0 {
			return "nothing is archived"
		}
		return ""
	})
	list, err := n.backupList(t.Context(), n.id, struct {
		Group string `json:"group"`
	}{space})
	if err != nil || len(list) == 0 {
		t.Errorf("%q, %v", list, err)
	}
}

// Segments of groups whose copy was given up go when they are old. Those of
// copies, and of other nodes, are not touched.
func TestArchivesAreCleaned(t *testing.T) {
	c := config(t)
	c.Backup.Archive, c.Backup.ArchiveKeep = t.TempDir(), time.Hour
	n, _ := run(t, c)
	ready(t, n)
	put := func(group, node string) string {
		t.Helper()
		dir := archiveDir(c.Backup.Archive, group, host.ID(node))
		w := archive.NewWriter(archive.Config{Dir: dir, Group: group, Node: node})
		w.Add(archive.Record{Sequence: 1 << 40, Stamp: time.Now(), After: archive.Chain{1}})
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	gone, kept, others := put("ns/gone", string(n.id)), put(space, string(n.id)), put("ns/gone", "another")
	for _, after := range []time.Duration{time.Minute, 2 * time.Hour} {
		if err := n.cleanArchives(time.Now().Add(after)); err != nil {
			t.Fatal(err)
		}
		for _, dir := range []string{gone, kept, others} {
			names, err := filepath.Glob(filepath.Join(dir, "*1099511627776-*"))
			if want := dir != gone || after < time.Hour; err != nil || (len(names) == 1) != want {
				t.Errorf("after %s there are %q in %s, %v", after, names, dir, err)
			}
		}
	}
}

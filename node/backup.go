package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/raftgroup/archive"
)

// backupTime is how the time stands in the name of a backup; names sort by it.
const backupTime = "20060102T150405.000Z"

// backupRetry is how long after a failure the next attempt is made.
const backupRetry = time.Minute

// backups makes backups of the groups that this node leads, when they are due.
func (n *Node) backups(ctx context.Context) {
	b := n.cfg.Backup
	if b.Dir == "" {
		return
	}
	every := min(b.Interval/4, 10*time.Second)
	timer := time.NewTicker(max(every, 100*time.Millisecond))
	defer timer.Stop()
	failed := map[string]time.Time{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		n.mu.Lock()
		var due []*held
		for _, c := range n.copies {
			if c.group != nil {
				due = append(due, c)
			}
		}
		n.mu.Unlock()
		for _, c := range due {
			if !c.group.Replica().IsLeader() || time.Since(failed[c.name]) < backupRetry {
				continue
			}
			// By the newest file, so that neither a restart nor a new leader that
			// writes to the same place makes one too early.
			last, err := newestBackup(backupDir(b.Dir, c.name))
			if err == nil && n.cfg.now().Sub(last) < b.Interval {
				continue
			}
			if err == nil {
				var file string
				if file, err = n.backup(ctx, c.name, c.group); err == nil {
					n.log.Info("a backup was made", "group", c.name, "file", file)
				}
			}
			if err != nil && ctx.Err() == nil {
				failed[c.name] = time.Now()
				n.log.Error("a backup failed; it is tried again", "group", c.name, "error", err, "in", backupRetry)
			}
		}
	}
}

func backupDir(dir, group string) string { return filepath.Join(dir, fileName(group)) }

// archiveDir is where a node keeps the entries of a group: nodes may share the
// place.
func archiveDir(dir, group string, id host.ID) string {
	return filepath.Join(dir, fileName(group), string(id))
}

// archives removes what is too old from the archives of groups of which this node
// holds no copy any more. Those of copies are cleaned as they are written.
func (n *Node) archives(ctx context.Context) {
	if n.cfg.Backup.Archive == "" {
		return
	}
	t := time.NewTicker(10 * time.Minute)
	defer t.Stop()
	for {
		if err := n.cleanArchives(time.Now()); err != nil {
			n.log.Warn("old segments of the archive could not be removed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

func (n *Node) cleanArchives(now time.Time) error {
	entries, err := os.ReadDir(n.cfg.Backup.Archive)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	n.mu.Lock()
	held := map[string]bool{}
	for name := range n.copies {
		held[fileName(name)] = true
	}
	n.mu.Unlock()
	var errs []error
	for _, e := range entries {
		if !held[e.Name()] && e.IsDir() {
			errs = append(errs, archive.Clean(filepath.Join(n.cfg.Backup.Archive, e.Name(), string(n.id)), now.Add(-n.cfg.Backup.ArchiveKeep), ""))
		}
	}
	return errors.Join(errs...)
}

// listBackups are the backups in a directory, oldest first.
func listBackups(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if _, err := time.Parse(backupTime, strings.TrimSuffix(e.Name(), ".db")); err == nil && strings.HasSuffix(e.Name(), ".db") {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

func newestBackup(dir string) (time.Time, error) {
	names, err := listBackups(dir)
	if err != nil || len(names) == 0 {
		return time.Time{}, err
	}
	return time.Parse(backupTime, strings.TrimSuffix(names[len(names)-1], ".db"))
}

// backup writes one backup of a group and removes those that are too many.
func (n *Node) backup(ctx context.Context, group string, g door.Group) (string, error) {
	dir := backupDir(n.cfg.Backup.Dir, group)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	file := filepath.Join(dir, n.cfg.now().UTC().Format(backupTime)+".db")
	if err := WriteBackup(ctx, g, file); err != nil {
		return "", err
	}
	names, err := listBackups(dir)
	if err != nil {
		return file, err
	}
	for _, name := range names[:max(0, len(names)-n.cfg.Backup.Keep)] {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			return file, fmt.Errorf("remove an old backup: %w", err)
		}
	}
	return file, nil
}

// WriteBackup writes a copy of a group's database, a SQLite file, with mode
// 0600. The file is whole and on disk when it has its name; until then it ends
// in .tmp.
func WriteBackup(ctx context.Context, g door.Group, file string) (err error) {
	tmp := file + ".tmp"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write a backup: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp))
		}
	}()
	err = g.Backup(ctx, f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write a backup: %w", err)
	}
	if err = os.Rename(tmp, file); err != nil {
		return fmt.Errorf("write a backup: %w", err)
	}
	d, err := os.Open(filepath.Dir(file))
	if err != nil {
		return nil // it is in its place; some systems let nobody open a directory
	}
	return errors.Join(d.Sync(), d.Close())
}

// backupList names the backups of a group that this node can see.
func (n *Node) backupList(_ context.Context, peer host.ID, in struct {
	Group string `json:"group"`
},
) ([]string, error) {
	if err := n.mayOperate(peer); err != nil {
		return nil, err
	}
	if n.cfg.Backup.Dir == "" {
		return nil, op.Errorf(op.CodeUnsupported, "this node makes no backups by itself: set backup.dir")
	}
	names, err := listBackups(backupDir(n.cfg.Backup.Dir, in.Group))
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = filepath.Join(backupDir(n.cfg.Backup.Dir, in.Group), name)
	}
	return out, err
}

// backupNow makes a backup of a group on this node.
func (n *Node) backupNow(ctx context.Context, peer host.ID, in struct {
	Group string `json:"group"`
},
) (string, error) {
	if err := n.mayOperate(peer); err != nil {
		return "", err
	}
	if n.cfg.Backup.Dir == "" {
		return "", op.Errorf(op.CodeUnsupported, "this node has no place for backups: set backup.dir, or use weft backup FILE")
	}
	g, err := n.group(in.Group)
	if err != nil {
		return "", err
	}
	return n.backup(ctx, in.Group, g)
}

package raftgroup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/rqlite/rqlite/v8/command/proto"
	rqlite "github.com/rqlite/rqlite/v8/db"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/raftgroup/archive"
	"github.com/weftdb/weft/raftgroup/conn"
	"github.com/weftdb/weft/raftgroup/replica"
)

// Moment says to which moment a backup is to be brought.
type Moment struct {
	Group    string
	Archives []string  // directories of archived entries, of one or more nodes
	Until    time.Time // entries up to this time, with it; zero is all that there are
	// Branches choose a history where the archives hold several: the beginning of
	// the chain after its first entry, as the error says it.
	Branches []string
}

// Reached says what a backup was brought to.
type Reached struct {
	Entries  int64     // that were applied to the backup
	Sequence int64     // of the last one, or of the backup
	Stamp    time.Time // of the same
}

// PointInTime makes a new SQLite file: a backup of a group with the archived
// entries after it, up to a moment. They are applied as the group's copies apply
// them, each must go on from where the one before ended, and lead to what it led
// to where it was archived. The backup is not changed. The new file appears whole
// or not at all, and never in the place of another.
//
// A moment before the backup or after the last archived entry, entries that are
// missing and histories between which nobody chose are errors of the code
// VALIDATION, which say what is possible.
func PointInTime(ctx context.Context, backup, out string, m Moment) (r Reached, err error) {
	if err := appliers.install(); err != nil {
		return r, err
	}
	if err := absent(out); err != nil {
		return r, err
	}
	dir, err := os.MkdirTemp(filepath.Dir(out), ".weft-restore-")
	if err != nil {
		return r, op.Errorf(op.CodeDatabase, "restore: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	work := filepath.Join(dir, "work.db")
	st, err := begin(ctx, work, backup)
	if err != nil {
		return r, err
	}
	segments, err := archive.Find(m.Group, m.Archives...)
	if err != nil {
		return r, op.Errorf(op.CodeValidation, "%w", err)
	}
	if err := m.within(&st, segments); err != nil {
		return r, err
	}
	from := st.sequence
	if err := m.replay(ctx, work, &st, segments); err != nil {
		return r, err
	}
	if err := publish(ctx, work, filepath.Join(dir, "out.db"), out); err != nil {
		return r, err
	}
	return Reached{Entries: st.sequence - from, Sequence: st.sequence, Stamp: time.UnixMicro(st.stamp).UTC()}, nil
}

func absent(file string) error {
	if _, err := os.Lstat(file); err == nil {
		return op.Errorf(op.CodeValidation, "%s exists; name a file that does not", file)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return op.Errorf(op.CodeDatabase, "restore: %w", err)
	}
	return nil
}

// begin copies a backup to a new file and tells where it stands.
func begin(ctx context.Context, path, backup string) (st state, err error) {
	for _, end := range []string{"-wal", "-journal"} {
		if info, err := os.Stat(backup + end); err == nil && info.Size() > 0 {
			return st, op.Errorf(op.CodeValidation, "%s is open, or was not closed in order: %s%s beside it has part of its data", backup, backup, end)
		}
	}
	if err := copyFile(ctx, path, backup); err != nil {
		return st, op.Errorf(op.CodeDatabase, "restore: %w", err)
	}
	if err := checkFile(ctx, path); err != nil {
		return st, err
	}
	c, err := conn.Open(path, conn.Options{})
	if err != nil {
		return st, bad(err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	st, err = readState(ctx, c)
	if errors.Is(err, errNoState) {
		return st, op.Errorf(op.CodeValidation, "%s does not say where in the log of a group it stands: archived entries go on from a backup that weft backup or a node made", backup)
	}
	if err != nil {
		return st, bad(err)
	}
	return st, nil
}

// within refuses a moment to which there is no way, as far as that can be told at
// once.
func (m *Moment) within(st *state, segments []archive.Segment) error {
	if m.Until.IsZero() {
		return nil
	}
	from := time.UnixMicro(st.stamp)
	last := slices.MaxFunc(segments, func(a, b archive.Segment) int { return a.To.Compare(b.To) }).To
	if last.Before(from) {
		last = from
	}
	switch {
	case m.Until.Before(from):
		return op.Errorf(op.CodeValidation, "%s is before the backup, whose last entry is of %s: take an earlier backup, or a moment from then to %s", moment(m.Until), moment(from), moment(last))
	case m.Until.After(last):
		return op.Errorf(op.CodeValidation, "%s is after the last archived entry: a restore is possible from %s to %s", moment(m.Until), moment(from), moment(last))
	}
	return nil
}

// replay applies the entries after a state to the file that stands there.
func (m *Moment) replay(ctx context.Context, path string, st *state, segments []archive.Segment) (err error) {
	if err := replica.CheckDir(filepath.Dir(path)); err != nil {
		return op.Errorf(op.CodeValidation, "%w", err)
	}
	p := &player{a: &applier{}}
	p.a.archive = func(r archive.Record) { p.done = r.After }
	appliers.add(path, p.a)
	defer appliers.remove(path)
	// As a copy does it, by rqlite's own connection.
	if p.db, err = rqlite.Open(path, true, true); err != nil {
		return op.Errorf(op.CodeDatabase, "restore: %w", err)
	}
	defer func() { err = errors.Join(err, p.db.Close()) }()
	if err := p.db.SetSynchronousMode(rqlite.SynchronousOff); err != nil {
		return op.Errorf(op.CodeDatabase, "restore: %w", err)
	}
	f := &follower{segments: segments}
	defer f.close()
	for {
		if err := ctx.Err(); err != nil {
			return op.FromContext(err)
		}
		list, err := f.at(st.sequence + 1)
		if err != nil {
			return op.Errorf(op.CodeDatabase, "restore: %w", err)
		}
		now := time.UnixMicro(st.stamp)
		fits := fitting(list, st.chain)
		if len(fits) == 0 {
			if !m.Until.IsZero() && !now.Before(m.Until) {
				return nil
			}
			next := first(f.segments)
			ended, err := f.ended(st.sequence+1, list)
			switch {
			case err != nil:
				return op.Errorf(op.CodeDatabase, "restore: %w", err)
			case !ended || len(list) > 0 && p.played == 0:
				return gap(st, list, next, segments)
			case !m.Until.IsZero():
				return op.Errorf(op.CodeValidation, "%s is after the last archived entry of the history of this backup: a restore is possible up to %s", moment(m.Until), moment(now))
			}
			return nil
		}
		if !m.Until.IsZero() && !slices.ContainsFunc(fits, func(x found) bool { return !x.Stamp.After(m.Until) }) {
			return nil
		}
		if fits, err = branch(fits, m.Branches); err != nil {
			return err
		}
		if !m.Until.IsZero() && fits[0].Stamp.After(m.Until) {
			return nil
		}
		if err := p.play(fits, st); err != nil {
			return err
		}
	}
}

// player applies archived entries to a file.
type player struct {
	db     *rqlite.DB
	a      *applier
	done   archive.Chain // after the last entry that was applied
	played int           // entries
	bytes  int           // of entries since the file's log was cut
}

// cutAfter is how many bytes of entries are applied before the file's log is cut.
const cutAfter = 16 << 20

// play applies the one of some entries that leads to what was archived with it:
// those of a copy that differed from the others do not.
func (p *player) play(fits []found, st *state) error {
	for i := range fits {
		x := &fits[i]
		p.a.want, p.a.stopped = &x.After, nil
		res, err := p.db.Execute(&proto.Request{Statements: []*proto.Statement{{
			Sql:        "SELECT weft_apply(?)",
			Parameters: []*proto.Parameter{{Value: &proto.Parameter_Y{Y: x.Entry}}},
		}}}, false)
		if err == nil && len(res) > 0 && res[0].GetError() != "" {
			if err = p.a.stopped; err == nil {
				err = errors.New(res[0].GetError())
			}
		}
		if errors.Is(err, errOther) {
			continue
		}
		if err == nil && p.done != x.After {
			err = errors.New("it was not applied")
		}
		if err != nil {
			return op.Errorf(op.CodeDatabase, "apply entry %d of %s, archived in %s: %w", x.Sequence, moment(x.Stamp), x.of.Path, err)
		}
		st.sequence, st.chain, st.stamp = x.Sequence, x.After, x.Stamp.UnixMicro()
		p.played++
		if p.bytes += len(x.Entry); p.bytes > cutAfter {
			p.bytes = 0
			if err := p.db.Checkpoint(rqlite.CheckpointTruncate); err != nil {
				return op.Errorf(op.CodeDatabase, "restore: %w", err)
			}
		}
		return nil
	}
	return op.Errorf(op.CodeDatabase, "entry %d of %s, archived in %s, leads to another state here than on the node that archived it: the backup or the archive is not what was written, or the node ran another version of Weft. A restore is possible up to %s",
		fits[0].Sequence, moment(fits[0].Stamp), fits[0].of.Path, moment(time.UnixMicro(st.stamp)))
}

// publish makes one file of a database with its log and gives it its name.
func publish(ctx context.Context, work, made, out string) error {
	c, err := conn.Open(work, conn.Options{})
	if err != nil {
		return err
	}
	err = c.Copy(ctx, made)
	if cerr := c.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if err := os.Chmod(made, 0o600); err != nil {
		return op.Errorf(op.CodeDatabase, "restore: %w", err)
	}
	err = os.Link(made, out) // unlike a rename it never takes the place of another file
	if err != nil && !errors.Is(err, fs.ErrExist) {
		if err = absent(out); err == nil { // a file system without links
			err = os.Rename(made, out)
		}
	}
	if err != nil {
		return op.Errorf(op.CodeDatabase, "restore: %w", err)
	}
	d, err := os.Open(filepath.Dir(out))
	if err != nil {
		return nil // it is in its place; some systems let nobody open a directory
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return op.Errorf(op.CodeDatabase, "restore: %w", err)
	}
	return nil
}

func copyFile(ctx context.Context, to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	f, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, &interrupted{ctx, in}); err != nil {
		return errors.Join(fmt.Errorf("copy %s: %w", from, err), f.Close())
	}
	return f.Close()
}

package replica

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/raft"

	"github.com/weftdb/weft/p2p/host"
)

// rqlite keeps no checksums of its snapshots. A seal is ours: it lies beside the
// snapshot, and goes with it when rqlite removes what begins with its name.
type seal struct {
	Format int      `json:"format"`
	ID     string   `json:"id"`
	Meta   uint32   `json:"meta"` // checksum of meta.json
	Size   int64    `json:"size"`
	Block  int      `json:"block"`
	Sums   []uint32 `json:"sums"` // CRC-32C of each block of the database
}

const (
	sealSuffix  = ".seal"
	sealBlock   = 1 << 20
	maxSealFile = 64 << 20
	// tries is how often a snapshot may be found to differ from the database,
	// which is replaced a moment after an installed one, before it is taken anew.
	tries = 3
)

// encode is the seal in one line, and its own checksum in the next.
func (s seal) encode() ([]byte, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("replica: %w", err)
	}
	return fmt.Appendf(b, "\n%08x\n", crc32.Checksum(b, castagnoli)), nil
}

// decodeSeal reads what encode wrote.
func decodeSeal(b []byte) (seal, error) {
	line, sum, ok := bytes.Cut(b, []byte("\n"))
	var s seal
	if !ok || string(sum) != fmt.Sprintf("%08x\n", crc32.Checksum(line, castagnoli)) {
		return s, errors.New("the seal itself is damaged")
	}
	if err := json.Unmarshal(line, &s); err != nil {
		return s, fmt.Errorf("the seal itself is damaged: %w", err)
	}
	if s.Format > format {
		return s, fmt.Errorf("%w: the seal of a snapshot has format %d", ErrVersion, s.Format)
	}
	if s.Block <= 0 || s.Size < 0 || int64(len(s.Sums)) != (s.Size+int64(s.Block)-1)/int64(s.Block) {
		return s, errors.New("the seal itself is damaged")
	}
	return s, nil
}

// snap is one snapshot in a directory.
type snap struct {
	dir  string
	meta raft.SnapshotMeta
	sum  uint32 // of meta.json
}

func (s snap) db() string   { return filepath.Join(s.dir, s.meta.ID+".db") }
func (s snap) seal() string { return filepath.Join(s.dir, s.meta.ID+sealSuffix) }

// snaps are the snapshots of a directory that are in place, oldest first.
func snaps(dir string) ([]snap, error) {
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("replica: %w", err)
	}
	var out []snap
	for _, e := range list {
		if !e.IsDir() || strings.HasSuffix(e.Name(), ".tmp") {
			continue
		}
		name := filepath.Join(dir, e.Name(), "meta.json")
		b, err := os.ReadFile(name)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				err = flaw(e.Name(), "it has no description")
			}
			return nil, err
		}
		s := snap{dir: dir, sum: crc32.Checksum(b, castagnoli)}
		if err := json.Unmarshal(b, &s.meta); err != nil || s.meta.ID != e.Name() {
			return nil, flaw(e.Name(), "its description")
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b snap) int {
		if a.meta.Term != b.meta.Term {
			return cmpUint(a.meta.Term, b.meta.Term)
		}
		if a.meta.Index != b.meta.Index {
			return cmpUint(a.meta.Index, b.meta.Index)
		}
		return strings.Compare(a.meta.ID, b.meta.ID)
	})
	return out, nil
}

func cmpUint(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// verify compares a snapshot with its seal. There is none for one that was not
// sealed before the process ended: that is fs.ErrNotExist.
func (s snap) verify() error {
	b, err := readBounded(s.seal(), maxSealFile)
	if err != nil {
		return err
	}
	want, err := decodeSeal(b)
	if errors.Is(err, ErrVersion) {
		return err
	}
	if err != nil {
		return flaw(s.meta.ID, "%w", err)
	}
	if want.ID != s.meta.ID || want.Meta != s.sum {
		return flaw(s.meta.ID, "its description")
	}
	f, err := os.Open(s.db())
	if errors.Is(err, fs.ErrNotExist) {
		return flaw(s.meta.ID, "the database is missing")
	}
	if err != nil {
		return fmt.Errorf("replica: %w", err)
	}
	defer f.Close()
	got, _, err := sums(f, nil, want.Block)
	if err != nil {
		return flaw(s.meta.ID, "%w", err)
	}
	if got.Size != want.Size {
		return flaw(s.meta.ID, "it has %d bytes, not %d", got.Size, want.Size)
	}
	for i := range want.Sums {
		if got.Sums[i] != want.Sums[i] {
			return flaw(s.meta.ID, "between bytes %d and %d", i*want.Block, (i+1)*want.Block)
		}
	}
	return nil
}

// flaw is what is wrong with a snapshot.
func flaw(id, format string, args ...any) error {
	return fmt.Errorf("snapshot %s is %w: %w", id, errTorn, fmt.Errorf(format, args...))
}

func readBounded(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}

// sums are the checksums of a file, and whether another has the same content.
func sums(f, twin io.Reader, block int) (s seal, same bool, err error) {
	s = seal{Format: format, Block: block}
	same = true
	mine, other := make([]byte, block), make([]byte, block)
	for {
		n, err := io.ReadFull(f, mine)
		if twin != nil && same {
			m, err := io.ReadFull(twin, other)
			if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
				return s, false, err
			}
			same = n == m && bytes.Equal(mine[:n], other[:m])
		}
		if n > 0 {
			s.Size += int64(n)
			s.Sums = append(s.Sums, crc32.Checksum(mine[:n], castagnoli))
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return s, same, nil
		}
		if err != nil {
			return s, false, err
		}
	}
}

// plausible reports why a snapshot without a seal cannot be a database.
func (s snap) plausible() error {
	b, err := readBounded(s.db(), 100)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // rqlite completes a snapshot that it was interrupted in, or says why not
	}
	if err != nil {
		return fmt.Errorf("replica: %w", err)
	}
	if len(b) < 100 || string(b[:16]) != "SQLite format 3\x00" {
		return flaw(s.meta.ID, "it is no database")
	}
	return nil
}

// snapshotInfo is what a directory of snapshots was found to hold.
type snapshotInfo struct {
	index   uint64
	members []string
}

// checkSnapshots verifies the newest snapshot. One that was not sealed before the
// process ended is removed when the log has all that it holds, after the snapshot
// before it, which must be whole, or from the first entry on. A log that ends
// before the snapshot does, or has entries of another term at its end, is that of
// a copy to which the leader sent it: the group counts on what it holds.
func checkSnapshots(dir string, log logInfo) (snapshotInfo, error) {
	list, err := snaps(dir)
	if err != nil || len(list) == 0 {
		return snapshotInfo{}, err
	}
	newest := list[len(list)-1]
	err = newest.verify()
	if errors.Is(err, fs.ErrNotExist) {
		err = newest.plausible()
		var before *snap
		from, whole := uint64(0), len(list) == 1
		if len(list) > 1 {
			before = &list[len(list)-2]
			from, whole = before.meta.Index, before.verify() == nil
		}
		if whole && log.has(newest.meta.Index, newest.meta.Term) && log.after(from) {
			if err := newest.remove(); err != nil || before == nil {
				return snapshotInfo{}, err
			}
			newest, err = *before, nil
		}
	}
	info := snapshotInfo{index: newest.meta.Index}
	for _, s := range newest.meta.Configuration.Servers {
		info.members = append(info.members, string(s.ID))
	}
	return info, err
}

// remove takes a snapshot away, its description last.
func (s snap) remove() error {
	for _, suffix := range []string{sealSuffix, ".db-wal", ".db-shm", ".db"} {
		if err := os.Remove(filepath.Join(s.dir, s.meta.ID+suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("replica: %w", err)
		}
	}
	if err := os.RemoveAll(filepath.Join(s.dir, s.meta.ID)); err != nil {
		return fmt.Errorf("replica: %w", err)
	}
	return nil
}

// sealIfMissing seals a snapshot that the leader sent, or that was not sealed
// when the process ended. Only the tender calls it.
func (r *Replica) sealIfMissing(ru *running) {
	if !r.snap.TryLock() {
		return
	}
	defer r.snap.Unlock()
	if err := r.seal(ru); err != nil {
		r.log.Warn("the snapshot was not sealed; it is tried again", keyError, err)
	}
}

// seal writes checksums of the newest snapshot, if it has none yet. While doing
// so it compares the snapshot with the database file itself, which has the same
// content until the next one: so damage between two seals is found as well. A
// snapshot that differs is taken anew from the database, whole. The caller holds
// r.snap.
func (r *Replica) seal(ru *running) error {
	dir := filepath.Join(r.cfg.Dir, snapshotsDir)
	list, err := snaps(dir)
	if err != nil || len(list) == 0 {
		return err
	}
	s := list[len(list)-1]
	// What was there when the store was opened is complete, even if rqlite did not
	// come to say so in its description. Otherwise it may be at work right now.
	found := s.meta.ID == ru.found
	if len(list) > 1 && !found {
		return nil
	}
	if ru.sealed == s.meta.ID {
		return nil
	}
	if _, err := os.Lstat(s.seal()); err == nil {
		ru.sealed = s.meta.ID
		return nil
	}
	f, err := os.OpenFile(s.db(), os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("replica: %w", err)
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil || fi.Size() != s.meta.Size && !found {
		return err // its description is not written yet
	}
	twin, err := os.Open(r.Path())
	if err != nil {
		return fmt.Errorf("replica: %w", err)
	}
	defer twin.Close()
	// rqlite writes snapshots without waiting for the disk.
	if err := f.Sync(); err != nil {
		return fmt.Errorf("replica: %w", err)
	}
	made, same, err := sums(f, twin, sealBlock)
	if err != nil {
		return fmt.Errorf("replica: seal snapshot %s: %w", s.meta.ID, err)
	}
	if !same {
		if ru.differs++; ru.differs < tries {
			return nil
		}
		ru.differs = 0
		r.log.Error("a snapshot differs from the database and is taken anew", "snapshot", s.meta.ID)
		if err := host.WriteFile(filepath.Join(dir, fullName), nil); err != nil {
			return fmt.Errorf("replica: %w", err)
		}
		ru.due.now = true
		return nil
	}
	ru.differs = 0
	made.ID, made.Meta = s.meta.ID, s.sum
	b, err := made.encode()
	if err != nil {
		return err
	}
	if now, err := snaps(dir); err != nil || len(now) != len(list) || now[len(now)-1].meta.ID != s.meta.ID {
		return err // replaced meanwhile
	}
	if err := host.WriteFile(s.seal(), b); err != nil {
		return fmt.Errorf("replica: seal snapshot %s: %w", s.meta.ID, err)
	}
	ru.sealed = s.meta.ID
	return nil
}

package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// space is the room on the disk of a file.
type space struct{ free, total int64 }

// Bounds of what is worth a word.
const (
	leastSpace = 16 << 20 // below it the next writes may fail
	largeWAL   = 64 << 20 // what Weft shortens a log to
)

// program says what the checks are made with.
func (d *doctor) program(r *report) {
	r.ok("weft", "%s, built with %s for %s/%s", versionName(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// files looks at the database and at what lies beside it, before anything
// opens it.
func (d *doctor) files(r *report, f *database) {
	r.ok("file", "%s, %s", f.file, bytesText(f.before.Size()))
	d.permissions(r, f)
	d.left(r, f)
	d.room(r, f)
}

// permissions looks at who may read and write.
func (d *doctor) permissions(r *report, f *database) {
	const name = "permissions"
	before := len(r.Checks)
	mode := func(info fs.FileInfo) string { return fmt.Sprintf("mode %04o", info.Mode().Perm()) }
	if !mayWrite(f.file) {
		r.warn(name, "chmod u+w "+shellWord(f.path)+", or run as its owner", "%s can be read but not written by this user (%s)", f.path, mode(f.before))
	}
	dir := filepath.Dir(f.file)
	if !mayWrite(dir) {
		r.warn(name, "chmod u+w "+shellWord(dir)+", or run as its owner",
			"the folder %s cannot be written by this user, so the database cannot: SQLite keeps its journal beside it", dir)
	}
	for _, end := range []string{"-wal", "-shm", "-journal"} {
		info, err := os.Stat(f.file + end)
		if err != nil {
			continue
		}
		switch {
		case mayWrite(f.file) && !mayWrite(f.file+end):
			r.fail(name, "give it to the owner of the database: chown --reference="+shellWord(f.path)+" "+shellWord(f.path+end),
				"%s cannot be written by this user (%s) although the database can; somebody else has opened it", f.path+end, mode(info))
		case owner(info) != owner(f.before):
			r.warn(name, "run all programs that use the database as one user", "%s belongs to another user than the database", f.path+end)
		}
	}
	if runtime.GOOS != "windows" && f.before.Mode().Perm()&0o002 != 0 {
		r.warn(name, "chmod o-w "+shellWord(f.path), "every user of this machine may write %s (%s)", f.path, mode(f.before))
	}
	if len(r.Checks) == before {
		r.ok(name, "the file (%s) and its folder can be read and written", mode(f.before))
	}
}

// left looks at files that belong to a transaction.
func (d *doctor) left(r *report, f *database) {
	const name = "journal"
	before := len(r.Checks)
	if hotJournal(f.file + "-journal") {
		r.warn(name, "do not delete it: the next program that opens the database for writing undoes the transaction",
			"%s-journal is there: a transaction is under way, or was cut off", f.path)
	}
	wal, err := os.Stat(f.file + "-wal")
	switch {
	case err == nil && wal.Size() > 0 && !walInUse(f.file+"-shm"):
		r.warn(name, "do not delete it: it holds what was committed last; opening and closing the database for writing brings it home",
			"%s-wal (%s) was left by a program that did not close the database", f.path, bytesText(wal.Size()))
	case err == nil && wal.Size() > largeWAL:
		r.warn(name, "look for a program that reads for a very long time, such as an Iter that was not read to its end",
			"%s-wal has grown to %s, because it cannot be brought home", f.path, bytesText(wal.Size()))
	case err == nil && wal.Size() > 0:
		r.ok(name, "the database is in use: its log has %s", bytesText(wal.Size()))
	}
	if len(r.Checks) == before {
		r.ok(name, "nothing is left over beside the file")
	}
}

// hotJournal reports whether a rollback journal has something in it that is to
// be undone. One that is kept for the next transaction begins with zeros.
func hotJournal(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 8)
	n, err := f.Read(head)
	return err == nil && n > 0 && head[0] != 0
}

// room looks at the space on the disk.
func (d *doctor) room(r *report, f *database) {
	const name = "disk"
	s, err := d.disk(f.file)
	size := f.before.Size()
	switch {
	case err != nil:
		r.warn(name, "", "how much space is free cannot be found out: %s", err)
	case s.free < leastSpace:
		r.fail(name, "free some space", "%s of %s are free: writes will fail soon", bytesText(s.free), bytesText(s.total))
	case s.free < 2*size:
		r.warn(name, "", "%s of %s are free, which is too little for VACUUM (up to twice the size of the database)", bytesText(s.free), bytesText(s.total))
	default:
		r.ok(name, "%s of %s are free", bytesText(s.free), bytesText(s.total))
	}
}

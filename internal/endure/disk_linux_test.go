package endure

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// mount mounts something for the length of the test. It is false where the
// test may not, which only root may.
func mount(t *testing.T, source, dir, kind string, flags uintptr, data string) bool {
	t.Helper()
	if err := syscall.Mount(source, dir, kind, flags, data); err != nil {
		t.Logf("not tested: mounting needs root (%v)", err)
		return false
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
			_ = syscall.Unmount(dir, syscall.MNT_DETACH)
		}
	})
	return true
}

// smallDisk is a folder on a disk of one megabyte.
func smallDisk(t *testing.T) (string, bool) {
	t.Helper()
	dir := t.TempDir()
	return dir, mount(t, "tmpfs", dir, "tmpfs", 0, "size=1m")
}

// A disk that cannot be written, for whoever it is.
func TestReadOnlyDisk(t *testing.T) {
	path := filled(t, 10)
	if err := os.Remove(path + "-shm"); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if !mount(t, filepath.Dir(path), dir, "", syscall.MS_BIND, "") {
		return
	}
	must(t, syscall.Mount("", dir, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	path = filepath.Join(dir, filepath.Base(path))
	for name, e := range map[string]weft.Engine{
		"plain":  sqlite.Open(path),
		"option": sqlite.Open(path, sqlite.ReadOnly()),
	} {
		t.Run(name, func(t *testing.T) {
			db, err := weft.Open(e, allModels())
			if err != nil {
				fails(t, err, weft.ErrDatabase, path, "cannot be opened", "read and written")
				return
			}
			readOnly(t, db, path)
			must(t, db.Close())
		})
	}
	_, err := weft.Open(sqlite.Open(filepath.Join(dir, "new.db")), allModels(), weft.AutoMigrate())
	fails(t, err, weft.ErrDatabase, "new.db", "opened", "folder")
	t.Run("immutable", func(t *testing.T) {
		db, err := weft.Open(sqlite.Open("file:"+path+"?immutable=1"), allModels())
		must(t, err)
		readOnly(t, db, path)
		must(t, db.Close())
	})
}

// The file itself may be made unchangeable, also for root.
func TestReadOnlyPermission(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Log("root may write any file; TestReadOnlyDisk tests what root may not")
		return
	}
	path := filled(t, 10)
	must(t, os.Chmod(path, 0o400))
	db, err := weft.Open(sqlite.Open(path), allModels())
	if err != nil {
		fails(t, err, weft.ErrDatabase, path, "writ")
		return
	}
	readOnly(t, db, path)
	must(t, db.Close())
}

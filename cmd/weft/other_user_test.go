//go:build linux

package main

import (
	"database/sql"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// nobody is a user without rights of its own.
const nobody = 65534

// userFolder makes a folder that other users can reach, with this program in it.
func userFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "weft-user-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = os.Chmod(filepath.Join(dir, "data"), 0o755)
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	from, err := os.Open(exe)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := os.OpenFile(filepath.Join(dir, "weft"), os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(dir, "data")} {
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// asNobody runs the command as a user who may read the folder and not write it:
// another user where this one is root, else this one without the right.
func asNobody(t *testing.T, dir string, args ...string) (status int, out string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "weft"), args...)
	cmd.Dir = filepath.Join(dir, "data")
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	if os.Getenv("GOCOVERDIR") != "" { // it could not write there, and would say so
		cover := filepath.Join(dir, "cover")
		if err := errors.Join(os.MkdirAll(cover, 0o777), os.Chmod(cover, 0o777)); err != nil {
			t.Fatal(err)
		}
		cmd.Env = append(os.Environ(), "GOCOVERDIR="+cover)
	}
	data, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(data)
}

// A database in a folder that cannot be written is read all the same, whole and
// without a trace, and the doctor says what cannot be done there.
func TestAFolderThatCannotBeWritten(t *testing.T) {
	for _, journal := range []string{wal, "PRAGMA journal_mode=DELETE"} {
		dir := userFolder(t)
		data := filepath.Join(dir, "data")
		path := filepath.Join(data, "app.db")
		makeDatabase(t, path, journal, "CREATE TABLE t (a)", "INSERT INTO t VALUES (42)")
		for p, mode := range map[string]os.FileMode{path: 0o444, data: 0o555} {
			if err := os.Chmod(p, mode); err != nil {
				t.Fatal(err)
			}
		}
		if status, out := asNobody(t, dir, "query", "app.db", "SELECT a FROM t", "--format", "csv"); status != exitOK || out != "a\n42\n" {
			t.Errorf("query: %d, %s", status, out)
		}
		status, out := asNobody(t, dir, "query", "app.db", "--write", "DELETE FROM t")
		if status != exitError || !strings.Contains(out, "cannot be") {
			t.Errorf("a write: %d, %s", status, out)
		}
		status, out = asNobody(t, dir, "doctor", "app.db")
		if status != exitOK || !strings.Contains(out, "warn  permissions: app.db can be read but not written by this user (mode 0444)") ||
			!strings.Contains(out, "warn  permissions: the folder "+data+" cannot be written by this user") ||
			!strings.Contains(out, "ok    integrity") {
			t.Errorf("doctor: %d, %s", status, out)
		}
		if got := fileNames(t, data); !slices.Equal(got, []string{"app.db"}) {
			t.Errorf("there are %q", got)
		}
		if os.Geteuid() == 0 {
			if err := os.Chmod(path, 0o600); err != nil {
				t.Fatal(err)
			}
			if status, out := asNobody(t, dir, "doctor", "app.db"); status != exitError || !strings.Contains(out, "fail  file: app.db cannot be read (permission denied)") {
				t.Errorf("a file of another user: %d, %s", status, out)
			}
		}
	}
}

// What was committed last lies in a log that cannot be read without writing
// beside it.
func TestALogThatCannotBeBroughtHome(t *testing.T) {
	dir := userFolder(t)
	data := filepath.Join(dir, "data")
	live := filepath.Join(t.TempDir(), "app.db")
	makeDatabase(t, live, wal, "CREATE TABLE t (a)")
	db, err := sql.Open("sqlite", live)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("INSERT INTO t VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	for _, end := range []string{"", "-wal"} {
		content, err := os.ReadFile(live + end)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(data, "app.db"+end), content, 0o444); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(data, 0o555); err != nil {
		t.Fatal(err)
	}
	status, out := asNobody(t, dir, "doctor", "app.db")
	if status != exitError || !strings.Contains(out, "warn  journal: app.db-wal") || !strings.Contains(out, "fail  open: ") ||
		!strings.Contains(out, "copy the file and those beside it") {
		t.Errorf("doctor: %d, %s", status, out)
	}
	status, out = asNobody(t, dir, "query", "app.db", "SELECT a FROM t")
	if status != exitError || strings.Count(out, "\n") != 1 {
		t.Errorf("query: %d, %s", status, out)
	}
}

// A log that another user left, such as root, keeps the programs of the owner
// out.
func TestFilesOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("needs a second user; only root has one to give")
		return
	}
	dir := userFolder(t)
	data := filepath.Join(dir, "data")
	path := filepath.Join(data, "app.db")
	makeDatabase(t, path, wal, "CREATE TABLE t (a)")
	if err := os.WriteFile(path+"-wal", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{data, path} {
		if err := os.Chown(p, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(path, 0o646); err != nil {
		t.Fatal(err)
	}
	status, out := asNobody(t, dir, "doctor", "app.db")
	if status != exitError || !strings.Contains(out, "fail  permissions: app.db-wal cannot be written by this user (mode 0644) although the database can") ||
		!strings.Contains(out, "warn  permissions: every user of this machine may write app.db (mode 0646)") {
		t.Errorf("%d, %s", status, out)
	}
	if err := os.Chmod(path+"-wal", 0o666); err != nil {
		t.Fatal(err)
	}
	if _, out = asNobody(t, dir, "doctor", "app.db"); !strings.Contains(out, "warn  permissions: app.db-wal belongs to another user than the database") {
		t.Error(out)
	}
}

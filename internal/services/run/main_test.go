//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weftdb/weft/internal/services"
)

// The test binary is the command when it is asked to be.
func TestMain(m *testing.M) {
	if os.Getenv("WEFT_SERVICES_RUN") == "1" {
		os.Unsetenv("WEFT_SERVICES_RUN")
		main()
	}
	os.Exit(m.Run())
}

// temporary is a folder that servers' users can enter too.
func temporary(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "services-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// under starts the command with a temporary folder of its own.
func under(t *testing.T, dir string, environ []string, args ...string) (*exec.Cmd, *bufio.Reader, *bytes.Buffer) {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(append(os.Environ(), "WEFT_SERVICES_RUN=1", "TMPDIR="+dir), environ...)
	said := new(bytes.Buffer)
	cmd.Stderr = said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd, bufio.NewReader(out), said
}

// waiting is a command that says where the servers are and goes on until a
// file is there.
func waiting(file string) []string {
	return []string{"sh", "-c", `for v in $WEFT_TEST_POSTGRES "$WEFT_TEST_MYSQL" $WEFT_TEST_REDIS; do echo "$v"; done; until [ -e "$0" ]; do sleep 0.1; done`, file}
}

func read(t *testing.T, out *bufio.Reader, said *bytes.Buffer, lines int) []string {
	t.Helper()
	var list []string
	for range lines {
		line, err := out.ReadString('\n')
		if err != nil {
			t.Fatalf("the command said %q and ended (%v):\n%s", list, err, said)
		}
		list = append(list, strings.TrimSpace(line))
	}
	return list
}

func status(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		return -2
	}
	return 0
}

// processes are those whose arguments name a folder, or the port of Redis.
func processes(t *testing.T, dir, redis string) []string {
	t.Helper()
	out, err := exec.Command("ps", "-A", "-o", "pid=,args=").Output()
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, filepath.Join(dir, prefix)) || redis != "" && strings.Contains(line, redis) {
			list = append(list, strings.TrimSpace(line))
		}
	}
	return list
}

// gone waits until no server of a folder runs; that of Redis has an address.
func gone(t *testing.T, dir, redis string) {
	t.Helper()
	redis = strings.TrimSuffix(strings.TrimPrefix(redis, "redis://"), "/0")
	var left []string
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		if left = processes(t, dir, redis); len(left) == 0 {
			return
		}
	}
	t.Errorf("these servers still run: %q", left)
}

func folders(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, prefix+"*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// private asks for servers of its own, or skips where they are not installed
// and may be missing.
func private(t *testing.T) []string {
	t.Helper()
	for _, names := range [][]string{{"postgres"}, {"mariadbd", "mysqld"}, {"redis-server", "valkey-server"}} {
		if _, err := machine().program(nil, names...); err != nil {
			if os.Getenv("WEFT_TEST_SKIP_SERVICES") == "1" {
				t.Skipf("SKIPPED, because WEFT_TEST_SKIP_SERVICES is 1: %v", err)
			}
			t.Logf("%v, so it is installed if this machine can", err)
		}
	}
	return []string{"WEFT_TEST_POSTGRES=private", "WEFT_TEST_MYSQL=private", "WEFT_TEST_REDIS=private"}
}

func TestPrivateServers(t *testing.T) {
	dir := temporary(t)
	file := filepath.Join(dir, "end")
	cmd, out, said := under(t, dir, append(private(t), "PATH=/usr/bin:/bin"), waiting(file)...)
	at := read(t, out, said, 3)
	ctx := context.Background()
	for i, try := range []func(context.Context, string) (string, error){services.TryPostgres, services.TryMySQL, services.TryRedis} {
		if _, err := try(ctx, at[i]); err != nil {
			t.Errorf("%s does not answer: %v", at[i], err)
		}
	}
	for i, usual := range []string{services.UsualPostgres, services.UsualMySQL, services.UsualRedis} {
		if at[i] == usual {
			t.Errorf("%s is that of the machine", usual)
		}
	}
	if n := len(processes(t, dir, strings.TrimSuffix(strings.TrimPrefix(at[2], "redis://"), "/0"))); n < 3 {
		t.Errorf("%d servers run in %s", n, dir)
	}
	// Another run at the same time has others, and leaves these alone.
	if second, err := func() ([]byte, error) {
		cmd, out, said := under(t, dir, private(t), "sh", "-c", "echo $WEFT_TEST_REDIS")
		text, _ := io.ReadAll(out)
		if err := cmd.Wait(); err != nil {
			t.Error(said)
		}
		return text, nil
	}(); err != nil || strings.TrimSpace(string(second)) == at[2] {
		t.Errorf("a second run has %s, %v", second, err)
	}
	if _, err := services.TryMySQL(ctx, at[1]); err != nil {
		t.Errorf("after a second run: %v", err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
	gone(t, dir, at[2])
	if left := folders(t, dir); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func TestEndsBySignal(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			dir := temporary(t)
			cmd, out, said := under(t, dir, private(t), waiting(filepath.Join(dir, "never"))...)
			at := read(t, out, said, 3)
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if code := status(cmd.Wait()); code != 128+int(sig) {
				t.Errorf("the status is %d\n%s", code, said)
			}
			gone(t, dir, at[2])
			if left := folders(t, dir); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}

// A signal that comes while the servers start.
func TestEndsEarly(t *testing.T) {
	dir := temporary(t)
	cmd, _, said := under(t, dir, private(t), waiting(filepath.Join(dir, "never"))...) // the signal may also be late
	for deadline := time.Now().Add(2 * time.Minute); len(folders(t, dir)) == 0 && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := status(cmd.Wait()); code != 130 {
		t.Errorf("the status is %d\n%s", code, said)
	}
	gone(t, dir, "")
	if left := folders(t, dir); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// Nobody can do anything when the command is killed: the servers end by
// themselves where the system tells them, and the next run does the rest.
func TestKilledRunIsCleared(t *testing.T) {
	dir := temporary(t)
	cmd, out, said := under(t, dir, private(t), waiting(filepath.Join(dir, "never"))...)
	at := read(t, out, said, 3)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if runtime.GOOS == "linux" {
		gone(t, dir, at[2])
	}
	if len(folders(t, dir)) != 1 {
		t.Errorf("the killed run left %q; this test expects a folder", folders(t, dir))
	}
	next, _, said := under(t, dir, nil, "true")
	if err := next.Wait(); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
	gone(t, dir, at[2])
	if left := folders(t, dir); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func TestClosedFolder(t *testing.T) {
	if os.Geteuid() != 0 {
		private(t) // nothing to see: servers run as the user that owns the folder
		return
	}
	dir := temporary(t)
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd, _, said := under(t, dir, append(private(t), "WEFT_TEST_SKIP_SERVICES="), "true")
	if code := status(cmd.Wait()); code != 1 || !strings.Contains(said.String(), dir+" cannot be entered") {
		t.Errorf("the status is %d\n%s", code, said)
	}
}

func TestStatusOfCommand(t *testing.T) {
	for _, c := range []struct {
		script string
		want   int
	}{{"exit 0", 0}, {"exit 3", 3}, {"kill -KILL $$", 137}} {
		dir := temporary(t)
		cmd, out, said := under(t, dir, []string{"WEFT_TEST_REDIS=private"}, "sh", "-c", "echo $WEFT_TEST_REDIS; "+c.script)
		at := read(t, out, said, 1)
		if got := status(cmd.Wait()); got != c.want {
			t.Errorf("%s: the status is %d, want %d\n%s", c.script, got, c.want, said)
		}
		gone(t, dir, at[0])
		if left := folders(t, dir); len(left) > 0 {
			t.Errorf("%s left %q", c.script, left)
		}
	}
}

func TestServerThatDoesNotAnswer(t *testing.T) {
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	nobody := "WEFT_TEST_REDIS=redis://127.0.0.1:" + strconv.Itoa(port) + "/0"
	cmd, out, said := under(t, temporary(t), []string{nobody, "WEFT_TEST_SKIP_SERVICES="}, "echo", "ran")
	text, _ := io.ReadAll(out)
	if code := status(cmd.Wait()); code != 1 || len(text) > 0 {
		t.Errorf("the status is %d, the command said %q", code, text)
	}
	for _, want := range []string{"no Redis to test on: that of WEFT_TEST_REDIS does not answer", "WEFT_TEST_SKIP_SERVICES=1"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("%q is not in\n%s", want, said)
		}
	}
	cmd, out, said = under(t, temporary(t), []string{nobody, "WEFT_TEST_SKIP_SERVICES=1"}, "echo", "ran")
	text, _ = io.ReadAll(out)
	if code := status(cmd.Wait()); code != 0 || string(text) != "ran\n" {
		t.Errorf("the status is %d, the command said %q\n%s", code, text, said)
	}
	if n := strings.Count(said.String(), "Redis"); n != 2 || !strings.Contains(said.String(), "SKIPPED, because WEFT_TEST_SKIP_SERVICES is 1") {
		t.Errorf("skipping is not loud:\n%s", said)
	}
}

// What is not installed is installed on Debian by root, and nowhere else.
func TestInstall(t *testing.T) {
	dir := temporary(t)
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	apt := filepath.Join(dir, "apt-get")
	script := "#!/bin/sh\necho \"$*\" >>" + dir + "/calls\n" +
		"case $1 in install) printf '#!/bin/sh\\n' >" + bin + "/looms; chmod +x " + bin + "/looms;; esac\n"
	if err := os.WriteFile(apt, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	try := func(f finder, may bool) (string, error) {
		f.folders = []string{bin}
		s := &site{find: &f, mayInstall: may, log: io.Discard}
		return s.need(ctx, []string{"loom-server"}, nil, "loomd", "looms")
	}
	for _, c := range []struct {
		f    finder
		may  bool
		want string
	}{
		{finder{root: true}, true, "loomd is not installed, and without apt-get you have to install it yourself"},
		{finder{apt: apt}, true, "only root can install it: apt-get install loom-server"},
		{finder{apt: apt, root: true}, false, "nothing is installed with WEFT_TEST_SKIP_SERVICES"},
	} {
		if _, err := try(c.f, c.may); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v; want %q", err, c.want)
		}
	}
	path, err := try(finder{apt: apt, root: true}, true)
	if err != nil || path != filepath.Join(bin, "looms") {
		t.Errorf("%s, %v", path, err)
	}
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	if want := "update -q\ninstall -q -y --no-install-recommends loom-server\n"; err != nil || string(calls) != want {
		t.Errorf("apt-get was called with %q, %v", calls, err)
	}
	if err := os.WriteFile(apt, []byte("#!/bin/sh\necho no network; exit 100\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(bin, "looms")); err != nil {
		t.Fatal(err)
	}
	if _, err := try(finder{apt: apt, root: true}, true); err == nil || !strings.Contains(err.Error(), "no network") {
		t.Errorf("an apt-get that fails: %v", err)
	}
}

// The newest PostgreSQL counts, and what stands in PATH comes last.
func TestFinder(t *testing.T) {
	dir := temporary(t)
	for _, name := range []string{"9/bin/loomd", "15/bin/loomd", "15/bin/initloom", "16/bin/loomd", "path/loomd", "path/initloom"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", filepath.Join(dir, "path"))
	f := finder{folders: []string{dir + "/[0-9]*/bin"}}
	for _, c := range []struct {
		beside []string
		want   string
	}{{nil, "16/bin/loomd"}, {[]string{"initloom"}, "15/bin/loomd"}} {
		if got, err := f.program(c.beside, "loomd"); err != nil || got != filepath.Join(dir, c.want) {
			t.Errorf("beside %q: %s, %v", c.beside, got, err)
		}
	}
	f.folders = nil
	if got, err := f.program(nil, "loomd"); err != nil || got != filepath.Join(dir, "path/loomd") {
		t.Errorf("%s, %v", got, err)
	}
}

//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// errEnded is a server that ended before it answered.
var errEnded = errors.New("it ended at once")

// site is the temporary folder with the servers of this run.
type site struct {
	find       *finder
	mayInstall bool
	log        io.Writer
	dir        string
	servers    []*server
}

// server is a process that serves.
type server struct {
	cmd  *exec.Cmd
	end  syscall.Signal // ends it at once; its data is of no use any more
	log  string
	done chan struct{} // closed when it ended
}

const prefix = "weft-services-"

// folder makes a folder in the site for one server, which its user owns.
func (s *site) folder(name string, who *account) (string, error) {
	if s.dir == "" {
		dir, err := os.MkdirTemp("", prefix+strconv.Itoa(os.Getpid())+"-")
		if err != nil {
			return "", err
		}
		s.dir = dir
		// Servers run as other users when this one is root.
		if err := os.Chmod(dir, 0o711); err != nil {
			return "", err
		}
		for at := filepath.Dir(dir); s.find.root && at != filepath.Dir(at); at = filepath.Dir(at) {
			if info, err := os.Stat(at); err == nil && info.Mode()&0o001 == 0 {
				return "", fmt.Errorf("the folder %s cannot be entered by the users that servers run as; set TMPDIR to another, such as /tmp", at)
			}
		}
	}
	dir, err := os.MkdirTemp(s.dir, name)
	if err != nil {
		return "", err
	}
	if who != nil {
		err = os.Chown(dir, int(who.uid), int(who.gid))
	}
	return dir, err
}

// command is a program run as a user, in a folder of the user's, without
// whatever the environment says to such programs.
func command(ctx context.Context, who *account, death syscall.Signal, dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin", "LC_ALL=C", "TZ=UTC", "HOME=" + dir, "TMPDIR=" + dir}
	cmd.SysProcAttr = attributes(death)
	cmd.WaitDelay = 10 * time.Second
	if who != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: who.uid, Gid: who.gid}
	}
	return cmd
}

// prepare runs a program to its end.
func prepare(ctx context.Context, who *account, dir, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	cmd := command(ctx, who, syscall.SIGKILL, dir, name, args...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(name), err, tail(string(out)))
	}
	return nil
}

// serve starts a server and waits until it answers. The mark is something in
// its arguments that no other process has in its own.
func (s *site) serve(ctx context.Context, who *account, dir, mark string, end syscall.Signal, answers func(context.Context) error, name string, args ...string) error {
	cmd := command(context.Background(), who, end, dir, name, args...)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	v := &server{cmd: cmd, end: end, log: log.Name(), done: make(chan struct{})}
	go func() { _ = cmd.Wait(); close(v.done) }()
	s.servers = append(s.servers, v)
	if err := s.remember(cmd.Process.Pid, mark); err != nil {
		return err
	}
	deadline := time.NewTimer(2 * time.Minute)
	defer deadline.Stop()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		err := answers(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-v.done:
			return fmt.Errorf("%s: %w\n%s", filepath.Base(name), errEnded, v.said())
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			return fmt.Errorf("%s does not answer: %w\n%s", filepath.Base(name), err, v.said())
		case <-again.C:
		}
	}
}

// remember notes a server, so that a later run can stop it when this one
// could not.
func (s *site) remember(pid int, mark string) error {
	f, err := os.OpenFile(filepath.Join(s.dir, "servers"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, pid, mark)
	return errors.Join(err, f.Close())
}

// said are the last lines that a server wrote.
func (v *server) said() string {
	data, err := os.ReadFile(v.log)
	if err != nil {
		return err.Error()
	}
	return tail(string(data))
}

func tail(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// close stops the servers and removes the folder.
func (s *site) close() error {
	for _, v := range s.servers {
		_ = v.cmd.Process.Signal(v.end)
	}
	for _, v := range s.servers {
		select {
		case <-v.done:
		case <-time.After(10 * time.Second):
			_ = v.cmd.Process.Kill()
			<-v.done
		}
	}
	s.servers = nil
	if s.dir == "" {
		return nil
	}
	return removeAll(s.dir)
}

// removeAll removes a folder in which processes that are about to end may
// still write.
func removeAll(dir string) error {
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := os.RemoveAll(dir)
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// removeLeftovers stops and removes what runs that were killed left behind.
func removeLeftovers(log io.Writer) {
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		owner, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), prefix), "-")
		pid, err := strconv.Atoi(owner)
		if err != nil || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			continue
		}
		servers, _ := os.ReadFile(filepath.Join(dir, "servers"))
		for line := range strings.Lines(string(servers)) {
			id, mark, _ := strings.Cut(strings.TrimSpace(line), " ")
			pid, err := strconv.Atoi(id)
			if err != nil || mark == "" {
				continue
			}
			// The number may be another process's by now.
			args, err := exec.Command("ps", "-o", "args=", "-p", id).Output()
			if err == nil && strings.Contains(string(args), mark) {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		if err := removeAll(dir); err != nil {
			fmt.Fprintf(log, "services: what a killed run left in %s cannot be removed: %v\n", dir, err)
		}
	}
}

// freePort is a port that nobody listens on now.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

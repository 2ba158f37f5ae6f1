package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Inside starts this program again, with its arguments, in a network and a
// mount table of its own, and returns its exit status. What it makes there,
// networks and mounts, ends with it, however it ends. ErrNoNamespaces says that
// this process may not do so.
func Inside(env ...string) (status int, err error) {
	exe, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(exe, os.Args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL,
	}
	// The thread that starts the child must live as long as it does.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrNoNamespaces, err)
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil
	}
	return 0, err
}

// ErrNoNamespaces says that this process may not make networks of its own.
var ErrNoNamespaces = errors.New("no network namespaces here")

// Settle makes what Inside gave usable: mounts made from here on stay here, and
// loopback works. It is called once, before anything else.
func Settle() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts here: %w", err)
	}
	if err := os.MkdirAll("/run/netns", 0o755); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", "/run/netns", "tmpfs", 0, "size=1m"); err != nil {
		return fmt.Errorf("mount /run/netns: %w", err)
	}
	return command("ip", "link", "set", "lo", "up")
}

// Namespaces is a network of its own for each node, on one bridge. It works in
// a process that Inside started only.
type Namespaces struct {
	name  string
	home  *os.File
	nodes []*os.File

	mu    sync.Mutex
	cut   bool
	lines []*line
}

var counter struct {
	sync.Mutex
	n int
}

// NewNamespaces makes networks for n nodes.
func NewNamespaces(n int) (*Namespaces, error) {
	counter.Lock()
	counter.n++
	s := &Namespaces{name: fmt.Sprintf("s%d", counter.n)}
	subnet := counter.n
	counter.Unlock()
	var err error
	if s.home, err = os.Open("/proc/self/ns/net"); err != nil {
		return nil, err
	}
	bridge := s.name + "b"
	steps := [][]string{
		{"link", "add", bridge, "type", "bridge"},
		{"addr", "add", fmt.Sprintf("10.83.%d.254/24", subnet), "dev", bridge},
		{"link", "set", bridge, "up"},
	}
	for i := range n {
		ns, outer := s.node(i), fmt.Sprintf("%sv%d", s.name, i)
		steps = append(steps, [][]string{
			{"netns", "add", ns},
			{"link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", ns},
			{"link", "set", outer, "master", bridge},
			{"link", "set", outer, "up"},
			{"-n", ns, "link", "set", "lo", "up"},
			{"-n", ns, "addr", "add", fmt.Sprintf("10.83.%d.%d/24", subnet, i+1), "dev", "eth0"},
			{"-n", ns, "link", "set", "eth0", "up"},
			{"-n", ns, "route", "add", "default", "via", fmt.Sprintf("10.83.%d.254", subnet)},
		}...)
	}
	for _, step := range steps {
		if err := command("ip", step...); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	for i := range n {
		f, err := os.Open(filepath.Join("/run/netns", s.node(i)))
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.nodes = append(s.nodes, f)
	}
	return s, nil
}

func (s *Namespaces) node(i int) string { return fmt.Sprintf("%sn%d", s.name, i) }

// Close takes the networks away. What runs in them must have ended.
func (s *Namespaces) Close() error {
	errs := []error{s.Heal(), s.home.Close()}
	for i, f := range s.nodes {
		errs = append(errs, f.Close(), command("ip", "netns", "del", s.node(i)))
	}
	return errors.Join(append(errs, command("ip", "link", "del", s.name+"b"))...)
}

// IP is an address in the node's network.
func (s *Namespaces) IP(i int) string {
	return fmt.Sprintf("10.83.%s.%d", s.name[1:], i+1)
}

// Enter runs fn on a thread that is in the node's network.
func (s *Namespaces) Enter(i int, fn func() error) error {
	runtime.LockOSThread()
	if err := unix.Setns(int(s.nodes[i].Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter the network of node %d: %w", i+1, err)
	}
	err := fn()
	if back := unix.Setns(int(s.home.Fd()), unix.CLONE_NEWNET); back != nil {
		return errors.Join(err, back) // the thread stays locked and ends with its goroutine
	}
	runtime.UnlockOSThread()
	return err
}

// Cut drops all packets from one node to another, in that direction only.
func (s *Namespaces) Cut(from, to int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = true
	return s.Enter(to, func() error {
		return command("iptables", "-w", "-A", "INPUT", "-s", s.IP(from), "-j", "DROP")
	})
}

// Lose drops a share of the packets from one node to another, chosen by chance,
// in that direction only.
func (s *Namespaces) Lose(from, to int, share float64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = true
	return s.Enter(to, func() error {
		return command("iptables", "-w", "-A", "INPUT", "-s", s.IP(from), "-m", "statistic", "--mode", "random",
			"--probability", fmt.Sprintf("%.3f", share), "-j", "DROP")
	})
}

// Delay holds each packet from one node to another, in that direction only, for a
// random time from least to most. They keep their order. Heal lets go of those
// that are held.
func (s *Namespaces) Delay(from, to int, least, most time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = true
	return s.Enter(to, func() error {
		l, err := newLine(uint16(from), least, most)
		if err != nil {
			return err
		}
		s.lines = append(s.lines, l)
		return command("iptables", "-w", "-A", "INPUT", "-s", s.IP(from), "-j", "NFQUEUE", "--queue-num", fmt.Sprint(from))
	})
}

// Heal lets all packets through again.
func (s *Namespaces) Heal() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.cut {
		return nil
	}
	var errs []error
	for i := range s.nodes {
		errs = append(errs, s.Enter(i, func() error { return command("iptables", "-w", "-F", "INPUT") }))
	}
	for _, l := range s.lines { // after the rules, so that no packet comes to a queue of nobody
		errs = append(errs, l.end())
	}
	s.cut, s.lines = false, nil
	return errors.Join(errs...)
}

// Reaches reports whether a packet of node i arrives at another node's port.
func (s *Namespaces) Reaches(ctx context.Context, i int, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	var conn net.Conn
	err := s.Enter(i, func() (err error) {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp4", address)
		return err
	})
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

func command(name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	said, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(said)))
	}
	return nil
}

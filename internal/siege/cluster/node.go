//go:build unix

package cluster

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Node is one process, or what is left of it while it does not run.
type Node struct {
	Index int
	Dir   string // all that it keeps, and output.txt with what it said
	HTTP  int    // port of its HTTP interface, on 127.0.0.1 of its network
	Peer  int    // port at which the other nodes reach it, on Network.IP

	cluster *Cluster
	client  *http.Client

	mu     sync.Mutex
	cmd    *exec.Cmd
	ended  chan struct{} // closed when the process is gone
	how    error         // how it ended, once ended is closed
	paused bool
	killed bool
}

// Start starts the process. It must not run.
func (n *Node) Start() error {
	if n.Running() {
		return fmt.Errorf("node %d runs already", n.Index+1)
	}
	args, err := n.cluster.Program.Command(n.cluster, n)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(filepath.Join(n.Dir, "output.txt"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = n.Dir
	cmd.Env = append(os.Environ(), n.cluster.env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = attributes()
	if err := n.cluster.Network.Enter(n.Index, cmd.Start); err != nil {
		return fmt.Errorf("start node %d: %w", n.Index+1, err)
	}
	ended := make(chan struct{})
	n.mu.Lock()
	n.cmd, n.ended, n.paused, n.killed = cmd, ended, false, false
	n.mu.Unlock()
	go func() { // ends with the process, for which Kill and Stop wait
		err := cmd.Wait()
		n.mu.Lock()
		n.how = err
		n.mu.Unlock()
		close(ended)
	}()
	return nil
}

// Running reports whether the process is there, paused or not.
func (n *Node) Running() bool {
	n.mu.Lock()
	ended := n.ended
	n.mu.Unlock()
	if ended == nil {
		return false
	}
	select {
	case <-ended:
		return false
	default:
		return true
	}
}

// Exited is an error when the process ended without having been told to.
func (n *Node) Exited() error {
	if n.Running() {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.killed || n.ended == nil {
		return nil
	}
	return fmt.Errorf("node %d ended by itself: %v", n.Index+1, n.how)
}

// Pid of the process; 0 when there is none.
func (n *Node) Pid() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil {
		return 0
	}
	return n.cmd.Process.Pid
}

// Kill ends the process as a power cut would, and waits until it is gone.
func (n *Node) Kill() error { return n.end(syscall.SIGKILL, 10*time.Second) }

// Dump ends the process with what all its goroutines do in its output.
func (n *Node) Dump() error { return n.end(syscall.SIGQUIT, 10*time.Second) }

// Stop asks the process to end and waits; after 15 s it is killed, which is an
// error.
func (n *Node) Stop() error { return n.end(syscall.SIGTERM, 15*time.Second) }

func (n *Node) end(sig syscall.Signal, patience time.Duration) error {
	if !n.Running() {
		return nil
	}
	n.mu.Lock()
	cmd, ended := n.cmd, n.ended
	n.killed, n.paused = true, false
	n.mu.Unlock()
	if err := cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("end node %d: %w", n.Index+1, err)
	}
	n.client.CloseIdleConnections()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-ended:
		return nil
	case <-timer.C:
		_ = cmd.Process.Kill()
		<-ended
		return fmt.Errorf("node %d did not end within %v of signal %d", n.Index+1, patience, sig)
	}
}

// Pause stops the process where it is (SIGSTOP), Resume lets it go on.
func (n *Node) Pause() { n.signal(syscall.SIGSTOP, true) }

// Resume lets a paused process go on.
func (n *Node) Resume() {
	if n.Paused() {
		n.signal(syscall.SIGCONT, false)
	}
}

// Paused reports whether the process was paused.
func (n *Node) Paused() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.paused
}

func (n *Node) signal(sig syscall.Signal, paused bool) {
	if !n.Running() {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd.Process.Signal(sig) == nil {
		n.paused = paused
	}
}

// Output is all that the process said, over all its starts.
func (n *Node) Output() string {
	data, err := os.ReadFile(filepath.Join(n.Dir, "output.txt"))
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// Tail is the end of Output, for messages.
func (n *Node) Tail() string {
	lines := strings.Split(strings.TrimRight(n.Output(), "\n"), "\n")
	if len(lines) > 40 {
		lines = lines[len(lines)-40:]
	}
	return fmt.Sprintf("node %d said:\n  %s", n.Index+1, strings.Join(lines, "\n  "))
}

//go:build unix

// Command run gives a command the database servers that tests work on:
//
//	run go test ./...
//
// PostgreSQL, MariaDB or MySQL, and Redis are those that WEFT_TEST_POSTGRES,
// WEFT_TEST_MYSQL and WEFT_TEST_REDIS name, else those that answer on their
// usual ports of this machine, else private ones in a temporary folder, started
// from installed programs, which are installed first on Debian as root. The
// command finds them in these variables. When it ends, whatever way, the private
// ones are stopped and removed. The value "private" asks for a private one.
//
// A server that cannot be had is an error, unless WEFT_TEST_SKIP_SERVICES is 1:
// then nothing is installed, and its tests are skipped, which is said at the
// beginning and at the end.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func main() {
	// Servers are told when the thread that started them ends, and the main
	// thread does not end before the process.
	runtime.LockOSThread()
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: run command [arguments]")
		os.Exit(2)
	}
	code, err := run(os.Args[1:], os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "services:", err)
	}
	os.Exit(code)
}

// service is one server that tests want.
type service struct {
	name     string // "PostgreSQL"
	variable string // WEFT_TEST_POSTGRES
	usual    string // where it is when nobody says
	try      func(ctx context.Context, address string) (version string, err error)
	start    func(ctx context.Context, s *site) (address string, err error)
}

func all() []service {
	return []service{postgresService(), mysqlService(), redisService()}
}

// run gives the exit status of the command.
func run(command []string, log io.Writer) (code int, err error) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	s := &site{find: machine(), log: log}
	defer func() { err = errors.Join(err, s.close()) }()
	removeLeftovers(log)
	type outcome struct {
		environ, missing []string
		err              error
	}
	// The servers are started by this goroutine, which is locked to the main
	// thread; another watches for signals meanwhile.
	stop, watched := make(chan struct{}), make(chan struct{})
	interrupted := make(chan os.Signal, 1)
	go func() {
		defer close(watched)
		select {
		case sig := <-signals:
			interrupted <- sig
			cancel()
		case <-stop:
		}
	}()
	var got outcome
	got.environ, got.missing, got.err = provide(ctx, s, log)
	close(stop)
	<-watched // it may be about to say that it has a signal
	select {
	case sig := <-interrupted:
		return 128 + int(sig.(syscall.Signal)), nil
	default:
	}
	if got.err != nil {
		return 1, got.err
	}
	code, err = execute(command, append(os.Environ(), got.environ...), signals)
	if len(got.missing) > 0 {
		fmt.Fprintf(log, "services: SKIPPED, because WEFT_TEST_SKIP_SERVICES is 1: everything that needs %s\n", strings.Join(got.missing, ", "))
	}
	return code, err
}

// provide finds or starts every service and gives the variables that say
// where they are.
func provide(ctx context.Context, s *site, log io.Writer) (environ, missing []string, err error) {
	skip := os.Getenv("WEFT_TEST_SKIP_SERVICES") == "1"
	s.mayInstall = !skip
	for _, v := range all() {
		address, how, err := v.provide(ctx, s)
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if err != nil && !skip {
			return nil, nil, fmt.Errorf("no %s to test on: %w\nset %s to the address of one, or WEFT_TEST_SKIP_SERVICES=1 to leave its tests out", v.name, err, v.variable)
		}
		if err != nil {
			fmt.Fprintf(log, "services: no %s, so its tests are skipped: %v\n", v.name, err)
			missing = append(missing, v.name)
			continue
		}
		version, err := v.try(ctx, address)
		if err != nil {
			return nil, nil, err
		}
		fmt.Fprintf(log, "services: %s %s, %s\n", v.name, version, how)
		environ = append(environ, v.variable+"="+address)
	}
	return environ, missing, nil
}

// provide gives the address of a service that answers, and where it was found.
func (v *service) provide(ctx context.Context, s *site) (address, how string, err error) {
	switch asked := os.Getenv(v.variable); asked {
	case "private":
	case "":
		if _, err := v.try(ctx, v.usual); err == nil {
			return v.usual, "which was running", nil
		}
	default:
		if _, err := v.try(ctx, asked); err != nil {
			return "", "", fmt.Errorf("that of %s does not answer: %w", v.variable, err)
		}
		return asked, "that of " + v.variable, nil
	}
	// The port was free a moment ago; somebody may have taken it since.
	for range 3 {
		if address, err = v.start(ctx, s); err == nil || ctx.Err() != nil || !errors.Is(err, errEnded) {
			break
		}
	}
	return address, "started for this run", err
}

// execute runs the command in a process group of its own, passes signals on to
// it, and gives its exit status. The group is gone when it returns.
func execute(command, environ []string, signals <-chan os.Signal) (int, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = environ
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = attributes(syscall.SIGTERM)
	if err := cmd.Start(); err != nil {
		return 127, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	group := -cmd.Process.Pid
	defer func() { _ = syscall.Kill(group, syscall.SIGKILL) }()
	var (
		patience <-chan time.Time
		told     syscall.Signal
	)
	for {
		select {
		case sig := <-signals:
			if told != 0 {
				_ = syscall.Kill(group, syscall.SIGKILL)
				continue
			}
			told = sig.(syscall.Signal)
			_ = syscall.Kill(group, told)
			patience = time.After(20 * time.Second)
		case <-patience:
			_ = syscall.Kill(group, syscall.SIGKILL)
		case err := <-done:
			var exit *exec.ExitError
			switch {
			case told != 0:
				return 128 + int(told), nil
			case errors.As(err, &exit):
				if status := exit.Sys().(syscall.WaitStatus); status.Signaled() {
					return 128 + int(status.Signal()), fmt.Errorf("the command was killed: %s", status.Signal())
				}
				return exit.ExitCode(), nil
			case err != nil:
				return 1, err
			}
			return 0, nil
		}
	}
}

//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// finder finds programs, and knows what this machine is.
type finder struct {
	folders []string // patterns of folders beside those of PATH
	root    bool     // this process is root
	apt     string   // apt-get, on Debian and its children
	update  bool     // the lists of packages are fresh
}

func machine() *finder {
	f := &finder{
		root: os.Geteuid() == 0,
		folders: []string{
			"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin", // Debian, Red Hat, from source
			"/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin",
			"/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/sbin",
		},
	}
	if _, err := os.Stat("/etc/debian_version"); err == nil {
		f.apt, _ = exec.LookPath("apt-get")
	}
	return f
}

// program gives the path of the first of the names that is there, with those
// beside it that it needs. Newer versions of PostgreSQL come first.
func (f *finder) program(beside []string, names ...string) (string, error) {
	for _, name := range names {
		for _, dir := range f.dirs() {
			if executable(filepath.Join(dir, name)) && !slices.ContainsFunc(beside, func(b string) bool { return !executable(filepath.Join(dir, b)) }) {
				return filepath.Join(dir, name), nil
			}
		}
	}
	return "", fmt.Errorf("%s is not installed", names[0])
}

func (f *finder) dirs() []string {
	var list []string
	for _, pattern := range f.folders {
		found, _ := filepath.Glob(pattern)
		slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
		list = append(list, found...)
	}
	// What PATH has may be a wrapper that starts something else, so it comes last.
	return append(list, filepath.SplitList(os.Getenv("PATH"))...)
}

// version is the last number in a path: /usr/lib/postgresql/15/bin.
func version(path string) int {
	numbers := strings.FieldsFunc("0 "+path, func(r rune) bool { return r < '0' || r > '9' })
	n, _ := strconv.Atoi(numbers[len(numbers)-1])
	return n
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// install installs packages; an error when this machine is not Debian's or
// the process is not root.
func (s *site) install(ctx context.Context, packages []string) error {
	f := s.find
	switch {
	case !s.mayInstall:
		return errors.New("and nothing is installed with WEFT_TEST_SKIP_SERVICES")
	case f.apt == "":
		return errors.New("and without apt-get you have to install it yourself")
	case !f.root:
		return fmt.Errorf("and only root can install it: apt-get install %s", strings.Join(packages, " "))
	}
	fmt.Fprintf(s.log, "services: apt-get install %s\n", strings.Join(packages, " "))
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	run := func(args ...string) error {
		cmd := exec.CommandContext(ctx, f.apt, args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		cmd.SysProcAttr = attributes(0)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", strings.Join(args, " "), err, tail(string(out)))
		}
		return nil
	}
	if !f.update {
		if err := run("update", "-q"); err != nil {
			return err
		}
		f.update = true
	}
	return run(append([]string{"install", "-q", "-y", "--no-install-recommends"}, packages...)...)
}

// need is program, and installs packages when it is not there.
func (s *site) need(ctx context.Context, packages, beside []string, names ...string) (string, error) {
	path, err := s.find.program(beside, names...)
	if err == nil {
		return path, nil
	}
	if installErr := s.install(ctx, packages); installErr != nil {
		return "", fmt.Errorf("%w, %w", err, installErr)
	}
	return s.find.program(beside, names...)
}

// account is the user that a server runs as.
type account struct{ uid, gid uint32 }

// account is the first of the users that exists, when this process is root,
// which servers refuse to run as; nil otherwise.
func (f *finder) account(names ...string) (*account, error) {
	if !f.root {
		return nil, nil
	}
	for _, name := range append(names, "nobody") {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		return &account{uint32(uid), uint32(gid)}, err
	}
	return nil, fmt.Errorf("there is no user to run as, none of %s and nobody", strings.Join(names, ", "))
}

package host

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func mode(t *testing.T, file string) os.FileMode {
	t.Helper()
	st, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return st.Mode().Perm()
}

func TestIdentityIsKept(t *testing.T) {
	cfg := config(t)
	cfg.DataDir = filepath.Join(cfg.DataDir, "new", "node1")
	id, err := Identity(cfg.DataDir) // before the node runs
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		h, err := New(cfg, nil)
		if err != nil {
			t.Fatal(err)
		}
		if h.ID() != id {
			t.Errorf("ID %s, want %s", h.ID(), id)
		}
		if again, err := Identity(cfg.DataDir); err != nil || again != id { // while it runs
			t.Errorf("%s, %v", again, err)
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if m := mode(t, filepath.Join(cfg.DataDir, identityFile)); m != 0o600 {
		t.Errorf("mode of the identity: %04o", m)
	}
	if m := mode(t, cfg.DataDir); m != 0o700 {
		t.Errorf("mode of the directory: %04o", m)
	}
	list, err := os.ReadDir(cfg.DataDir)
	if err != nil || len(list) != 2 {
		t.Errorf("files: %v, %v", list, err)
	}
}

func TestDirectoryIsLocked(t *testing.T) {
	cfg := config(t)
	h := start(t, cfg)
	_, err := New(cfg, nil)
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("second host: %v", err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	start(t, cfg)
}

// Every flipped bit of an identity is noticed.
func TestDamagedIdentity(t *testing.T) {
	cfg := config(t)
	id, err := Identity(cfg.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(cfg.DataDir, identityFile)
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			key, err := parseIdentity(file, string(bad))
			if err == nil {
				// Base64 has bits at its end that mean nothing.
				if got, err := idOf(key); err != nil || got != id {
					t.Fatalf("byte %d, bit %d: another identity is taken: %s, %v", i, bit, got, err)
				}
				continue
			}
			if !errors.Is(err, ErrIdentity) {
				t.Fatalf("byte %d, bit %d: %v", i, bit, err)
			}
		}
	}
	for n := range good {
		if _, err := parseIdentity(file, string(good[:n])); !errors.Is(err, ErrIdentity) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	for what, text := range map[string][]byte{
		"empty": nil, "larger": bytes.Repeat([]byte("x"), 5000), "longer": append(bytes.Clone(good), 'x'),
		"newer":     bytes.Replace(good, []byte("identity 1"), []byte("identity 2"), 1),
		"other key": []byte(identityHead + "\n" + base64.StdEncoding.EncodeToString([]byte("key")) + "\n" + string(id) + "\n"),
	} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		for range 2 { // and it is left as it is
			if _, err := New(cfg, nil); !errors.Is(err, ErrIdentity) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if _, err := Identity(cfg.DataDir); !errors.Is(err, ErrIdentity) {
			t.Errorf("%s: %v", what, err)
		}
		if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, text) {
			t.Errorf("%s: the file was changed: %v", what, err)
		}
	}
	if err := os.WriteFile(file, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if h := start(t, cfg); h.ID() != id {
		t.Errorf("restored: %s", h.ID())
	}
}

func TestIdentityThatOthersRead(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Log("files have no such mode here")
		return
	}
	cfg := config(t)
	if _, err := Identity(cfg.DataDir); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(cfg.DataDir, identityFile), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := New(cfg, nil); !errors.Is(err, ErrIdentity) || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("%v", err)
	}
}

func TestWriteFileLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "taken")
	if err := os.MkdirAll(filepath.Join(name, "by a folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(name, []byte("x")); err == nil {
		t.Error("a folder was replaced")
	}
	if err := WriteFile(filepath.Join(dir, "none", "x"), nil); err == nil {
		t.Error("a file in no folder")
	}
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 1 {
		t.Errorf("left behind: %v, %v", list, err)
	}
}

func TestConfigErrors(t *testing.T) {
	if err := config(t).Validate(); err != nil {
		t.Fatal(err)
	}
	for says, change := range map[string]func(*Config){
		"node.data_dir":               func(c *Config) { c.DataDir = "" },
		"is not an address like":      func(c *Config) { c.Listen = []string{"0.0.0.0:4001"} },
		"cannot be listened on":       func(c *Config) { c.Listen = []string{"/dns4/localhost/tcp/4001"} },
		"use /ip4/…/tcp/PORT":         func(c *Config) { c.Listen = []string{"/ip4/127.0.0.1/tcp/4001/ws"} },
		"network.allow_peers":         func(c *Config) { c.AllowPeers = []string{"me"} },
		"network.relays: ":            func(c *Config) { c.Relay, c.Relays = true, []string{"me"} },
		"network.hole_punching needs": func(c *Config) { c.HolePunching = true },
		"network.relay is off": func(c *Config) {
			c.Relays = []string{"/ip4/127.0.0.1/tcp/1/p2p/12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo"}
		},
		"0 < low < high <= max": func(c *Config) { c.Low = c.High },
		"the dial timeout":      func(c *Config) { c.DialTimeout = 0 },
		"strikes":               func(c *Config) { c.Strikes = 0 },
		"per IP address":        func(c *Config) { c.PerIP = 0 },
		"the protocol prefix":   func(c *Config) { c.Prefix = "weft" },
	} {
		cfg := config(t)
		change(&cfg)
		_, err := New(cfg, nil)
		if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}

// With every switch on, a host starts, says where it is, and ends.
func TestSwitches(t *testing.T) {
	relay := start(t, config(t))
	cfg := config(t)
	cfg.PortMap, cfg.AutoNAT, cfg.Relay, cfg.RelayService, cfg.HolePunching = true, true, true, true, true
	cfg.Relays = []string{relay.Addrs()[0]}
	h := start(t, cfg)
	if len(h.Addrs()) < 2 {
		t.Errorf("addresses: %v", h.Addrs())
	}
	// A host that listens nowhere can still dial.
	cfg = config(t)
	cfg.Listen = nil
	join(t, start(t, cfg), relay)
}

func FuzzIdentity(f *testing.F) {
	f.Add(identityHead + "\nAAAA\n12D3\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		if key, err := parseIdentity("x", text); (key == nil) != (err != nil) {
			t.Errorf("%v, %v", key, err)
		}
	})
}

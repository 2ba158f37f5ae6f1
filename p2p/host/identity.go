package host

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Files of a data directory.
const (
	identityFile = "identity.key"
	lockFile     = "node.lock"
)

// identityHead is the first line of an identity file; the number is its
// version. Two lines follow: the private key in base64, and the ID that
// belongs to it, by which damage is noticed.
const identityHead = "weft identity 1"

// Identity returns the ID of a data directory and makes the directory and the
// identity when they are missing. It may be called while a host uses the
// directory.
func Identity(dir string) (ID, error) {
	key, err := readIdentity(filepath.Join(dir, identityFile))
	if errors.Is(err, fs.ErrNotExist) {
		var lock *dirLock
		if lock, err = lockDir(dir); err != nil {
			return "", err
		}
		defer lock.release()
		key, err = identity(dir)
	}
	if err != nil {
		return "", err
	}
	return idOf(key)
}

func idOf(key crypto.PrivKey) (ID, error) {
	p, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	return FromRaw(p), nil
}

// identity reads or makes the identity of a directory that the caller has
// locked.
func identity(dir string) (crypto.PrivKey, error) {
	file := filepath.Join(dir, identityFile)
	key, err := readIdentity(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	key, _, err = crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make identity: %w", err)
	}
	raw, err := crypto.MarshalPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("make identity: %w", err)
	}
	id, err := idOf(key)
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("%s\n%s\n%s\n", identityHead, base64.StdEncoding.EncodeToString(raw), id)
	if err := WriteFile(file, []byte(text)); err != nil {
		return nil, fmt.Errorf("write identity: %w", err)
	}
	return key, nil
}

func readIdentity(file string) (crypto.PrivKey, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read identity: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read identity: %w", err)
	}
	if runtime.GOOS != "windows" && st.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: others may read %s (mode %04o); if nobody has copied it, chmod 600 it", ErrIdentity, file, st.Mode().Perm())
	}
	if st.Size() > 4096 {
		return nil, damaged(file, "it is too large")
	}
	var text bytes.Buffer
	if _, err := text.ReadFrom(f); err != nil {
		return nil, fmt.Errorf("read identity: %w", err)
	}
	return parseIdentity(file, text.String())
}

func damaged(file, what string) error {
	return fmt.Errorf("%w: %s is damaged: %s; restore it from a backup, or remove it and let the node join as a new one", ErrIdentity, file, what)
}

func parseIdentity(file, text string) (crypto.PrivKey, error) {
	lines := strings.Split(text, "\n")
	head, known := strings.CutPrefix(lines[0], "weft identity ")
	switch {
	case known && lines[0] != identityHead:
		return nil, fmt.Errorf("%w: %s has version %q, this program reads 1; use a newer program", ErrIdentity, file, head)
	case len(lines) != 4 || lines[0] != identityHead || lines[3] != "":
		return nil, damaged(file, "it is not of three lines, or does not begin as an identity does")
	}
	raw, err := base64.StdEncoding.DecodeString(lines[1])
	if err != nil {
		return nil, damaged(file, "the key is not base64")
	}
	key, err := crypto.UnmarshalPrivateKey(raw)
	if err != nil {
		return nil, damaged(file, "the key cannot be read")
	}
	ed, ok := key.(*crypto.Ed25519PrivateKey)
	if !ok {
		return nil, damaged(file, "the key is not of Ed25519")
	}
	// The second half of the key is its public half. Derive it again: what is
	// stored would be believed otherwise.
	seed, err := ed.Raw()
	if err != nil || len(seed) < 32 {
		return nil, damaged(file, "the key cannot be read")
	}
	again, _, err := crypto.GenerateEd25519Key(bytes.NewReader(seed[:32]))
	if err != nil || !again.Equals(key) {
		return nil, damaged(file, "the two halves of the key do not belong together")
	}
	if id, err := idOf(key); err != nil || string(id) != lines[2] {
		return nil, damaged(file, "the key does not belong to the ID below it")
	}
	return key, nil
}

// WriteFile puts a file with mode 0600 in place atomically and has it on disk
// when it returns: whoever reads the name sees the old content or the new.
func WriteFile(name string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), name); err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}

func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // directories cannot be opened for this there
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// dirLock is the lock of a data directory. The system releases it when the
// process ends, however it ends.
type dirLock struct{ f *os.File }

// lockDir makes the directory when it is missing and locks it for this host.
func lockDir(dir string) (*dirLock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	name := filepath.Join(dir, lockFile)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	if err := lock(f); err != nil {
		who, readErr := os.ReadFile(name)
		if readErr != nil || len(who) == 0 {
			who = []byte("another process")
		}
		return nil, errors.Join(fmt.Errorf("%w: %s is used by %s; stop it, or give this node a directory of its own: %v",
			ErrLocked, dir, strings.TrimSpace(string(who)), err), f.Close())
	}
	// Who holds it, for the error of the next one. Nothing depends on it.
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt(fmt.Appendf(nil, "process %d\n", os.Getpid()), 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock data directory: %w", err), f.Close())
	}
	return &dirLock{f}, nil
}

func (l *dirLock) release() error { return l.f.Close() }

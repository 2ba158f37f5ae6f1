package encrypt

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/weftdb/weft/op"
)

// KeySize is the number of bytes of a key's secret.
const KeySize = 32

// maxKeyID is the length of the longest ID.
const maxKeyID = 32

// Key is one secret of 32 bytes with the ID that its ciphertexts carry. It is
// made by [NewKey], [ParseKey] or [GenerateKey]; the zero Key is refused by
// [NewKeyRing]. Whatever prints a Key shows its ID and not its secret.
type Key struct {
	id string
	// A function, so that no reflection finds the bytes: fmt, encoding/json and
	// the dumps of test libraries show an address at most.
	secret func() []byte
}

// NewKey makes a key. The ID has 1 to 32 letters, digits, "-", "_" and "."; the
// secret has 32 bytes, which are copied. An ID stands for one secret for ever.
func NewKey(id string, secret []byte) (Key, error) {
	if err := checkID(id); err != nil {
		return Key{}, err
	}
	if len(secret) != KeySize {
		return Key{}, op.Errorf(op.CodeValidation, "the key %q has %d bytes and not %d; weft.GenerateKey makes one", id, len(secret), KeySize)
	}
	own := slices.Clone(secret)
	return Key{id, func() []byte { return own }}, nil
}

// checkID never shows more than what looks like an ID: what was given may be a
// secret in the wrong place.
func checkID(id string) error {
	good := id != "" && len(id) <= maxKeyID
	for _, r := range []byte(id) {
		good = good && (r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' || r == '_' || r == '.')
	}
	if !good {
		return op.Errorf(op.CodeValidation, "the ID of a key has 1 to %d letters, digits, -, _ and .; this one has %d bytes", maxKeyID, len(id))
	}
	return nil
}

// GenerateKey makes a key with a random secret and a random ID. Store what
// [Key.Secret] gives, for instance in the environment of the program.
func GenerateKey() Key {
	b := make([]byte, 5+KeySize)
	_, _ = rand.Read(b) // never fails: the program ends when the system has no randomness
	return Key{"k" + strings.ToLower(base32.StdEncoding.EncodeToString(b[:5])), func() []byte { return b[5:] }}
}

// ParseKey reads a key as [Key.Secret] writes it: the ID, a colon, and the 32
// bytes of the secret in base64 (either alphabet, padded or not) or in
// hexadecimal. The error never shows the text.
func ParseKey(text string) (Key, error) {
	id, encoded, ok := strings.Cut(strings.TrimSpace(text), ":")
	if !ok {
		return Key{}, op.Errorf(op.CodeValidation, "a key is written as id:secret, and this text of %d bytes has no colon; Key.Secret writes one", len(text))
	}
	if err := checkID(id); err != nil {
		return Key{}, err
	}
	encoded = strings.TrimRight(strings.TrimSpace(encoded), "=")
	for _, decode := range []func(string) ([]byte, error){
		hex.DecodeString, base64.RawStdEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
	} {
		if b, err := decode(encoded); err == nil && len(b) == KeySize {
			return NewKey(id, b)
		}
	}
	return Key{}, op.Errorf(op.CodeValidation, "the secret of key %q is neither base64 nor hexadecimal of %d bytes", id, KeySize)
}

// ID returns the key's ID.
func (k Key) ID() string { return k.id }

// Secret returns the key as text that [ParseKey] reads, with its secret: for
// storing a key that was generated, and nothing else.
func (k Key) Secret() string {
	if k.secret == nil {
		return ""
	}
	return k.id + ":" + base64.RawURLEncoding.EncodeToString(k.secret())
}

// String shows the ID.
func (k Key) String() string { return "key " + k.id }

// Format shows the ID whatever the verb.
func (k Key) Format(s fmt.State, _ rune) { _, _ = fmt.Fprint(s, k.String()) }

// MarshalText writes the ID.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// KeyRing is a current key, which encrypts, and older ones, which only decrypt
// what is still under them. It is never changed and safe for concurrent use.
type KeyRing struct {
	current string
	ids     []string // the current one first
	aead    func(id string) cipher.AEAD
}

// NewKeyRing makes a ring. Two keys with the same ID are an error.
func NewKeyRing(current Key, older ...Key) (*KeyRing, error) {
	ciphers := map[string]cipher.AEAD{}
	r := &KeyRing{current: current.id, aead: func(id string) cipher.AEAD { return ciphers[id] }}
	for i, k := range append([]Key{current}, older...) {
		if k.secret == nil {
			return nil, op.Errorf(op.CodeValidation, "key %d of the ring is empty; weft.NewSecretKey and weft.GenerateKey make keys", i+1)
		}
		if ciphers[k.id] != nil {
			return nil, op.Errorf(op.CodeValidation, "the ring has two keys with the ID %q", k.id)
		}
		block, err := aes.NewCipher(k.secret())
		if err != nil {
			return nil, op.Errorf(op.CodeInternal, "make a cipher for key %q: %w", k.id, err)
		}
		if ciphers[k.id], err = cipher.NewGCM(block); err != nil {
			return nil, op.Errorf(op.CodeInternal, "make a cipher for key %q: %w", k.id, err)
		}
		r.ids = append(r.ids, k.id)
	}
	return r, nil
}

// ParseKeyRing reads a ring from one text, as an environment variable holds it:
// keys as [ParseKey] reads them, separated by commas or white space, the current
// one first.
func ParseKeyRing(text string) (*KeyRing, error) {
	var keys []Key
	for _, s := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' }) {
		k, err := ParseKey(s)
		if err != nil {
			return nil, op.Errorf(op.CodeValidation, "key %d: %w", len(keys)+1, err)
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, op.Errorf(op.CodeValidation, "the text has no keys; it is written as id:secret,id:secret, the current key first")
	}
	return NewKeyRing(keys[0], keys[1:]...)
}

// Current returns the ID of the key that encrypts.
func (r *KeyRing) Current() string { return r.current }

// IDs returns the IDs of all keys, the current one first.
func (r *KeyRing) IDs() []string { return slices.Clone(r.ids) }

// String shows the IDs.
func (r *KeyRing) String() string { return "keys " + strings.Join(r.ids, ", ") }

// Format shows the IDs whatever the verb.
func (r *KeyRing) Format(s fmt.State, _ rune) { _, _ = fmt.Fprint(s, r.String()) }

// MarshalText writes the IDs.
func (r *KeyRing) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

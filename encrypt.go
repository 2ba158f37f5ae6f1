package weft

import (
	"context"
	"strings"

	"github.com/weftdb/weft/layer/encrypt"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// SecretKey is a secret of 32 bytes with the ID that its ciphertexts carry.
// Whatever prints a key shows its ID; its Secret method alone gives the secret.
type SecretKey = encrypt.Key

// KeyRing is the key that encrypts, and older ones that only decrypt. It is
// never changed and safe for concurrent use.
type KeyRing = encrypt.KeyRing

// Rotation says how [DB.Rotate] goes about it; the zero value will do.
type Rotation = encrypt.Rotation

// KeyUse tells how many rows have a value of a field under a key.
type KeyUse = encrypt.KeyUse

// NewSecretKey makes a key of 32 bytes. The ID has 1 to 32 letters, digits, "-",
// "_" and ".", and stands for this secret for ever.
func NewSecretKey(id string, secret []byte) (SecretKey, error) { return encrypt.NewKey(id, secret) }

// GenerateKey makes a key with a random secret and a random ID. What its Secret
// method gives is to be stored where secrets are, not in the database.
func GenerateKey() SecretKey { return encrypt.GenerateKey() }

// NewKeyRing makes a ring: current encrypts, older ones decrypt what is still
// under them.
func NewKeyRing(current SecretKey, older ...SecretKey) (*KeyRing, error) {
	return encrypt.NewKeyRing(current, older...)
}

// ParseKeyRing reads a ring from one text, such as an environment variable: keys
// as id:secret, the secret in base64 or hexadecimal, separated by commas or white
// space, the current one first. It is how the Secret method writes a key.
func ParseKeyRing(text string) (*KeyRing, error) { return encrypt.ParseKeyRing(text) }

// Encrypt gives the keys for fields tagged encrypted. Their values are stored as
// AES-256-GCM ciphertexts, bound to their field and row, and read back in the
// clear. Models with such fields cannot be opened without it.
func Encrypt(ring *KeyRing) Option {
	return func(c *config) { c.rings = append(c.rings, ring) }
}

// encryption makes the layer for the models, nil where none has encrypted fields.
func (k *core) encryption(rings []*KeyRing) (op.Layer, error) {
	for _, r := range rings {
		switch {
		case r == nil:
			return nil, invalid("the key ring given to Encrypt is nil; NewKeyRing and ParseKeyRing make one")
		case len(rings) > 1:
			return nil, invalid("Encrypt is given twice; one ring holds all keys, the current one and older ones")
		}
		k.ring = r
	}
	var names []string
	for _, m := range k.models.Models {
		for _, f := range m.Fields {
			if f.Encrypted {
				names = append(names, m.Name+"."+f.Name)
			}
		}
	}
	switch {
	case names == nil:
		return nil, nil
	case k.ring == nil:
		return nil, invalid("encrypted fields need keys, and Open was given none: add weft.Encrypt(ring) for %s", strings.Join(names, ", "))
	}
	return encrypt.New(encrypt.Options{Ring: k.ring}), nil
}

// Rotate brings the values of all encrypted fields under the current key of the
// ring, those of deleted rows too, while the database is in use. Put the new key
// into the ring as the current one, with the old one behind it, and call Rotate;
// when [DB.KeyUse] shows no rows under the old key, it can leave the ring.
//
// Rows are read and written in batches, and a value that somebody changes
// meanwhile is not overwritten. Versions and times of updates stay and hooks do
// not run: rows mean what they meant. A Rotate that was cut off is taken up by
// calling it again: what is under the current key is passed over.
//
// Values that do not open, and with Rotation.Adopt unset those that are not
// encrypted, stay as they are; the error at the end says how many there are and
// names the first of them. All others have been rotated then.
func (db *DB) Rotate(ctx context.Context, how Rotation) error {
	if err := db.keyed(ctx, "rotate"); err != nil {
		return err
	}
	return encrypt.Rotate(ctx, db.core.sealed, db.core.models, encrypt.Options{Ring: db.core.ring}, how)
}

// KeyUse counts the values of encrypted fields by the key that they are under:
// for each field first the keys of the ring, also those without rows, then other
// keys that are found, then, with Key empty and only where there are any, values
// that are not encrypted. NULL is not counted. Each count reads a whole table.
func (db *DB) KeyUse(ctx context.Context) ([]KeyUse, error) {
	if err := db.keyed(ctx, "key use"); err != nil {
		return nil, err
	}
	return encrypt.Uses(ctx, db.core.sealed, db.core.models, encrypt.Options{Ring: db.core.ring})
}

// keyed refuses what concerns all rows of all users on handles that see fewer.
func (db *DB) keyed(ctx context.Context, what string) error {
	if err := db.unusable(); err != nil {
		return err
	}
	switch {
	case ctx == nil:
		return invalid("%s: the context is nil", what)
	case db.core.closed.Load():
		return op.ErrClosed()
	case db.user != "":
		return invalid("%s: this is the handle of a user, and keys are those of all rows; use the database", what)
	case db.joined(ctx).tx != nil || db.core.outside() != nil:
		return invalid("%s: keys concern the whole database and not one transaction; call it outside", what)
	case db.core.ring == nil:
		return invalid("%s: Open was given no keys; add weft.Encrypt(ring)", what)
	}
	return nil
}

// secret is the field as errors may speak of it: without its values.
func secret(of *schema.Field, f *schema.Field) *schema.Field {
	if !of.Encrypted || f.Encrypted {
		return f
	}
	n := *f
	n.Encrypted = true
	return &n
}

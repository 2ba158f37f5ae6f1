package encrypt

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// The stored form, which DESIGN.md describes:
//
//	weft:1:<key ID>:<nonce, ciphertext and tag>
//
// in base64 behind the last colon where the column is text, as they are where
// it holds bytes. What stands before the last colon is plain text, so that the
// database can tell by a prefix what is under which key.
const (
	anyFormat  = "weft:"
	thisFormat = "weft:1:"
	nonceSize  = 12
	tagSize    = 16
)

// keyPrefix is what every stored value under a key begins with.
func keyPrefix(id string) string { return thisFormat + id + ":" }

// state is what a stored value turns out to be.
type state uint8

const (
	isPlain   state = iota // not encrypted
	isNone                 // schema.NoValue
	isSealed               // under a key
	isDamaged              // begins as one of ours and is none
	isNewer                // of a format that this version does not know
)

// parts of a stored value.
type parts struct {
	state  state
	format string // of isNewer
	id     string // of the key
	body   string // base64 or bytes
}

// split reads a stored value as far as that goes without a key.
func split(stored string) parts {
	rest, ours := strings.CutPrefix(stored, anyFormat)
	if !ours {
		return parts{state: isPlain}
	}
	format, rest, colon := strings.Cut(rest, ":")
	switch {
	case !colon || format == "" || len(format) > 4 || strings.Trim(format, "0123456789") != "":
		return parts{state: isPlain} // a text that happens to begin like that
	case stored == schema.NoValue:
		return parts{state: isNone}
	case format == "0":
		return parts{state: isDamaged}
	case format != "1":
		return parts{state: isNewer, format: format}
	}
	id, body, colon := strings.Cut(rest, ":")
	if !colon || checkID(id) != nil {
		return parts{state: isDamaged}
	}
	return parts{state: isSealed, id: id, body: body}
}

// cell is one encrypted field of one model.
type cell struct {
	m      *model
	f      *schema.Field // as the application sees it
	binary bool          // stored as bytes, else as text
	binds  []string      // what ciphertexts are bound to, but for the key: today's names first, then earlier ones
}

func newCell(m *model, f *schema.Field) *cell {
	c := &cell{m: m, f: f, binary: f.Type.Kind() == schema.KindBytes}
	for _, table := range []string{m.clear.Table, m.clear.RenamedFrom} {
		for _, column := range []string{f.Column, f.RenamedFrom} {
			if table != "" && column != "" {
				c.binds = append(c.binds, bound(table, column))
			}
		}
	}
	return c
}

// bound is the part of the additional data that is the same for all rows.
func bound(table, column string) string {
	b := []byte(thisFormat)
	for _, s := range []string{table, column} {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return string(b)
}

// keyText is the row's key in the additional data: as [op.Key] writes it, with
// decimals in their shortest form.
func keyText(key []any) string {
	for i, v := range key {
		if d, ok := v.(decimal.Decimal); ok {
			own := append([]any(nil), key...)
			s := d.String()
			if strings.Contains(s, ".") {
				s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
			}
			own[i] = s
			return keyText(own)
		}
	}
	return op.Key(key...)
}

// seal encrypts a canonical value for the row with that key. NULL stays NULL.
func (c *cell) seal(l *layer, key []any, v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	clear, err := appendValue(nil, v)
	if err != nil {
		return nil, err
	}
	return c.encrypt(l, key, clear)
}

func (c *cell) encrypt(l *layer, key []any, clear []byte) (any, error) {
	r := l.ring
	body := make([]byte, nonceSize, nonceSize+len(clear)+tagSize)
	if _, err := io.ReadFull(l.rand, body); err != nil {
		return nil, op.Errorf(op.CodeInternal, "read randomness: %w", err)
	}
	body = r.aead(r.current).Seal(body, body, clear, []byte(c.binds[0]+keyText(key)))
	if c.binary {
		return append([]byte(keyPrefix(r.current)), body...), nil
	}
	return keyPrefix(r.current) + base64.RawURLEncoding.EncodeToString(body), nil
}

// open decrypts what is stored in the row with that key.
func (c *cell) open(l *layer, key []any, stored any) (any, error) {
	if stored == nil {
		return nil, nil
	}
	text, ok := storedText(stored)
	if !ok {
		return nil, c.fault(key, "its column holds a %T and no ciphertext", stored)
	}
	p := split(text)
	if p.state == isNone {
		return c.none()
	}
	clear, err := c.decrypt(l, key, p)
	if err != nil {
		return nil, err
	}
	v, ok := readValue(clear)
	if ok {
		v, ok = fits(c.f, v)
	}
	if !ok {
		return nil, c.fault(key, "under key %q is a value that is no %s: the type of the field has changed", p.id, c.f.Type)
	}
	return v, nil
}

// storedText is a stored value as text of any bytes.
func storedText(stored any) (string, bool) {
	switch x := stored.(type) {
	case string:
		return x, true
	case []byte:
		return string(x), true
	}
	return "", false
}

// decrypt gives the bytes that were encrypted.
func (c *cell) decrypt(l *layer, key []any, p parts) ([]byte, error) {
	switch p.state {
	case isPlain:
		return nil, c.fault(key, "what is stored is not encrypted; DB.Rotate with Rotation.Adopt encrypts rows from before the field was")
	case isNewer:
		e := c.fault(key, "the ciphertext has format %s, this version knows format 1", p.format)
		e.Code = op.CodeUnsupported
		return nil, e
	case isSealed:
	default:
		return nil, c.fault(key, "the ciphertext is damaged: its beginning is not whole")
	}
	aead := l.ring.aead(p.id)
	if aead == nil {
		return nil, c.fault(key, "it is encrypted under key %q, which is not in the key ring (%s)", p.id, strings.Join(l.ring.ids, ", "))
	}
	body := []byte(p.body)
	if !c.binary {
		n, err := base64.RawURLEncoding.Decode(body, body)
		if err != nil {
			return nil, c.fault(key, "the ciphertext under key %q is damaged: it is no base64", p.id)
		}
		body = body[:n]
	}
	if len(body) < nonceSize+tagSize {
		return nil, c.fault(key, "the ciphertext under key %q is damaged: it is cut off", p.id)
	}
	nonce, sealed := body[:nonceSize], body[nonceSize:]
	for i, bind := range c.binds {
		var to []byte
		if i == len(c.binds)-1 {
			to = sealed[:0] // nothing else needs the ciphertext
		}
		if clear, err := aead.Open(to, nonce, sealed, []byte(bind+keyText(key))); err == nil {
			return clear, nil
		}
	}
	return nil, c.fault(key, "the ciphertext does not open with key %q: it was changed, comes from another row or field, or the key is another one", p.id)
}

// fault is an error that names the value. It never holds any of it.
func (c *cell) fault(key []any, format string, args ...any) *op.Error {
	return op.Errorf(op.CodeDatabase, "%s.%s of %q: %s", c.m.clear.Name, c.f.Name, op.Key(key...), fmt.Sprintf(format, args...))
}

// none is the value of a row from before the field was there.
func (c *cell) none() (any, error) {
	f := c.f
	if d := f.Default; d != nil && d.Value != nil {
		return op.CanonField(f, d.Value)
	}
	if f.Nullable {
		return nil, nil
	}
	return zero(f), nil
}

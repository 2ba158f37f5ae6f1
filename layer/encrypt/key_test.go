package encrypt_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/weftdb/weft/layer/encrypt"
	"github.com/weftdb/weft/op"
)

var secret = bytes.Repeat([]byte{0xfb, 'S'}, 16) // in base64 the two alphabets differ

func TestKeysAreChecked(t *testing.T) {
	for name, c := range map[string]struct {
		id     string
		secret []byte
		says   string
	}{
		"no ID":           {"", secret, "1 to 32 letters"},
		"colon in the ID": {"a:b", secret, "1 to 32 letters"},
		"long ID":         {strings.Repeat("x", 33), secret, "this one has 33 bytes"},
		"short":           {"a", secret[:31], `the key "a" has 31 bytes and not 32`},
		"none":            {"a", nil, "has 0 bytes"},
		"long":            {"a", append(secret[:32:32], 0), "has 33 bytes"},
	} {
		_, err := encrypt.NewKey(c.id, c.secret)
		if !errors.Is(err, op.ErrValidation) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		says(t, err, c.says)
	}
	k, err := encrypt.NewKey(strings.Repeat("x", 32), secret)
	if err != nil || k.ID() != strings.Repeat("x", 32) {
		t.Error(err)
	}
}

// The secret is copied: what the caller does with its slice afterwards changes
// no key.
func TestSecretIsCopied(t *testing.T) {
	b := bytes.Clone(secret)
	k, err := encrypt.NewKey("a", b)
	if err != nil {
		t.Fatal(err)
	}
	was := k.Secret()
	clear(b)
	if k.Secret() != was {
		t.Error("the key changed with the caller's slice")
	}
}

func TestParse(t *testing.T) {
	for _, text := range []string{
		"k1:" + base64.StdEncoding.EncodeToString(secret),
		"k1:" + base64.RawStdEncoding.EncodeToString(secret),
		" k1:" + base64.URLEncoding.EncodeToString(secret) + "\n",
		"k1: " + base64.RawURLEncoding.EncodeToString(secret),
		"k1:" + hex.EncodeToString(secret),
		"k1:" + strings.ToUpper(hex.EncodeToString(secret)),
	} {
		k, err := encrypt.ParseKey(text)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if k.Secret() != "k1:"+base64.RawURLEncoding.EncodeToString(secret) {
			t.Error("another key was read")
		}
	}
	for _, text := range []string{"", "k1", base64.StdEncoding.EncodeToString(secret), "k1:", "k1:c2hvcnQ", ":" + hex.EncodeToString(secret), "k1:" + hex.EncodeToString(secret) + "00", "k1:!"} {
		_, err := encrypt.ParseKey(text)
		if !errors.Is(err, op.ErrValidation) {
			t.Errorf("%d bytes: %v", len(text), err)
		} else if len(text) > 8 && strings.Contains(err.Error(), text[3:8]) {
			t.Errorf("the text is in the error: %v", err)
		}
	}
	r, err := encrypt.ParseKeyRing(key(t, "new").Secret() + ",\n " + key(t, "old").Secret() + "\t" + key(t, "older").Secret())
	if err != nil || r.Current() != "new" || !reflect.DeepEqual(r.IDs(), []string{"new", "old", "older"}) {
		t.Errorf("got %v, %v", r, err)
	}
	for text, part := range map[string]string{
		"": "no keys", " , ": "no keys",
		key(t, "a").Secret() + ",x":                       "key 2",
		key(t, "a").Secret() + "," + key(t, "a").Secret(): `two keys with the ID "a"`,
	} {
		_, err := encrypt.ParseKeyRing(text)
		says(t, err, part)
	}
}

func TestRings(t *testing.T) {
	if _, err := encrypt.NewKeyRing(encrypt.Key{}); !errors.Is(err, op.ErrValidation) {
		t.Error(err)
	}
	if _, err := encrypt.NewKeyRing(key(t, "a"), encrypt.Key{}); err == nil || !strings.Contains(err.Error(), "key 2 of the ring is empty") {
		t.Error(err)
	}
	if _, err := encrypt.NewKeyRing(key(t, "a"), key(t, "b"), key(t, "a")); err == nil || !strings.Contains(err.Error(), `two keys with the ID "a"`) {
		t.Error(err)
	}
	if a, b := encrypt.GenerateKey(), encrypt.GenerateKey(); a.Secret() == b.Secret() {
		t.Error("two generated keys are the same")
	}
	k := encrypt.GenerateKey()
	if again, err := encrypt.ParseKey(k.Secret()); err != nil || again.Secret() != k.Secret() || again.ID() != k.ID() {
		t.Errorf("a generated key is not read back: %v", err)
	}
	if (encrypt.Key{}).Secret() != "" {
		t.Error("the zero key has a secret")
	}
}

// TestSecretsAreNotPrinted prints keys and rings in every way there is.
func TestSecretsAreNotPrinted(t *testing.T) {
	k, err := encrypt.NewKey("k1", secret)
	if err != nil {
		t.Fatal(err)
	}
	r, err := encrypt.NewKeyRing(k)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	inside := struct {
		k encrypt.Key
		r *encrypt.KeyRing
		p *encrypt.Key
		K encrypt.Key
		R encrypt.KeyRing
	}{k, r, &k, k, *r}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%#x", "%T"} {
		for _, v := range []any{k, &k, r, *r, inside, &inside, []encrypt.Key{k}, map[string]any{"k": k, "r": r}, encrypt.Options{Ring: r}} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	for _, v := range []any{k, r, inside, encrypt.Options{Ring: r}} {
		b, err := json.Marshal(v)
		if err != nil && !strings.Contains(err.Error(), "unsupported type") {
			t.Errorf("%T: %v", v, err)
		}
		out.Write(b)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
	}
	text := strings.ToLower(out.String())
	for _, s := range []string{
		string(secret), hex.EncodeToString(secret[:4]), "fb 53", "251 83", "0xfb, 0x53", base64.StdEncoding.EncodeToString(secret[:6]), base64.URLEncoding.EncodeToString(secret[:6]),
	} {
		if strings.Contains(text, strings.ToLower(s)) {
			t.Errorf("the secret is printed as %q", s)
		}
	}
	if !strings.Contains(text, "key k1") || !strings.Contains(text, "keys k1") {
		t.Error("the IDs are not printed")
	}
}

// Nothing that walks through values by reflection finds the secret.
func TestSecretsAreNotReflected(t *testing.T) {
	k, err := encrypt.NewKey("k1", secret)
	if err != nil {
		t.Fatal(err)
	}
	r, err := encrypt.NewKeyRing(k)
	if err != nil {
		t.Fatal(err)
	}
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer, reflect.Interface:
			if !v.IsNil() {
				walk(v.Elem())
			}
		case reflect.Struct:
			for i := range v.NumField() {
				walk(v.Field(i))
			}
		case reflect.Slice, reflect.Array:
			if v.Type().Elem().Kind() == reflect.Uint8 {
				t.Errorf("bytes can be reached: %s", v.Type())
			}
			for i := range v.Len() {
				walk(v.Index(i))
			}
		case reflect.Map:
			t.Errorf("a map can be reached: %s", v.Type())
		}
	}
	walk(reflect.ValueOf(&k))
	walk(reflect.ValueOf(r))
}

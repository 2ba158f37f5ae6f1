package door

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime"
	"sync"
	"weak"

	"github.com/weftdb/weft/schema"
)

// hashes are those of sets that are still in use. A set never changes.
var hashes sync.Map // weak.Pointer[schema.Set] → string

// Hash names a set of models: the SHA-256 of its YAML, in hexadecimal. It is
// computed once for each set. It fails for a set that cannot be written as YAML.
func Hash(set *schema.Set) (string, error) {
	if set == nil {
		return "", fmt.Errorf("hash models: there is no set of models")
	}
	key := weak.Make(set)
	if h, ok := hashes.Load(key); ok {
		return h.(string), nil
	}
	text, err := schema.SetYAML(set)
	if err != nil {
		return "", fmt.Errorf("hash models: %w", err)
	}
	sum := sha256.Sum256(text)
	h := hex.EncodeToString(sum[:])
	if _, had := hashes.LoadOrStore(key, h); !had {
		runtime.AddCleanup(set, func(k weak.Pointer[schema.Set]) { hashes.Delete(k) }, key)
	}
	return h, nil
}

package raftgroup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine"
)

// parseSet builds a set of models of its YAML.
func parseSet(text string) (*schema.Set, error) {
	list, err := schema.ParseYAML("models", []byte(text))
	if err != nil {
		return nil, err
	}
	return schema.Build(list...)
}

// set is a registered set of models, nil where it is not registered.
func (r *run) set(h setHash) (*schema.Set, error) {
	if s := r.a.sets[h]; s != nil {
		return s, nil
	}
	s, err := readSet(background, r.c, h)
	if err != nil || s == nil {
		return nil, err
	}
	r.a.sets[h] = s
	return s, nil
}

// readSet reads a registered set from the database, nil where there is none.
func readSet(ctx context.Context, s sqlengine.Session, h setHash) (*schema.Set, error) {
	cur, err := s.Query(ctx, modelSelect, []sqlengine.Value{sqlengine.BlobValue(string(h[:]))})
	if err != nil {
		return nil, err
	}
	defer cur.Close()
	ok, err := cur.Next()
	if err != nil || !ok {
		return nil, err
	}
	return parseSet(string(cur.View(0)))
}

// register keeps a set of models.
func (r *run) register(m *member) (outcome, error) {
	s, err := parseSet(string(m.body))
	if err != nil {
		return outcome{err: op.Errorf(op.CodeValidation, "the models cannot be registered: %w", err)}, nil
	}
	h := setHash(sha256.Sum256(m.body))
	if _, _, err := r.c.Exec(background, modelInsert, []sqlengine.Value{sqlengine.BlobValue(string(h[:])), sqlengine.TextValue(string(m.body))}); err != nil {
		return outcome{}, err
	}
	if r.a.sets[h] == nil {
		r.a.sets[h] = s
	}
	return outcome{}, nil
}

// hashes remembers the hashes of sets that operations came with, and which are
// known to be registered.
type hashes struct {
	mu    sync.RWMutex
	sets  map[*schema.Set]setHash
	here  map[setHash]bool
	found map[setHash]*schema.Set
}

// maxHashes bounds what hashes remembers: sets are few, unless somebody builds
// one an operation.
const maxHashes = 1024

// of is the hash of a set.
func (h *hashes) of(s *schema.Set) (setHash, error) {
	h.mu.RLock()
	sum, ok := h.sets[s]
	h.mu.RUnlock()
	if ok {
		return sum, nil
	}
	text, err := schema.SetYAML(s)
	if err != nil {
		return sum, op.Errorf(op.CodeValidation, "the models cannot be written down: %w", err)
	}
	sum = sha256.Sum256(text)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sets == nil || len(h.sets) >= maxHashes {
		h.sets = map[*schema.Set]setHash{}
	}
	h.sets[s] = sum
	return sum, nil
}

func (h *hashes) registered(sum setHash) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.here[sum]
}

func (h *hashes) register(sum setHash, is bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.here == nil || len(h.here) >= maxHashes {
		h.here = map[setHash]bool{}
	}
	h.here[sum] = is
}

// setOf finds the set of models that an operation is about, nil where it names
// none.
func setOf(o *op.Op) (*schema.Set, error) {
	if o.Model != nil {
		if s := o.Model.Set(); s != nil {
			return s, nil
		}
		return nil, op.Errorf(op.CodeValidation, "%s is in no set of models: build one (schema.Build)", o.Model.Name)
	}
	for i := range o.Batch {
		if s, err := setOf(&o.Batch[i]); s != nil || err != nil {
			return s, err
		}
	}
	for i := range o.Guards {
		if m := o.Guards[i].Model; m != nil && m.Set() != nil {
			return m.Set(), nil
		}
	}
	return nil, nil
}

// register has a set of models known to all copies.
func (g *Group) register(ctx context.Context, set *schema.Set, h setHash) error {
	text, err := schema.SetYAML(set)
	if err != nil {
		return op.Errorf(op.CodeValidation, "the models cannot be written down: %w", err)
	}
	if sha256.Sum256(text) != h {
		return op.Errorf(op.CodeInternal, "the models are written down in two ways")
	}
	out, err := g.gather.submit(ctx, &call{m: member{kind: memberModels, body: text}})
	if err == nil {
		err = out.err
	}
	if err == nil {
		g.hashes.register(h, true)
	}
	return err
}

// Models finds a set of models that was registered, by its hash (see
// door.Hash); nil when it is not known here.
func (g *Group) Models(ctx context.Context, hash string) (*schema.Set, error) {
	sum, err := hex.DecodeString(hash)
	if err != nil || len(sum) != sha256.Size {
		return nil, op.Errorf(op.CodeValidation, "%q is no hash of models: it has 64 hexadecimal digits", hash)
	}
	h := setHash(sum)
	if s := g.hashes.set(h); s != nil {
		return s, nil
	}
	if err := g.enter(ctx); err != nil {
		return nil, err
	}
	defer g.leave()
	var s *schema.Set
	err = g.view(ctx, func(v *viewer) (err error) {
		s, err = readSet(ctx, v, h)
		return err
	})
	if err != nil || s == nil {
		if err != nil && strings.Contains(err.Error(), "no such table") { // nothing was ever applied
			err = nil
		}
		return nil, err
	}
	return g.hashes.keep(h, s), nil
}

func (h *hashes) set(sum setHash) *schema.Set {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.found[sum]
}

// keep remembers a set that was found, so that all callers share it.
func (h *hashes) keep(sum setHash, s *schema.Set) *schema.Set {
	h.mu.Lock()
	defer h.mu.Unlock()
	if was := h.found[sum]; was != nil {
		return was
	}
	if h.found == nil || len(h.found) >= maxHashes {
		h.found = map[setHash]*schema.Set{}
	}
	h.found[sum] = s
	return s
}

package door

import (
	"context"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// knownSet is a set of models that a migration brought here.
type knownSet struct {
	set  *schema.Set
	hash string
}

// learn makes the models of a set known, in the form they have and in the form
// they are stored in.
func (r *Remote) learn(set *schema.Set) (*knownSet, error) {
	var last *knownSet
	for _, s := range []*schema.Set{set.Stored(), set} {
		hash, err := Hash(s)
		if err != nil {
			return nil, err
		}
		r.mu.Lock()
		if last = r.knows(s); last == nil {
			last = &knownSet{s, hash}
			r.known = append(r.known, last)
			for _, m := range s.Models {
				r.by[m] = last
			}
		}
		r.mu.Unlock()
	}
	return last, nil
}

func (r *Remote) knows(s *schema.Set) *knownSet {
	for _, k := range r.known {
		if k.set == s {
			return k
		}
	}
	return nil
}

// setOf is the set that the models of an operation are of, nil when it has none.
func (r *Remote) setOf(o *op.Op) (*knownSet, error) {
	m := modelOf(o)
	if m == nil {
		return nil, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := r.by[m]; k != nil {
		return k, nil
	}
	if s := m.Set(); s != nil {
		r.mu.Unlock()
		k, err := r.learn(s)
		r.mu.Lock()
		return k, err
	}
	for i := len(r.known) - 1; i >= 0; i-- {
		if other := r.known[i].set.Model(m.Name); other != nil && other.Table == m.Table {
			return r.known[i], nil
		}
	}
	return nil, op.Errorf(op.CodeValidation, "the model %s is not known here: the models are made known by a migration, which weft.Open runs", m.Name)
}

// modelOf is one model of an operation; the others are of the same set.
func modelOf(o *op.Op) *schema.Model {
	if o.Model != nil {
		return o.Model
	}
	if o.Via != nil && o.Via.Model != nil {
		return o.Via.Model
	}
	for i := range o.Guards {
		if o.Guards[i].Model != nil {
			return o.Guards[i].Model
		}
	}
	for i := range o.Batch {
		if m := modelOf(&o.Batch[i]); m != nil {
			return m
		}
	}
	return nil
}

// teach sends a set to the group, which did not know it.
func (r *Remote) teach(ctx context.Context, set *schema.Set) error {
	if set == nil {
		return op.Errorf(op.CodeInternal, "the node asks for models that the request does not have")
	}
	_, err := r.Do(ctx, op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: set}})
	return err
}

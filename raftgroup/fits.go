package raftgroup

import "sync"

// fits remembers which sets of models were found to fit which schema, so that a
// program that starts needs no copy of the database to find that nothing is to
// be done.
type fits struct {
	mu   sync.Mutex
	sets map[setHash]setHash // of models → of the schema
}

func (f *fits) is(models, schema setHash) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sets[models] == schema && schema != setHash{}
}

func (f *fits) set(models, schema setHash) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sets == nil || len(f.sets) >= maxHashes {
		f.sets = map[setHash]setHash{}
	}
	f.sets[models] = schema
}

package lite

// Kept are the prepared statements of a connection by what they were prepared
// from. When there are too many, the one that was not used for the longest time
// is let go. It is used by one goroutine at a time. The zero value is empty.
type Kept[K comparable, S Prepared] struct {
	m    map[K]S
	tick uint64
}

// Prepared is a prepared statement. It embeds a [Use].
type Prepared interface {
	comparable
	use() *Use
	// Finalize frees it.
	Finalize()
}

// Use is what [Kept] knows of a statement.
type Use struct {
	last uint64
	busy bool
	kept bool
}

func (u *Use) use() *Use { return u }

// Busy reports whether the statement is in use.
func (u *Use) Busy() bool { return u.busy }

// Kept reports whether the statement outlives its use.
func (u *Use) Kept() bool { return u.kept }

// Free says that the use of the statement has ended.
func (u *Use) Free() { u.busy = false }

// Take gives a statement that is free and makes it busy; false where there is
// none.
func (k *Kept[K, S]) Take(key K) (s S, ok bool) {
	k.tick++
	s, ok = k.m[key]
	if !ok {
		return s, false
	}
	u := s.use()
	if u.busy {
		return s, false
	}
	u.busy, u.last = true, k.tick
	return s, true
}

// Put makes a new statement busy and keeps it, in the place of another one unless
// that is busy: then it is not kept. most is how many there may be.
func (k *Kept[K, S]) Put(key K, s S, most int) {
	u := s.use()
	u.busy, u.last = true, k.tick
	was, there := k.m[key]
	switch {
	case there && was.use().busy:
		return
	case there:
		was.Finalize()
	case len(k.m) >= most:
		k.evict()
	}
	if k.m == nil {
		k.m = map[K]S{}
	}
	u.kept = true
	k.m[key] = s
}

func (k *Kept[K, S]) evict() {
	var oldest K
	var at *Use
	for key, s := range k.m {
		if u := s.use(); !u.busy && (at == nil || u.last < at.last) {
			oldest, at = key, u
		}
	}
	if at != nil {
		k.m[oldest].Finalize()
		delete(k.m, oldest)
	}
}

// Forget lets all statements go: those that are busy when their use ends.
func (k *Kept[K, S]) Forget() {
	for key, s := range k.m {
		u := s.use()
		u.kept = false
		if !u.busy {
			s.Finalize()
		}
		delete(k.m, key)
	}
}

// Drop frees all statements, busy or not.
func (k *Kept[K, S]) Drop() {
	for _, s := range k.m {
		s.Finalize()
	}
	k.m = nil
}

// Len is how many there are.
func (k *Kept[K, S]) Len() int { return len(k.m) }

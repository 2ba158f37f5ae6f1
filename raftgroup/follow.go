package raftgroup

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/raftgroup/archive"
)

// found is an archived entry and the segment that it is of.
type found struct {
	archive.Record
	of *archive.Segment
}

// follower reads several archives of a group side by side, in the order of
// sequences.
type follower struct {
	segments []archive.Segment // not opened yet, in the order of their first entries
	cursors  []*cursor
}

type cursor struct {
	r    *archive.Reader
	s    *archive.Segment
	next archive.Record
}

// at gives what the archives have at a sequence. Sequences must not go back.
func (f *follower) at(seq int64) ([]found, error) {
	for len(f.segments) > 0 && f.segments[0].First <= seq {
		s := f.segments[0]
		f.segments = f.segments[1:]
		if s.Last < seq {
			continue
		}
		r, err := archive.OpenSegment(s.Path)
		if err != nil {
			return nil, err
		}
		f.cursors = append(f.cursors, &cursor{r: r, s: &s})
	}
	var list []found
	var err error
	f.cursors = slices.DeleteFunc(f.cursors, func(c *cursor) bool {
		for err == nil && c.next.Sequence < seq {
			var nerr error
			if c.next, nerr = c.r.Next(); nerr != nil {
				if nerr != io.EOF && !errors.Is(nerr, archive.ErrTorn) {
					err = fmt.Errorf("read %s: %w", c.s.Path, nerr)
				}
				_ = c.r.Close() // it was only read
				return true
			}
		}
		if c.next.Sequence == seq {
			list = append(list, found{c.next, c.s})
		}
		return false
	})
	return list, err
}

// close closes what is open.
func (f *follower) close() {
	for _, c := range f.cursors {
		_ = c.r.Close() // it was only read
	}
	f.cursors = nil
}

// moment is how a time is written in messages, so that it can be given back.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999999Z07:00") }

// fitting are those of some entries that go on from a chain, each once.
func fitting(list []found, before archive.Chain) (fits []found) {
	for _, x := range list {
		if x.Before == before && !slices.ContainsFunc(fits, func(y found) bool { return x.After == y.After }) {
			fits = append(fits, x)
		}
	}
	return fits
}

// branch keeps of entries that fit those of one history. Copies that agree on
// the entry and not on what it led to are of one.
func branch(fits []found, chosen []string) ([]found, error) {
	same := func(list []found) bool {
		return !slices.ContainsFunc(list, func(x found) bool { return string(x.Entry) != string(list[0].Entry) })
	}
	if same(fits) {
		return fits, nil
	}
	var kept []found
	for _, x := range fits {
		if slices.ContainsFunc(chosen, func(b string) bool { return strings.HasPrefix(hex.EncodeToString(x.After[:]), strings.ToLower(b)) }) {
			kept = append(kept, x)
		}
	}
	if len(kept) > 0 && same(kept) {
		return kept, nil
	}
	var ways []string
	for _, x := range fits {
		ways = append(ways, fmt.Sprintf("%x (of %s, in %s)", x.After[:6], moment(x.Stamp), x.of.Path))
	}
	return nil, op.Errorf(op.CodeValidation, "the archives hold %d histories from entry %d on, as after a recovery with one copy: %s. "+
		"Choose one by its beginning, or name only the archives of nodes that belong to it", len(fits), fits[0].Sequence, strings.Join(ways, ", "))
}

// ended reports whether nothing of the history that ends before a sequence can be
// in the archives: what they hold there, and all that follows, is of others.
func (f *follower) ended(seq int64, there []found) (bool, error) {
	for len(there) > 0 {
		others := map[archive.Chain]bool{}
		for _, x := range there {
			others[x.After] = true
		}
		var err error
		seq++
		if there, err = f.at(seq); err != nil {
			return false, err
		}
		if slices.ContainsFunc(there, func(x found) bool { return !others[x.Before] }) {
			return false, nil
		}
	}
	return len(f.segments) == 0, nil
}

// first is the segment with the first entry, nil when there is none.
func first(list []archive.Segment) *archive.Segment {
	if len(list) == 0 {
		return nil
	}
	return &list[0]
}

// gap says what is missing after a state, which is as far as a restore can go:
// there are entries that do not fit, or none up to the next segment.
func gap(st *state, there []found, to *archive.Segment, all []archive.Segment) error {
	var b strings.Builder
	from := st.sequence + 1
	until := moment(time.UnixMicro(st.stamp))
	switch {
	case len(there) > 0:
		fmt.Fprintf(&b, "what the archives hold from entry %d on (%s) is of another history: it does not go on from entry %d of %s", from, moment(there[0].Stamp), st.sequence, until)
	default:
		fmt.Fprintf(&b, "entries are missing in the archives: %d to %d, after %s and up to %s", from, to.First-1, until, moment(to.From))
		for i := range all {
			if s := &all[i]; s.Torn != nil && s.Last >= st.sequence && s.Last < to.First {
				fmt.Fprintf(&b, "; %s ends after entry %d (%v)", s.Path, s.Last, s.Torn)
			}
		}
	}
	fmt.Fprintf(&b, ". A restore is possible up to %s; for a later moment add the archive of another node, or begin with a later backup", until)
	return op.Errorf(op.CodeValidation, "%s", b.String())
}

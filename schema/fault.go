package schema

import (
	"errors"
	"fmt"
	"sort"
	"strings"
)

// Fault is one thing that is wrong with a model. Parts that are not known are
// empty.
type Fault struct {
	Model   string
	Field   string // of a field, relation or count
	File    string // YAML only
	Line    int    // YAML only, from 1
	Message string
}

// String tells where and what: "post.yaml:7: Post.userId: …".
func (f Fault) String() string {
	var b strings.Builder
	if f.File != "" || f.Line > 0 {
		file := f.File
		if file == "" {
			file = "line "
		} else if f.Line > 0 {
			file += ":"
		}
		b.WriteString(file)
		if f.Line > 0 {
			fmt.Fprintf(&b, "%d", f.Line)
		}
		b.WriteString(": ")
	}
	switch {
	case f.Model != "" && f.Field != "":
		b.WriteString(f.Model + "." + f.Field + ": ")
	case f.Model != "" || f.Field != "":
		b.WriteString(f.Model + f.Field + ": ")
	}
	b.WriteString(f.Message)
	return b.String()
}

// Faults is the error that holds every fault found, never only the first. Its
// list is not empty.
type Faults struct {
	List []Fault
}

func (f *Faults) Error() string {
	if len(f.List) == 1 {
		return "schema: " + f.List[0].String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "schema: %d faults", len(f.List))
	for _, x := range f.List {
		b.WriteString("\n  " + x.String())
	}
	return b.String()
}

// JoinFaults gathers the faults of several errors in one *Faults, so that a
// caller who read many models can report all at once. Errors that are not
// *Faults become a fault with their text; nil errors are passed over. It
// returns nil when there is none.
func JoinFaults(errs ...error) error {
	var l faultList
	for _, err := range errs {
		var f *Faults
		switch {
		case err == nil:
		case errors.As(err, &f):
			l = append(l, f.List...)
		default:
			l = append(l, Fault{Message: err.Error()})
		}
	}
	return l.err()
}

// faultList gathers faults while a model or set is read.
type faultList []Fault

func (l *faultList) add(f Fault, format string, args ...any) {
	f.Message = fmt.Sprintf(format, args...)
	*l = append(*l, f)
}

func (l faultList) err() error {
	if len(l) == 0 {
		return nil
	}
	return &Faults{List: l}
}

// nearest returns those of known that look like name, the likeliest first, at
// most three.
func nearest(name string, known []string) []string {
	type hit struct {
		s string
		d int
	}
	var hits []hit
	low := strings.ToLower(name)
	for _, k := range known {
		kl := strings.ToLower(k)
		d := distance(low, kl)
		if d <= 1+len(low)/4 || (len(low) > 2 && len(kl) > 2 && (strings.HasPrefix(kl, low) || strings.HasPrefix(low, kl))) {
			hits = append(hits, hit{k, d})
		}
	}
	sort.SliceStable(hits, func(i, j int) bool { return hits[i].d < hits[j].d })
	var out []string
	for _, h := range hits {
		if len(out) < 3 {
			out = append(out, h.s)
		}
	}
	return out
}

// distance is the Levenshtein distance by bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		prev := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cur := row[j]
			if a[i-1] != b[j-1] {
				prev++
			}
			row[j] = min(prev, row[j]+1, row[j-1]+1)
			prev = cur
		}
	}
	return row[len(b)]
}

// oneOf lists what there is, with a guess first: `did you mean "x"? known: …`.
func oneOf(name string, known []string) string {
	if len(known) == 0 {
		return "there are none"
	}
	all := "known: " + strings.Join(known, ", ")
	if near := nearest(name, known); len(near) > 0 {
		return fmt.Sprintf("did you mean %s? %s", strings.Join(quoted(near), " or "), all)
	}
	return all
}

func quoted(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = fmt.Sprintf("%q", n)
	}
	return out
}

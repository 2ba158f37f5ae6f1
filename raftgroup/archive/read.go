package archive

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Segment is what is known of a segment after it was read to its end.
type Segment struct {
	Path string
	Header
	Last       int64 // sequence of its last entry that can be read; First-1 when there is none
	From, To   time.Time
	Torn       error // why it ends before the file does; nil when it does not
	readHeader bool
}

// Find reads the segments of a group below some directories, of several nodes
// or not, in the order of their first entries. Others of that group may be there
// as well. It is an error when there is none; it names the groups of which there
// are some. Segments that are torn are part of the result, and one of which not
// even the header can be read is passed over: a node that was killed may leave it.
func Find(group string, dirs ...string) ([]Segment, error) {
	var found []Segment
	var others []string
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err != nil {
			return nil, fmt.Errorf("read the archive: %w", err)
		} else if !info.IsDir() {
			return nil, fmt.Errorf("read the archive: %s is no directory", dir)
		}
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, Suffix) {
				return ignoreGone(err)
			}
			s, err := scan(path, group)
			switch {
			case err != nil:
				return ignoreGone(err)
			case !s.readHeader:
			case s.Group != group:
				if !slices.Contains(others, s.Group) {
					others = append(others, s.Group)
				}
			default:
				found = append(found, s)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read the archive: %w", err)
		}
	}
	if len(found) == 0 {
		where := strings.Join(dirs, ", ")
		if len(others) == 0 {
			return nil, fmt.Errorf("there are no archived entries in %s: name the directory that backup.archive names, or one below it", where)
		}
		slices.Sort(others)
		return nil, fmt.Errorf("in %s are archived entries of %s, and none of the group %s", where, strings.Join(others, ", "), group)
	}
	slices.SortStableFunc(found, func(a, b Segment) int {
		switch {
		case a.First < b.First:
			return -1
		case a.First > b.First:
			return 1
		}
		return strings.Compare(a.Path, b.Path)
	})
	return found, nil
}

// ignoreGone forgives that a segment was removed meanwhile, because it was old.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// scan reads a segment, and only its header when it is of another group.
func scan(path, group string) (Segment, error) {
	s := Segment{Path: path}
	c, err := OpenSegment(path)
	if errors.Is(err, ErrTorn) {
		s.Torn = err
		return s, nil
	}
	if err != nil {
		return s, err
	}
	defer c.Close()
	s.Header, s.readHeader = c.Header(), true
	s.Last = s.First - 1
	if s.Group != group {
		return s, nil
	}
	for {
		r, err := c.Next()
		switch {
		case err == io.EOF:
			return s, nil
		case errors.Is(err, ErrTorn):
			s.Torn = err
			return s, nil
		case err != nil:
			return s, fmt.Errorf("read %s: %w", path, err)
		}
		if s.Last < s.First {
			s.From = r.Stamp
		}
		s.Last, s.To = r.Sequence, r.Stamp
	}
}

// Reader is a segment that is being read.
type Reader struct {
	*Decoder
	f *os.File
}

// OpenSegment opens a segment. Errors are those of NewDecoder.
func OpenSegment(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	d, err := NewDecoder(bufio.NewReaderSize(f, 256<<10))
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Reader{d, f}, nil
}

// Close closes the file.
func (r *Reader) Close() error { return r.f.Close() }

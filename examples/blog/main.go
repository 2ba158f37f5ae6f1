// Command blog is a small blog on Weft: users who follow each other, posts with
// tags and comments. It shows hooks, validation, transactions, version
// conflicts, paging by cursor and nested relations, and prints what it found.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

func main() {
	if err := demo(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// demo runs on a file that is gone afterwards.
func demo(ctx context.Context, out io.Writer) error {
	dir, err := os.MkdirTemp("", "weft-blog-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return run(ctx, sqlite.Open(filepath.Join(dir, "blog.db")), out)
}

// run fills a new blog on an engine and prints a report of it. The report is the
// same each time, and on each engine: keys are not in it, and the clock is a
// made-up one.
func run(ctx context.Context, e weft.Engine, out io.Writer) error {
	db, err := weft.Open(e,
		weft.Models(User{}, Follow{}, Post{}, Comment{}, Tag{}, PostTag{}),
		weft.AutoMigrate(),
		weft.Clock(stepping(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), time.Minute)),
	)
	if err != nil {
		return err
	}
	defer db.Close()

	b := newBlog(db)
	for _, chapter := range []struct {
		title string
		tell  func(context.Context, *report) error
	}{
		{"People", b.people},
		{"Input that is refused", b.refused},
		{"Posts", b.writing},
		{"A transaction that fails", b.failing},
		{"Two editors", b.editors},
		{"All posts, page by page", b.pages},
		{"Timelines", b.timelines},
		{"Conversations", b.conversations},
		{"Numbers", b.numbers},
	} {
		r := &report{out: out}
		r.line("%s", chapter.title)
		r.in++
		if err := chapter.tell(ctx, r); err != nil {
			return fmt.Errorf("%s: %w", chapter.title, err)
		}
		r.in--
		r.line("")
		if r.err != nil {
			return r.err
		}
	}
	return nil
}

// stepping is a clock that goes one step further with each look at it.
func stepping(now time.Time, step time.Duration) func() time.Time {
	ticks := make(chan time.Time, 1)
	ticks <- now
	return func() time.Time {
		t := <-ticks
		ticks <- t.Add(step)
		return t
	}
}

// report prints indented lines and remembers the first failure.
type report struct {
	out io.Writer
	in  int
	err error
}

func (r *report) line(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if text != "" {
		text = fmt.Sprintf("%*s%s", 2*r.in, "", text)
	}
	if _, err := fmt.Fprintln(r.out, text); err != nil && r.err == nil {
		r.err = err
	}
}

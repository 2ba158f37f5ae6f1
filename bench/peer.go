package main

import (
	"context"
	"fmt"
	"time"
)

// post is one row of the benchmark: eight columns.
type post struct {
	ID        string
	CreatedAt time.Time
	UpdatedAt time.Time
	Version   int64
	Title     string
	WriterID  string
	Likes     int64
	Public    bool
}

// The sizes of the data that every peer starts from.
const (
	writers     = 100
	postsEach   = 10
	listLimit   = 20
	insertBatch = 1000
)

// peer is one way of doing the benchmark's work on a SQLite file of its own.
// Results are checked once before anything is timed.
type peer interface {
	name() string
	setup(dir string) error
	get(ctx context.Context, id string) (title string, err error)
	list(ctx context.Context) (rows int, err error)               // public posts with few likes, newest first
	insert(ctx context.Context, n int) error                      // one row
	insertMany(ctx context.Context, n int) error                  // insertBatch rows, all or nothing
	update(ctx context.Context, id string, likes int64) error     // one column of one row
	eager(ctx context.Context) (parents, children int, err error) // listLimit writers with their posts
	count(ctx context.Context) (int64, error)                     // public posts with few likes
	close() error
}

func writerID(i int) string { return fmt.Sprintf("01920000-0000-7000-8000-%012d", i) }

func postID(i int) string { return fmt.Sprintf("01930000-0000-7000-8000-%012d", i) }

// newID is an id for the n-th insert of a run; kind keeps runs apart.
func newID(kind, n int) string { return fmt.Sprintf("0194%04d-0000-7000-8000-%012d", kind, n) }

func samplePost(i int) post {
	t := time.Date(2026, 1, 1, 0, 0, 0, 123456000, time.UTC).Add(time.Duration(i) * time.Minute)
	return post{
		ID: postID(i), CreatedAt: t, UpdatedAt: t, Version: 1, Title: fmt.Sprintf("The title of post number %d", i),
		WriterID: writerID(i / postsEach), Likes: int64(i % 50), Public: i%2 == 0,
	}
}

func newPost(id string) post {
	p := samplePost((writers - 1) * postsEach) // of a writer that the reads do not meet
	p.ID, p.Likes = id, 1000
	return p
}

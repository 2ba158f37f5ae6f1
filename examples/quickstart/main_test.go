package main

import (
	"io"
	"os"
	"testing"
)

// TestProgram runs the program in an empty folder and compares what it prints.
func TestProgram(t *testing.T) {
	t.Chdir(t.TempDir())
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	defer func() { os.Stdout = stdout }()
	main()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if want := "Cards sold 42 times\nLooms sold 7 times\n"; string(got) != want {
		t.Fatalf("printed %q, want %q", got, want)
	}
}

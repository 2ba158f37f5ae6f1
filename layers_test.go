package weft_test

import (
	"context"
	"strings"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/layer/relate"
	"github.com/weftdb/weft/layer/validate"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/mem"
)

// layered is a layer that says its name, and notes what comes to it.
type layered struct {
	weft.Engine
	name string
	log  *[]string
}

func (l layered) Caps() op.Caps {
	c := l.Engine.Caps()
	c.Layers = append([]string{l.name}, c.Layers...)
	return c
}

func (l layered) Do(ctx context.Context, o op.Op) (op.Result, error) {
	if o.Kind == op.Insert {
		*l.log = append(*l.log, l.name)
	}
	return l.Engine.Do(ctx, o)
}

// uncomparable is an engine that cannot be told from others.
type uncomparable struct {
	weft.Engine
	_ []int
}

func TestLayersStandInTheirPlaces(t *testing.T) {
	ctx := t.Context()
	var log []string
	layer := func(name string) weft.Layer {
		return func(next weft.Engine) weft.Engine { return layered{next, name, &log} }
	}
	open := func(layers ...weft.Layer) (*weft.DB, error) {
		return weft.Open(mem.Open(), weft.Models(Seat{}), weft.AutoMigrate(), weft.With(layers...))
	}
	// The order is fixed by what they do, not by that in which they are given.
	db, err := open(layer("events"), layer("mine"), layer("audit"), layer("cache"), layer("limit"), layer("access"))
	must(t, err)
	must(t, weft.Repo[Seat](db).Create(ctx, &Seat{Row: "A", Num: 1}))
	equal(t, strings.Join(log, " "), "limit audit access cache events mine")
	must(t, db.Close())

	for _, c := range []struct {
		layers []weft.Layer
		word   string
	}{
		{[]weft.Layer{nil}, "nil"},
		{[]weft.Layer{layer("cache"), layer("cache")}, "twice"},
		{[]weft.Layer{relate.New(relate.Options{})}, "always there"},
		{[]weft.Layer{validate.New(validate.Options{})}, "always there"},
	} {
		db, err := open(c.layers...)
		is(t, err, weft.ErrValidation)
		says(t, err, c.word)
		if db != nil {
			t.Fatal("a database and an error")
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for word, open := range map[string]func() (*weft.DB, error){
		"nil; give one":        func() (*weft.DB, error) { return weft.Open(nil) },
		"an option is nil":     func() (*weft.DB, error) { return weft.Open(mem.Open(), nil) },
		"the clock is nil":     func() (*weft.DB, error) { return weft.Open(mem.Open(), weft.Clock(nil)) },
		"cannot be told":       func() (*weft.DB, error) { return weft.Open(uncomparable{Engine: mem.Open()}) },
		"Models was given nil": func() (*weft.DB, error) { return weft.Open(mem.Open(), weft.Models(nil)) },
	} {
		db, err := open()
		is(t, err, weft.ErrValidation)
		says(t, err, word)
		if db != nil {
			t.Fatal("a database and an error")
		}
	}
	e := mem.Open()
	db, err := weft.Open(e, weft.Models(Seat{}), weft.AutoMigrate())
	must(t, err)
	_, err = weft.Open(e)
	says(t, err, "open already")
	must(t, db.Close())
	must(t, db.Close())
}

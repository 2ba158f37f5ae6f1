package weft_test

import (
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/op/mem"
)

// Secret asks for what there is not yet.
type Secret struct {
	weft.Model
	Text string `weft:"encrypted"`
}

func TestNothingIsSilentlyLeftOut(t *testing.T) {
	_, err := weft.Open(mem.Open(), weft.Models(Secret{}))
	is(t, err, weft.ErrUnsupported)
	says(t, err, "Secret.text is encrypted")
}

package weft_test

import (
	"testing"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/op/mem"
)

// Secret asks for what there is not yet.
type Secret struct {
	weft.Model
	Text   string     `weft:"encrypted"`
	Gone   *time.Time `weft:"deleted"`
	Parts  []*Part    `weft:"has_many"`
	PartsN int64      `weft:"count=parts"`
}

type Part struct {
	weft.Model
	SecretID string
}

func TestNothingIsSilentlyLeftOut(t *testing.T) {
	_, err := weft.Open(mem.Open(), weft.Models(Secret{}, Part{}))
	is(t, err, weft.ErrUnsupported)
	says(t, err, "Secret.text is encrypted", "Secret.gone marks deleted rows", "Secret.partsN counts parts")
}

package snippets

import (
	"time"

	"github.com/weftdb/weft"
)

// snippet:songs
//go:generate go run github.com/weftdb/weft/cmd/weft generate

type Band struct {
	weft.Model
	Name  string  `weft:"unique"`
	Songs []*Song `weft:"has_many"`
}

type Song struct {
	weft.Model
	BandID string `weft:"index"`
	Title  string `validate:"required"`
	Plays  int64
	Live   bool
	Out    *time.Time
	Words  []string
	Meta   map[string]any
	Band   *Band `weft:"belongs_to"`
}

// end:songs

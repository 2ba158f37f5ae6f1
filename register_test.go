package weft_test

import (
	"strings"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/op/mem"
)

// Misread has a tag that cannot be read, and a fault that only shows beside the
// other models.
type Misread struct {
	weft.Model
	Code  string  `weft:"uniqe"`
	Other []*Note `weft:"has_many,fk=Nothing"`
}

// Reader points at it.
type Reader struct {
	weft.Model
	MisreadID string
	Misread   *Misread `weft:"belongs_to"`
	ByCode    string
	Coded     *Misread `weft:"belongs_to,fk=ByCode,lk=Code"`
}

// One report has every fault, and none that is only there because of another.
func TestOneReportOfAllFaults(t *testing.T) {
	_, err := weft.Open(mem.Open(), weft.Models(Misread{}, nil, Reader{}, Note{}, &Note{}, "x"))
	is(t, err, weft.ErrValidation)
	says(t, err, "4 faults", "Models was given nil", "a value of type string is no model",
		`Misread.code: tag "uniqe" is unknown; did you mean "unique"?`, `Misread.other: fk names field "Nothing", which Note does not have`)
	if strings.Contains(err.Error(), "Reader") {
		t.Errorf("Reader has no fault in %v", err)
	}
}

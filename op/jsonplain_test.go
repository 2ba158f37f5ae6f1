package op_test

import (
	"testing"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

func TestNumbersInJSONB(t *testing.T) {
	jsonb, plain := &schema.Field{Name: "doc", Type: schema.JSONB}, &schema.Field{Name: "doc", Type: schema.JSON}
	for in, want := range map[string]string{
		`{"a":1e2,"b":[1.50,-0,-0.0,2E-3,"1e2","\"1.0\\"],"c":10}`: `{"a":100,"b":[1.5,0,0,0.002,"1e2","\"1.0\\"],"c":10}`,
		`1.0`:               `1`,
		`-12.340e1`:         `-123.4`,
		`9007199254740993`:  `9007199254740993`,
		`[0.1,100,1.25e+3]`: `[0.1,100,1250]`,
	} {
		got, err := op.CanonField(jsonb, op.JSON(in))
		if err != nil || got != op.JSON(want) {
			t.Errorf("%s is %v in jsonb, want %s (%v)", in, got, want, err)
		}
		if got, err := op.CanonField(plain, op.JSON(in)); err != nil || got != op.JSON(in) {
			t.Errorf("%s is %v in json (%v)", in, got, err)
		}
	}
}

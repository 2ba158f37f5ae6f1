package lite

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

// Function is an SQL function that Weft adds to a connection. It is a scalar
// function or an aggregate. All of them are deterministic, and none may be told
// of a schema: then other programs could not open the file.
type Function struct {
	Name string
	Args int // -1 is any number
	// Call is the scalar function. The message of its error is for
	// sqlite3_result_error as it stands; Explain knows it again.
	Call func(args []sqlengine.Value) (sqlengine.Value, error)
	// Aggregate begins one group of an aggregate.
	Aggregate func() Aggregate
}

// Aggregate is one group of rows that an aggregate is computed of.
type Aggregate interface {
	Step(args []sqlengine.Value)
	Final() (sqlengine.Value, error)
}

// Functions are all of them. Who speaks to SQLite may call what they are made
// of (Fold, Add, …) instead, to save the making of values.
var Functions = []Function{
	{Name: "weft_fold", Args: 1, Call: callFold},
	{Name: "weft_add", Args: 4, Call: callAdd},
	{Name: "weft_key", Args: 1, Call: callKey},
	{Name: "weft_json_set", Args: 3, Call: callJSONSet},
	{Name: "weft_time", Args: 1, Call: callTime},
	{Name: "weft_rank", Args: -1, Call: callRank},
	{Name: "weft_sum", Args: 1, Aggregate: func() Aggregate { return &sumOf{} }},
	{Name: "weft_sum_wide", Args: 1, Aggregate: func() Aggregate { return &sumOf{wide: true} }},
}

var errOverflow = errors.New(Overflow)

func refuse(err error) error { return errors.New(Refused + strings.TrimSpace(err.Error())) }

// Fold lower-cases text rune by rune. It allocates nothing, and says that text
// stays as it is, where that is so.
func Fold(b []byte) (folded string, changed bool) {
	for _, c := range b {
		if c >= 0x80 || (c >= 'A' && c <= 'Z') {
			return op.Fold(string(b)), true
		}
	}
	return "", false
}

// Add adds two integers; ok is false where the sum leaves the range from low to
// high, or 64 bits, which SQLite would answer with a float.
func Add(a, b, low, high int64) (sum int64, ok bool) {
	sum = a + b
	return sum, (a^sum)&(b^sum) >= 0 && sum >= low && sum <= high
}

// AddFloat adds two floats; ok is false where the sum is none.
func AddFloat(a, b float64) (sum float64, ok bool) {
	sum = a + b
	return sum, !math.IsInf(sum, 0) && !math.IsNaN(sum)
}

// Key is the sort key of JSON text, nil for null.
func Key(text string) []byte { return sqlengine.JSONKey(nil, text) }

// JSONSet sets a place in a document; path is a JSON array.
func JSONSet(document, path, value string) (string, error) {
	segments, err := sqlengine.ParsePath(path)
	if err != nil {
		return "", refuse(err)
	}
	out, err := op.SetJSONPath(op.JSON(document), segments, op.JSON(value))
	if err != nil {
		return "", refuse(err)
	}
	return string(out), nil
}

// Time makes a time as Weft stores it of what other programs store as one: a
// text or an integer.
func Time(v sqlengine.Value) (string, error) {
	text, ok := sqlengine.FoundTime(v)
	if !ok {
		return "", errors.New("a column of times holds " + strconv.Quote(asText(v)) + ", which is no time")
	}
	return text, nil
}

// Rank is the relevance of texts for a search.
func Rank(search string, texts []string) (int64, error) {
	s, err := op.ParseSearch(search)
	if err != nil {
		return 0, refuse(err)
	}
	return s.Relevance(texts), nil
}

func callFold(args []sqlengine.Value) (sqlengine.Value, error) {
	if args[0].Kind == sqlengine.Null || args[0].Kind == sqlengine.Int {
		return args[0], nil
	}
	if folded, changed := Fold([]byte(asText(args[0]))); changed {
		return sqlengine.TextValue(folded), nil
	}
	if args[0].Kind == sqlengine.Blob {
		return sqlengine.TextValue(args[0].Bytes()), nil
	}
	return args[0], nil
}

func callAdd(args []sqlengine.Value) (sqlengine.Value, error) {
	if args[0].Kind == sqlengine.Int && args[1].Kind == sqlengine.Int {
		sum, ok := Add(args[0].Int(), args[1].Int(), asInt(args[2]), asInt(args[3]))
		if !ok {
			return sqlengine.Value{}, errOverflow
		}
		return sqlengine.IntValue(sum), nil
	}
	sum, ok := AddFloat(asFloat(args[0]), asFloat(args[1]))
	if !ok {
		return sqlengine.Value{}, errOverflow
	}
	return sqlengine.FloatValue(sum), nil
}

func callKey(args []sqlengine.Value) (sqlengine.Value, error) {
	if args[0].Kind == sqlengine.Null {
		return args[0], nil
	}
	key := Key(asText(args[0]))
	if key == nil {
		return sqlengine.Value{}, nil
	}
	return sqlengine.BlobValue(string(key)), nil
}

func callJSONSet(args []sqlengine.Value) (sqlengine.Value, error) {
	out, err := JSONSet(asText(args[0]), asText(args[1]), asText(args[2]))
	return sqlengine.TextValue(out), err
}

func callTime(args []sqlengine.Value) (sqlengine.Value, error) {
	v := args[0]
	switch v.Kind {
	case sqlengine.Null:
		return v, nil
	case sqlengine.Int:
	default:
		v = sqlengine.TextValue(asText(v))
	}
	text, err := Time(v)
	return sqlengine.TextValue(text), err
}

func callRank(args []sqlengine.Value) (sqlengine.Value, error) {
	if len(args) == 0 || args[0].Kind == sqlengine.Null {
		return sqlengine.IntValue(0), nil
	}
	texts := make([]string, len(args)-1)
	for i := range texts {
		texts[i] = asText(args[i+1])
	}
	n, err := Rank(asText(args[0]), texts)
	return sqlengine.IntValue(n), err
}

package schema

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"
	"go.yaml.in/yaml/v3"
)

// jsonNumber is a number as JSON writes it.
var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

// nodeValue reads the value of a field, a default or in a seed, as canonical.
func nodeValue(f *Field, n *yaml.Node) (any, error) {
	k := f.Type.Kind()
	if k == KindJSON {
		tree, err := nodeJSON(n)
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(tree) // a Go string would be taken as JSON text
		if err != nil {
			return nil, err
		}
		return canonJSON(f, json.RawMessage(text))
	}
	if n.Kind != yaml.ScalarNode {
		return nil, fmt.Errorf("must be a single value, not %s", nodeKind(n))
	}
	tag := n.ShortTag()
	switch {
	case tag == "!!binary":
		b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(n.Value), ""))
		if err != nil {
			return nil, errors.New("is not base64")
		}
		if k != KindBytes && k != KindAny {
			return nil, fmt.Errorf("is binary, the field is %s", f.Type)
		}
		return b, nil
	case k == KindString && tag != "!!str":
		return nil, fmt.Errorf("must be text, not %s; quote it: %q", nodeKind(n), n.Value)
	case k == KindTime && (tag == "!!timestamp" || tag == "!!str"):
		return canonTime(f, n.Value)
	case k == KindDecimal && (tag == "!!int" || tag == "!!float" || tag == "!!str"):
		return canonDecimal(f, n.Value) // from its text, which is exact
	case tag == "!!str":
		return canonLiteral(f, n.Value)
	case tag == "!!bool":
		var b bool
		if err := n.Decode(&b); err != nil {
			return nil, fmt.Errorf("%q is not a boolean", n.Value)
		}
		return canonLiteral(f, b)
	case tag == "!!int":
		var i int64
		if err := n.Decode(&i); err != nil {
			return nil, fmt.Errorf("%s does not fit 64 bits", n.Value)
		}
		return canonLiteral(f, i)
	case tag == "!!float":
		var x float64
		if err := n.Decode(&x); err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
			return nil, fmt.Errorf("%s is not a finite number", n.Value)
		}
		return canonLiteral(f, x)
	case tag == "!!timestamp" && k == KindAny:
		return canonTime(f, n.Value)
	}
	return nil, fmt.Errorf("must be %s, not %s", f.Type, nodeKind(n))
}

// nodeJSON turns YAML into the tree that encoding/json makes with UseNumber.
func nodeJSON(n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.MappingNode:
		out := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			k := n.Content[i]
			if k.Kind != yaml.ScalarNode || k.Tag == "!!merge" {
				return nil, errors.New("has a key that is not plain text")
			}
			if _, twice := out[k.Value]; twice {
				return nil, fmt.Errorf("has the key %q twice", k.Value)
			}
			v, err := nodeJSON(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			out[k.Value] = v
		}
		return out, nil
	case yaml.SequenceNode:
		out := []any{}
		for _, c := range n.Content {
			v, err := nodeJSON(c)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	case yaml.ScalarNode:
	default:
		return nil, fmt.Errorf("has %s; write the value out", nodeKind(n))
	}
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0 && jsonNumber.MatchString(n.Value) {
		return json.Number(n.Value), nil
	}
	switch n.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool":
		var b bool
		err := n.Decode(&b)
		return b, err
	case "!!int":
		var i int64
		if err := n.Decode(&i); err != nil {
			return nil, fmt.Errorf("has %s, which is no integer of 64 bits", n.Value)
		}
		return json.Number(strconv.FormatInt(i, 10)), nil
	case "!!float":
		var x float64
		if err := n.Decode(&x); err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
			return nil, fmt.Errorf("has %s, which is no JSON number", n.Value)
		}
		return json.Number(strconv.FormatFloat(x, 'g', -1, 64)), nil
	case "!!str", "!!timestamp":
		if !utf8.ValidString(n.Value) {
			return nil, fmt.Errorf("has %q, which is not UTF-8", n.Value)
		}
		return n.Value, nil
	}
	return nil, fmt.Errorf("has %s, which is no JSON", nodeKind(n))
}

// valueNode writes a canonical value of a field.
func valueNode(f *Field, v any) (*yaml.Node, error) {
	switch x := v.(type) {
	case nil:
		return plain("null"), nil
	case string:
		return quotedNode(x), nil
	case int64:
		return plain(strconv.FormatInt(x, 10)), nil
	case float64:
		s := strconv.FormatFloat(x, 'g', -1, 64)
		if !strings.ContainsAny(s, ".e") {
			s += ".0" // or it would be read as an integer
		}
		return plain(s), nil
	case bool:
		return plain(strconv.FormatBool(x)), nil
	case decimal.Decimal:
		return plain(x.String()), nil
	case time.Time:
		if f.Type == Date {
			return plain(x.Format(time.DateOnly)), nil
		}
		n := quotedNode(x.Format(time.RFC3339Nano)) // the colons need quotes
		if f.Type == Specific {
			n.Tag, n.Style = "!!timestamp", n.Style|yaml.TaggedStyle // or it would be text
		}
		return n, nil
	case []byte:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!binary", Value: base64.StdEncoding.EncodeToString(x)}, nil
	case json.RawMessage:
		dec := json.NewDecoder(bytes.NewReader(x))
		dec.UseNumber()
		var tree any
		if err := dec.Decode(&tree); err != nil {
			return nil, fmt.Errorf("%q is not JSON", x)
		}
		return jsonNode(tree), nil
	}
	return nil, fmt.Errorf("%v (%T) is no canonical value", v, v)
}

func jsonNode(tree any) *yaml.Node {
	switch x := tree.(type) {
	case map[string]any:
		n := flowMap()
		for _, k := range sortedKeys(x) {
			n.Content = append(n.Content, quotedNode(k), jsonNode(x[k]))
		}
		return n
	case []any:
		n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, v := range x {
			n.Content = append(n.Content, jsonNode(v))
		}
		return n
	case string:
		return quotedNode(x)
	case json.Number:
		return plain(x.String())
	case bool:
		return plain(strconv.FormatBool(x))
	}
	return plain("null")
}

func plain(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: s} }

func quotedNode(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: s}
}

func flowMap() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle} }

// plainText is text that YAML reads back as text without quotes.
var plainText = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_./ -]*[A-Za-z0-9_]$|^[A-Za-z_]$`)

// yamlWords are plain words that some reader of YAML takes for something else.
var yamlWords = map[string]bool{
	"null": true, "true": true, "false": true, "yes": true, "no": true, "on": true, "off": true, "y": true, "n": true,
}

// textNode writes text, quoted where it needs to be.
func textNode(s string) *yaml.Node {
	if plainText.MatchString(s) && !yamlWords[strings.ToLower(s)] {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	}
	return quotedNode(s)
}

func textList(list []string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, s := range list {
		n.Content = append(n.Content, textNode(s))
	}
	return n
}

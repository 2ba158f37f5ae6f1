package catalog

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// number reads a number with its signs.
func number(toks []string) (string, bool) {
	sign := ""
	for len(toks) > 1 && (toks[0] == "-" || toks[0] == "+") {
		if toks[0] == "-" {
			sign = map[string]string{"": "-", "-": ""}[sign]
		}
		toks = bare(toks[1:])
	}
	if len(toks) != 1 {
		return "", false
	}
	if t := toks[0]; t[0] == '.' || t[0] >= '0' && t[0] <= '9' {
		return sign + t, true
	}
	return "", false
}

// literal writes a literal in its one form for a class of types; ok tells
// whether the tokens are one.
func literal(d Dialect, c class, toks []string) (string, bool) {
	if n := len(toks); d != Postgres && (n == 2 || n == 1) {
		if s, ok := hexLiteral(d, toks); ok {
			return s, true
		}
	}
	s, isText := "", false
	if len(toks) == 1 {
		s, isText = text(d, toks[0])
	}
	if !isText {
		if d == Postgres && len(toks) == 1 && c == truth && isLiteral(d, toks) {
			return strings.ToLower(toks[0]), true
		}
		n, isNumber := number(toks)
		switch {
		case isNumber:
			s = n
		case len(toks) == 1 && d != Postgres && strings.EqualFold(toks[0], "TRUE"):
			s = "1"
		case len(toks) == 1 && d != Postgres && strings.EqualFold(toks[0], "FALSE"):
			s = "0"
		default:
			return "", false
		}
	}
	switch c {
	case whole, exact:
		if n, err := decimal.NewFromString(strings.TrimSpace(s)); err == nil && len(s) < 100 && n.Exponent() > -200 && n.Exponent() < 200 {
			return n.String(), true
		}
	case inexact:
		if x, err := strconv.ParseFloat(strings.TrimSpace(s), 64); err == nil {
			return strconv.FormatFloat(x, 'g', -1, 64), true
		}
	case truth:
		if b, known := truths[strings.ToLower(strings.TrimSpace(s))]; known {
			return b, true
		}
	case words:
		if n, err := strconv.ParseInt(s, 10, 64); !isText && err == nil {
			return Text(d, strconv.FormatInt(n, 10)), true
		}
	}
	if isText {
		return Text(d, s), true
	}
	return s, true
}

var truths = map[string]string{
	"t": "true", "true": "true", "y": "true", "yes": "true", "on": "true", "1": "true",
	"f": "false", "false": "false", "n": "false", "no": "false", "off": "false", "0": "false",
}

// hexLiteral reads x'00ff', 0x00ff and b'101'.
func hexLiteral(d Dialect, toks []string) (string, bool) {
	first := strings.ToLower(toks[0])
	switch {
	case len(toks) == 2 && first == "x" && toks[1][0] == '\'':
		b, err := hex.DecodeString(strings.Trim(toks[1], "'"))
		return "x'" + hex.EncodeToString(b) + "'", err == nil
	case len(toks) == 2 && first == "b" && toks[1][0] == '\'':
		s := strings.TrimLeft(strings.Trim(toks[1], "'"), "0")
		return "b'" + s + strings.Repeat("0", max(0, 1-len(s))) + "'", true
	case len(toks) == 1 && strings.HasPrefix(first, "0x") && d == SQLite:
		n, err := strconv.ParseInt(first, 0, 64)
		return strconv.FormatInt(n, 10), err == nil
	case len(toks) == 1 && strings.HasPrefix(first, "0x"):
		b, err := hex.DecodeString(first[2:])
		return "x'" + hex.EncodeToString(b) + "'", err == nil
	}
	return "", false
}

// present is the canonical form of the present time, "" for anything else.
func present(d Dialect, typ string, c class, toks []string) string {
	name := strings.ToUpper(toks[0])
	precision := ""
	switch {
	case len(toks) == 1 && (strings.HasPrefix(name, "CURRENT_") || strings.HasPrefix(name, "LOCALTIME")):
	case len(toks) == 3 && toks[1] == "(" && toks[2] == ")":
	case len(toks) == 4 && toks[1] == "(" && toks[3] == ")" && len(toks[2]) == 1 && toks[2] >= "0" && toks[2] <= "9":
		precision = toks[2]
	default:
		return ""
	}
	if d == SQLite {
		if len(toks) == 1 && strings.HasPrefix(name, "CURRENT_") {
			return name
		}
		return ""
	}
	now := slices.Contains([]string{"NOW", "CURRENT_TIMESTAMP", "LOCALTIMESTAMP", "TRANSACTION_TIMESTAMP"}, name) && (d == Postgres || name != "TRANSACTION_TIMESTAMP") ||
		d == MySQL && name == "LOCALTIME"
	switch {
	case c == moment && now:
		if precision == "0" && d == MySQL || precision == "6" && d == Postgres || d == Postgres && precision != "" && strings.Contains(typ, "("+precision+")") {
			precision = ""
		}
		if precision != "" {
			precision = "(" + precision + ")"
		}
		return "CURRENT_TIMESTAMP" + precision
	case c == day && (now || name == "CURRENT_DATE" || name == "CURDATE"):
		return "CURRENT_DATE"
	case c == clock && (now && d == Postgres || slices.Contains([]string{"CURRENT_TIME", "CURTIME", "LOCALTIME"}, name)):
		if precision != "" && precision != "0" && !(precision == "6" && d == Postgres) {
			return "CURRENT_TIME(" + precision + ")"
		}
		return "CURRENT_TIME"
	}
	return ""
}

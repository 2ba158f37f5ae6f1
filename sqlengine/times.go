package sqlengine

import (
	"strings"
	"time"
)

// AppendTime writes a time as tables keep it: UTC, "2006-01-02 15:04:05", then
// the fraction of a second without trailing zeros. Such texts sort as times do.
func AppendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	b = AppendDate(b, t)
	h, m, s := t.Clock()
	b = append(b, ' ', byte('0'+h/10), byte('0'+h%10), ':', byte('0'+m/10), byte('0'+m%10), ':', byte('0'+s/10), byte('0'+s%10))
	us := t.Nanosecond() / 1000
	if us == 0 {
		return b
	}
	var frac [7]byte
	frac[0] = '.'
	for i := 6; i > 0; i-- {
		frac[i] = byte('0' + us%10)
		us /= 10
	}
	n := len(frac)
	for frac[n-1] == '0' {
		n--
	}
	return append(b, frac[:n]...)
}

// AppendDate writes the date of a time, "2006-01-02".
func AppendDate(b []byte, t time.Time) []byte {
	y, m, d := t.Date()
	return append(b, byte('0'+y/1000%10), byte('0'+y/100%10), byte('0'+y/10%10), byte('0'+y%10), '-',
		byte('0'+int(m)/10), byte('0'+int(m)%10), '-', byte('0'+d/10), byte('0'+d%10))
}

// parseTime reads what AppendTime and AppendDate wrote.
func parseTime(b []byte) (time.Time, bool) {
	if len(b) < 10 || b[4] != '-' || b[7] != '-' {
		return time.Time{}, false
	}
	ok := true
	num := func(b []byte) (n int) {
		for _, c := range b {
			if c < '0' || c > '9' {
				ok = false
			}
			n = n*10 + int(c-'0')
		}
		return n
	}
	y, mo, d := num(b[:4]), num(b[5:7]), num(b[8:10])
	if mo < 1 || mo > 12 || d < 1 || d > 31 {
		return time.Time{}, false
	}
	if len(b) == 10 {
		return time.Date(y, time.Month(mo), d, 0, 0, 0, 0, time.UTC), ok
	}
	if len(b) < 19 || b[10] != ' ' || b[13] != ':' || b[16] != ':' {
		return time.Time{}, false
	}
	h, mi, s := num(b[11:13]), num(b[14:16]), num(b[17:19])
	us := 0
	if len(b) > 19 {
		if b[19] != '.' || len(b) > 26 || len(b) == 20 {
			return time.Time{}, false
		}
		us = num(b[20:])
		for i := len(b); i < 26; i++ {
			us *= 10
		}
	}
	if h > 23 || mi > 59 || s > 59 {
		return time.Time{}, false
	}
	return time.Date(y, time.Month(mo), d, h, mi, s, us*1000, time.UTC), ok
}

// foundTimes are the ways in which other programs write times into text.
var foundTimes = []string{
	"2006-01-02 15:04:05.999999999-07:00",
	"2006-01-02T15:04:05.999999999-07:00",
	"2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02T15:04:05.999999999Z07:00",
	"2006-01-02T15:04:05.999999999",
	"2006-01-02 15:04:05.999999999",
	"2006-01-02 15:04:05.999999999 -0700 MST",
	"2006-01-02T15:04",
	"2006-01-02 15:04",
	"2006-01-02",
	"2006/01/02 15:04:05",
	"2006/01/02",
	"20060102",
	"1/2/2006 15:04:05",
	"1/2/2006",
}

// foundTime reads a time as other programs store it.
func foundTime(v Value) (time.Time, bool) {
	switch v.Kind {
	case Text:
		if t, ok := parseTime([]byte(v.Bytes())); ok {
			return t, true
		}
		return parseFoundTime(v.Bytes())
	case Int: // seconds, or milliseconds where seconds would be far ahead
		if n := v.Int(); n > 1e11 || n < -1e11 {
			return time.UnixMilli(n).UTC(), true
		}
		return time.Unix(v.Int(), 0).UTC(), true
	}
	return time.Time{}, false
}

func parseFoundTime(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	if i := strings.Index(s, " m="); i > 0 {
		s = s[:i]
	}
	for _, layout := range foundTimes {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC().Truncate(time.Microsecond), true
		}
	}
	return time.Time{}, false
}

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// slowCall is a statement that a log says was slow.
type slowCall struct {
	SQL   string
	Op    string // what the application asked for, such as "find Post"
	Count int
	Total time.Duration
	Max   time.Duration
}

// slowLog is what a log tells.
type slowLog struct {
	lines int
	calls []*slowCall // the most expensive first
}

// maxLogLine is how long a line may be; longer ones are passed over.
const maxLogLine = 1 << 20

// readSlowLog reads the log that weft.Log writes through slog, as JSON or as
// text. Lines of others are passed over.
func readSlowLog(path string) (*slowLog, error) {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no log %s", path)
	case err != nil:
		return nil, fmt.Errorf("the log %s cannot be read: %w", path, cause(err))
	}
	defer f.Close()
	log, err := parseSlowLog(f)
	if err != nil {
		return nil, fmt.Errorf("the log %s cannot be read: %w", path, cause(err))
	}
	return log, nil
}

func parseSlowLog(r io.Reader) (*slowLog, error) {
	log := &slowLog{}
	bySQL := map[string]*slowCall{}
	in := bufio.NewReaderSize(r, 64<<10)
	var line []byte
	for {
		part, more, err := in.ReadLine()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(line) <= maxLogLine {
			line = append(line, part...)
		}
		if more {
			continue
		}
		log.lines++
		log.add(bySQL, line)
		line = line[:0]
	}
	slices.SortStableFunc(log.calls, func(a, b *slowCall) int { return int(min(max(b.Total-a.Total, -1), 1)) })
	return log, nil
}

// add takes a line that tells of a slow call: it has the statement and how long
// it took, and no error.
func (l *slowLog) add(bySQL map[string]*slowCall, line []byte) {
	line = bytes.TrimSpace(line)
	var entry map[string]string
	switch {
	case len(line) == 0 || len(line) > maxLogLine:
		return
	case line[0] == '{':
		entry = jsonLine(line)
	default:
		entry = textLine(string(line))
	}
	took, err := time.ParseDuration(entry["duration"])
	if n, nerr := strconv.ParseInt(entry["duration"], 10, 64); nerr == nil { // JSON has nanoseconds
		took, err = time.Duration(n), nil
	}
	if err != nil || entry["sql"] == "" || entry["error"] != "" {
		return
	}
	c := bySQL[entry["sql"]]
	if c == nil {
		c = &slowCall{SQL: entry["sql"], Op: entry["op"]}
		bySQL[c.SQL] = c
		l.calls = append(l.calls, c)
	}
	c.Count++
	c.Total += took
	c.Max = max(c.Max, took)
}

// keys of a line, without the groups that an application may have put them in.
var logKeys = []string{"sql", "duration", "op", "error"}

// jsonLine reads a line of slog's JSON.
func jsonLine(line []byte) map[string]string {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	var v map[string]any
	if dec.Decode(&v) != nil {
		return nil
	}
	out := map[string]string{}
	var walk func(m map[string]any)
	walk = func(m map[string]any) {
		for k, v := range m {
			switch x := v.(type) {
			case map[string]any:
				walk(x)
			case string, json.Number:
				if slices.Contains(logKeys, k) {
					out[k] = fmt.Sprint(x)
				}
			}
		}
	}
	walk(v)
	return out
}

// textLine reads a line of slog's text: key=value, either in quotes where it
// has to be.
func textLine(line string) map[string]string {
	out := map[string]string{}
	for line != "" {
		key, rest, ok := cutLogText(line, "=")
		if !ok || !strings.HasPrefix(rest, "=") {
			return out
		}
		value, rest, ok := cutLogText(rest[1:], " ")
		if !ok {
			return out
		}
		if i := strings.LastIndexByte(key, '.'); i >= 0 {
			key = key[i+1:]
		}
		if slices.Contains(logKeys, key) {
			out[key] = value
		}
		line = strings.TrimLeft(rest, " ")
	}
	return out
}

// cutLogText takes a text from the beginning of a line, in quotes or up to a sign.
func cutLogText(line, end string) (text, rest string, ok bool) {
	if strings.HasPrefix(line, `"`) {
		q, err := strconv.QuotedPrefix(line)
		if err != nil {
			return "", "", false
		}
		text, err := strconv.Unquote(q)
		return text, line[len(q):], err == nil
	}
	i := strings.Index(line, end)
	if i < 0 {
		i = len(line)
	}
	return line[:i], line[i:], true
}

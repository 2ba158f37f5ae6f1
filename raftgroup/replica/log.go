package replica

import (
	"bytes"
	"context"
	"log"
	"log/slog"
	"strings"
)

// keyServer and its like are keys of log lines.
const (
	keyGroup  = "group"
	keyServer = "server"
	keyError  = "error"
	keyPeer   = "peer"
)

// lines of rqlite's store as lines of a slog.Logger.
type storeLog struct {
	log *slog.Logger
	// lost is called when a snapshot did not succeed. It may end the goroutine.
	lost func()
	// set is called when the store has set itself up; see opening.
	set func()
}

func (w storeLog) Write(p []byte) (int, error) {
	text := string(bytes.TrimSpace(p))
	level := slog.LevelDebug
	switch low := strings.ToLower(text); {
	case strings.Contains(low, "corrupt"), strings.Contains(low, "panic"):
		level = slog.LevelError
	case strings.Contains(low, "fail"), strings.Contains(low, "error"), strings.Contains(low, "invalid"):
		level = slog.LevelWarn
	}
	w.log.Log(context.Background(), level, text, "from", "rqlite")
	if strings.HasSuffix(text, "preexisting snapshots present") {
		w.set()
	}
	if isSnapshotLost(text) {
		w.lost()
	}
	return len(p), nil
}

func storeLogger(l *slog.Logger, lost, set func()) *log.Logger {
	return log.New(storeLog{l, lost, set}, "", 0)
}

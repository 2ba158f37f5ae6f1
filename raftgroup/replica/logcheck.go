package replica

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/go-msgpack/codec"
	"github.com/hashicorp/raft"
	"github.com/rqlite/rqlite/v8/command"
	"github.com/rqlite/rqlite/v8/command/proto"
)

// logInfo is what a log was found to hold.
type logInfo struct {
	first, last uint64 // entries; 0 when there is none
	lastTerm    uint64
	term        uint64   // the highest that the copy has seen
	members     []string // of the last configuration in it
	gap         uint64   // the last entry before which one is missing

	terms map[uint64]uint64 // of the entries that it has keys for: 0 is an entry that is not there
}

// has reports whether the log holds what a snapshot holds last, and so, together
// with all before it, the same as the snapshot. Entries of another term at its
// place are those of a leader that never had them accepted.
func (l *logInfo) has(index, term uint64) bool { return term != 0 && l.terms[index] == term }

// after reports whether the log holds all that comes after an entry.
func (l *logInfo) after(index uint64) bool { return l.first <= index+1 && l.gap <= index+1 }

// checkLog reads a whole log and tells the terms of the given entries. Errors
// wrap errTorn when it is damaged.
func checkLog(name string, entries ...uint64) (logInfo, error) {
	f, err := os.Open(name)
	if err != nil {
		return logInfo{}, fmt.Errorf("replica: %w", err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return logInfo{}, fmt.Errorf("replica: %w", err)
	}
	return readLog(f, fi.Size(), entries...)
}

func readLog(r io.ReaderAt, size int64, entries ...uint64) (info logInfo, err error) {
	info.terms = map[uint64]uint64{}
	for _, index := range entries {
		info.terms[index] = 0
	}
	// The decoders of the libraries were not made for bytes that are damaged.
	defer func() {
		if p := recover(); p != nil {
			err = torn("an entry cannot be decoded: %v", p)
		}
	}()
	b, err := openBolt(r, size)
	if err != nil {
		return info, err
	}
	buckets, err := b.buckets()
	if err != nil {
		return info, err
	}
	logs, conf := buckets["logs"], buckets["conf"]
	if logs == nil || conf == nil {
		return info, torn("it has no entries or no state")
	}
	if err := b.each(logs, info.entry); err != nil {
		return info, err
	}
	if err := b.each(conf, info.state); err != nil {
		return info, err
	}
	if info.term < info.lastTerm {
		return info, torn("its last entry is of term %d, and it knows of term %d only", info.lastTerm, info.term)
	}
	return info, b.freelist()
}

// strict takes no field that it does not know: that may be one which is damaged,
// and whose value would be taken for zero.
var strict = func() *codec.MsgpackHandle {
	var h codec.MsgpackHandle
	h.ErrorIfNoField = true
	return &h
}()

// decodeStrict decodes what raft wrote. All of it has to be read.
func decodeStrict(data []byte, v any) error {
	dec := codec.NewDecoderBytes(data, strict)
	if err := dec.Decode(v); err != nil {
		return err
	}
	if n := dec.NumBytesRead(); n != len(data) {
		return fmt.Errorf("%d bytes are left of %d", len(data)-n, len(data))
	}
	return nil
}

// entry takes one entry of the log up.
func (l *logInfo) entry(key, value []byte) error {
	if len(key) != 8 {
		return torn("an entry is named by %d bytes", len(key))
	}
	index := binary.BigEndian.Uint64(key)
	var e raft.Log
	if err := decodeStrict(value, &e); err != nil {
		return torn("entry %d: %w", index, err)
	}
	if e.Index != index || e.Term < l.lastTerm || e.Term == 0 {
		return torn("entry %d says that it is entry %d of term %d, after one of term %d", index, e.Index, e.Term, l.lastTerm)
	}
	switch e.Type {
	case raft.LogCommand:
		if err := checkCommand(e.Data); err != nil {
			return torn("entry %d: %w", index, err)
		}
	case raft.LogConfiguration:
		l.members = nil
		var c raft.Configuration
		if err := decodeStrict(e.Data, &c); err != nil {
			return torn("entry %d: %w", index, err)
		}
		for _, s := range c.Servers {
			if _, err := PeerOf(string(s.ID)); err != nil || string(s.Address) != string(s.ID) || s.Suffrage > raft.Staging {
				return torn("entry %d: %s at %s is no member", index, s.ID, s.Address)
			}
			l.members = append(l.members, string(s.ID))
		}
		if len(l.members) == 0 {
			return torn("entry %d leaves no members", index)
		}
	case raft.LogNoop, raft.LogBarrier:
		if len(e.Data) > 0 { // it was one that does something
			return torn("entry %d is of type %d and has %d bytes", index, e.Type, len(e.Data))
		}
	default:
		return torn("entry %d is of type %d", index, e.Type)
	}
	if l.first == 0 {
		l.first = index
	} else if index != l.last+1 {
		l.gap = index
	}
	l.last, l.lastTerm = index, e.Term
	if _, asked := l.terms[index]; asked {
		l.terms[index] = e.Term
	}
	return nil
}

// state takes one value that raft keeps beside the log up.
func (l *logInfo) state(key, value []byte) error {
	switch string(key) {
	case "CurrentTerm", "LastVoteTerm":
		if len(value) != 8 {
			return torn("%s has %d bytes", key, len(value))
		}
		n := binary.BigEndian.Uint64(value)
		if string(key) == "CurrentTerm" {
			l.term = n
		}
	case "LastVoteCand":
		if _, err := PeerOf(string(value)); err != nil {
			return torn("it voted for %q", value)
		}
	default:
		if !strings.HasPrefix(string(key), "rqlite_") {
			return torn("it has a value %q", key)
		}
	}
	return nil
}

// checkCommand checks an entry as rqlite has it.
func checkCommand(data []byte) error {
	var c proto.Command
	if err := command.Unmarshal(data, &c); err != nil {
		return err
	}
	switch c.Type {
	case proto.Command_COMMAND_TYPE_NOOP: // those of barriers name nothing
		if len(c.SubCommand) > 0 {
			return errors.New("it is said to do nothing and has content")
		}
		return nil
	case proto.Command_COMMAND_TYPE_EXECUTE:
	default:
		return fmt.Errorf("it is of type %d", c.Type)
	}
	var e proto.ExecuteRequest
	if err := command.UnmarshalSubCommand(&c, &e); err != nil {
		return err
	}
	list := e.Request.GetStatements()
	if len(list) != 1 || len(list[0].Parameters) > 1 {
		return errors.New("it is not one statement")
	}
	var entry []byte
	if len(list[0].Parameters) == 1 {
		entry = list[0].Parameters[0].GetY()
	}
	sql, _, ok := strings.Cut(list[0].Sql, checksumMark)
	if !ok || withChecksum(sql, entry) != list[0].Sql {
		return errors.New("its checksum is wrong")
	}
	return nil
}

// checkCopy reads everything that a directory of a replica holds. used says that
// there must be a log.
func checkCopy(dir string, used bool) (members []string, err error) {
	name := filepath.Join(dir, logName)
	var asked []uint64
	list, _ := snaps(filepath.Join(dir, snapshotsDir)) // checkSnapshots says what is wrong
	for i := range list {
		asked = append(asked, list[i].meta.Index)
	}
	var info logInfo
	if _, err := os.Lstat(name); err == nil {
		info, err = checkLog(name, asked...)
		if err != nil {
			return info.members, err
		}
	} else if used {
		return nil, torn("%s is missing", name)
	}
	snap, err := checkSnapshots(filepath.Join(dir, snapshotsDir), info)
	if info.members == nil {
		info.members = snap.members
	}
	if err != nil {
		return info.members, err
	}
	if info.last != 0 && !info.after(snap.index) {
		return info.members, torn("entries are missing after %d, up to which the snapshot goes; the log has %d to %d", snap.index, max(info.first, info.gap), info.last)
	}
	return info.members, nil
}

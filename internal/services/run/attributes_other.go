//go:build unix && !linux

package main

import "syscall"

// attributes put a process into a group of its own, so that a Ctrl-C at the
// terminal does not reach it. Servers that outlive a killed run are stopped by
// the next one.
func attributes(syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

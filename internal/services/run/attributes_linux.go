package main

import "syscall"

// attributes put a process into a group of its own, so that a Ctrl-C at the
// terminal does not reach it, and give it a signal when this process is killed.
func attributes(death syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: death}
}

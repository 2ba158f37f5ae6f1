//go:build unix && !linux

package cluster

import "syscall"

func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

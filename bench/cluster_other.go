//go:build !unix

package main

import (
	"errors"
	"io"
)

func (b *bench) cluster(string, io.Writer) error {
	return errors.New("clusters are measured on Unix only; choose another -part")
}

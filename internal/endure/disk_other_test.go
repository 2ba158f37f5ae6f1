//go:build !linux

package endure

import "testing"

// smallDisk is a folder on a disk of one megabyte, where the test can make one.
func smallDisk(t *testing.T) (string, bool) {
	t.Helper()
	t.Log("not tested: needs a disk of one megabyte, which the test makes on Linux")
	return "", false
}

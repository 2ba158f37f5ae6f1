//go:build !linux && !darwin

package replica

import "math"

// diskRoom is not known here.
func diskRoom(string) (int64, error) { return math.MaxInt64, nil }

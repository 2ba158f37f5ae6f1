package host

import "fmt"

// CheckNetworkKey reads the file of a network key and says what is wrong with
// it. The error wraps ErrNetworkKey.
func CheckNetworkKey(file string) error {
	_, _, err := readNetworkKey(file)
	return err
}

// CheckListen tries whether an address can be listened on, and stops at once.
// The error wraps ErrConfig or ErrListen.
func CheckListen(addr string) error {
	a, err := listenAddr(addr)
	if err != nil {
		return fmt.Errorf("%w: node.listen: %w", ErrConfig, err)
	}
	return free(a)
}

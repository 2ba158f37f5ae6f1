package conn

// SetMaxSteps changes how many thousands of steps a statement of somebody else
// may take, until the test calls what it returns.
func SetMaxSteps(n int64) (back func()) {
	old := maxSteps
	maxSteps = n
	return func() { maxSteps = old }
}

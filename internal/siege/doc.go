// Package siege holds the tests that attack clusters of real processes.
package siege

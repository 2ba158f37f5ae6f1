//go:build !race

package discovery

// many is how many nodes TestManyNodes runs; WEFT_NODES says another number.
const many = 100

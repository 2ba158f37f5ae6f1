// Package traps runs GORM and Weft side by side where they differ in what a
// program means, for docs/coming-from-gorm.md. Its tests hold what is said there
// about either to account.
package traps

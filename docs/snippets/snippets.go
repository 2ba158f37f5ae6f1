// Package snippets holds the code that the documents show. Its tests run it.
package snippets

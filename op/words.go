package op

import (
	"slices"
	"unicode/utf8"
)

// maxWord is how long a word of a search may be, folded, in bytes. Indexes keep
// the beginning of longer ones only.
const maxWord = 30_000

// words are the words of a text, in their order. A word is a longest run of
// letters, digits, other numbers and combining marks, as the table separators
// has it, with every letter folded as in folds: case does not matter,
// diacritics do. Composed and decomposed letters are different.
func words(text string) []string {
	if len(text) == 0 {
		return nil
	}
	folded := make([]byte, 0, len(text))
	var ends []int
	eachWord(text, func(word []byte, _ int) {
		folded = append(folded, word...)
		ends = append(ends, len(folded))
	})
	all, from := string(folded), 0
	out := make([]string, len(ends))
	for i, end := range ends {
		out[i], from = all[from:end], end
	}
	return out
}

// eachWord calls fn with each word, which is fn's until it returns, and the
// place in the text where it ends.
func eachWord(text string, fn func(word []byte, end int)) {
	var room [64]byte
	word := room[:0]
	for i := 0; i < len(text); {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(text[i:])
		}
		switch {
		case wordRune(r):
			word = utf8.AppendRune(word, foldRune(r))
		case len(word) > 0:
			fn(word, i)
			word = word[:0]
		}
		i += size
	}
	if len(word) > 0 {
		fn(word, len(text))
	}
}

// wordRune reports whether a code point is part of a word.
func wordRune(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	_, between := slices.BinarySearchFunc(separators[:], r, func(s [2]rune, r rune) int {
		switch {
		case s[1] < r:
			return -1
		case s[0] > r:
			return 1
		}
		return 0
	})
	return !between
}

// foldRune makes the cases of a letter equal.
func foldRune(r rune) rune {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	i, _ := slices.BinarySearchFunc(folds[:], r, func(f struct{ lo, hi, stride, delta rune }, r rune) int { return int(f.hi - r) })
	if i < len(folds) && r >= folds[i].lo && (r-folds[i].lo)%folds[i].stride == 0 {
		return r + folds[i].delta
	}
	return r
}

package lite

import "strings"

// Skip cuts off what SQLite passes over before a statement.
func Skip(text string) string {
	for {
		text = strings.TrimLeft(text, " \t\r\n\f;")
		switch {
		case strings.HasPrefix(text, "--"):
			_, text, _ = strings.Cut(text, "\n")
		case strings.HasPrefix(text, "/*"):
			_, text, _ = strings.Cut(text[2:], "*/")
		case strings.HasPrefix(text, "\ufeff"):
			text = text[len("\ufeff"):]
		default:
			return text
		}
	}
}

// Word is the first word of a statement, upper case, past comments, and what
// follows it.
func Word(text string) (first, rest string) {
	text = Skip(text)
	end := strings.IndexFunc(text, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
	if end < 0 {
		end = len(text)
	}
	return strings.ToUpper(text[:end]), text[end:]
}

// FirstWord is the first word of a statement, upper case, past comments.
func FirstWord(text string) string {
	first, _ := Word(text)
	return first
}

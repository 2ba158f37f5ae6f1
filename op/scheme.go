package op

// Scheme is how an engine is opened from a URL, for programs that are
// configured from outside. Packages of engines export theirs as Scheme; package
// open picks the one that an address asks for.
type Scheme struct {
	// Names are what stands before the colon, in lower case: "postgres",
	// "postgresql".
	Names []string

	// Paths is true when an address without a scheme is a path for this engine.
	Paths bool

	// Form is what an address looks like, for errors: "sqlite:app.db".
	Form string

	// Open makes the engine. It gets the address as it was given, with or without
	// the scheme, and connects to nothing. Its errors say what is wrong with the
	// address and never contain a password.
	Open func(address string) (Engine, error)
}

package op

// Plain is what lets Normalize pass over a value.
var Plain = plain

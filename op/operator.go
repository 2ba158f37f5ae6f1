package op

import "strings"

var operatorNames = [...]string{
	Eq: "=", Ne: "!=", Lt: "<", Le: "<=", Gt: ">", Ge: ">=", In: "in", NotIn: "not in",
	Between: "between", Like: "like", StartsWith: "starts with", EndsWith: "ends with",
	Contains: "contains", IsNull: "is null", NotNull: "not null",
}

var operatorsByName = map[string]Operator{
	"=": Eq, "==": Eq, "!=": Ne, "<>": Ne, "<": Lt, "<=": Le, ">": Gt, ">=": Ge,
	"in": In, "not in": NotIn, "between": Between, "like": Like,
	"starts with": StartsWith, "ends with": EndsWith, "contains": Contains,
	"is null": IsNull, "not null": NotNull, "is not null": NotNull,
}

// String returns the operator as it is written in queries, "?" for a number
// that is no operator.
func (o Operator) String() string {
	if o >= Eq && int(o) < len(operatorNames) {
		return operatorNames[o]
	}
	return "?"
}

// ParseOperator reads an operator as it is written in queries. Case does not
// matter and any run of white space counts as one space. The error lists the
// operators that exist.
func ParseOperator(s string) (Operator, error) {
	if o, ok := operatorsByName[s]; ok {
		return o, nil
	}
	if o, ok := operatorsByName[strings.ToLower(strings.Join(strings.Fields(s), " "))]; ok {
		return o, nil
	}
	return 0, Errorf(CodeValidation, "unknown operator %q; the operators are %s", s, strings.Join(operatorNames[Eq:], ", "))
}

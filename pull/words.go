package pull

import (
	"strings"
	"unicode"
)

// singulars are words whose singular no rule gives, or whose plural looks like
// a singular of another word.
var singulars = map[string]string{
	"people": "person", "children": "child", "men": "man", "women": "woman", "mice": "mouse", "geese": "goose", "feet": "foot",
	"teeth": "tooth", "oxen": "ox", "lice": "louse", "indices": "index", "appendices": "appendix", "matrices": "matrix", "vertices": "vertex",
	"criteria": "criterion", "phenomena": "phenomenon", "alumni": "alumnus", "cacti": "cactus", "fungi": "fungus", "stimuli": "stimulus",
	"radii": "radius", "nuclei": "nucleus", "foci": "focus", "corpora": "corpus", "genera": "genus", "schemata": "schema",
	"analyses": "analysis", "crises": "crisis", "theses": "thesis", "hypotheses": "hypothesis", "diagnoses": "diagnosis",
	"synopses": "synopsis", "parentheses": "parenthesis", "axes": "axis", "bases": "base", "quizzes": "quiz",
	"lives": "life", "wives": "wife", "knives": "knife", "leaves": "leaf", "halves": "half", "shelves": "shelf", "wolves": "wolf",
	"selves": "self", "loaves": "loaf", "thieves": "thief", "calves": "calf", "elves": "elf", "scarves": "scarf", "hooves": "hoof",
	"shoes": "shoe", "toes": "toe", "canoes": "canoe", "caches": "cache", "headaches": "headache", "aches": "ache",
	"movies": "movie", "cookies": "cookie", "zombies": "zombie", "calories": "calorie", "selfies": "selfie", "brownies": "brownie",
	"rookies": "rookie", "hoodies": "hoodie", "smoothies": "smoothie", "genies": "genie", "prairies": "prairie", "birdies": "birdie",
	"gases": "gas", "biases": "bias", "lenses": "lens", "aliases": "alias", "canvases": "canvas", "atlases": "atlas", "buses": "bus",
	"uses": "use", "reuses": "reuse", "fuses": "fuse", "muses": "muse", "excuses": "excuse", "abuses": "abuse", "refuses": "refuse",
	"menus": "menu", "gnus": "gnu", "taxis": "taxi", "skis": "ski", "emojis": "emoji", "wikis": "wiki", "kiwis": "kiwi", "apis": "api",
	"cpus": "cpu", "gpus": "gpu", "skus": "sku", "urls": "url", "ids": "id", "uuids": "uuid", "bytes": "byte", "dice": "die",
}

// uncounted are words that are their own plural, or that look like one and are
// none.
var uncounted = words(`data metadata media news series species sheep fish deer equipment information staff stuff money rice
	kudos chaos thermos goods jeans access progress software hardware research advice feedback traffic inventory
	lens canvas atlas gas bus bias alias yes has was is this plus minus always pancreas christmas`)

func words(list string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(list) {
		out[w] = true
	}
	return out
}

// plurals turns singulars around.
var plurals = func() map[string]string {
	out := map[string]string{"lens": "lenses", "canvas": "canvases", "atlas": "atlases", "gas": "gases", "bus": "buses", "bias": "biases", "alias": "aliases"}
	for many, one := range singulars {
		if one != "schema" && one != "url" {
			out[one] = many
		}
	}
	out["index"] = "indexes"
	return out
}()

// singular is the singular of an English word in small letters; a word that is
// none stays as it is.
func singular(w string) string {
	has := func(ends ...string) bool {
		for _, e := range ends {
			if strings.HasSuffix(w, e) && len(w) > len(e) {
				return true
			}
		}
		return false
	}
	one := singulars[w]
	switch {
	case one != "":
		return one
	case uncounted[w] || !strings.HasSuffix(w, "s") || len(w) < 3 || !strings.ContainsAny(w, "aeiouy"):
		return w
	case has("ss", "us", "is"):
		return w
	case has("sses", "shes", "ches", "xes", "zzes", "oes"):
		return w[:len(w)-2]
	case has("uses") && !has("auses", "ouses", "euses"): // statuses, viruses
		return w[:len(w)-2]
	case has("ies") && len(w) > 4:
		return w[:len(w)-3] + "y"
	}
	return w[:len(w)-1]
}

// plural is the plural of an English word in small letters.
func plural(w string) string {
	has := func(ends ...string) bool {
		for _, e := range ends {
			if strings.HasSuffix(w, e) {
				return true
			}
		}
		return false
	}
	switch {
	case plurals[w] != "":
		return plurals[w]
	case w == "" || uncounted[w] || strings.HasSuffix(w, "s") && !strings.ContainsAny(w, "aeiouy"): // sms, gps
		return w
	case has("y") && !has("ay", "ey", "iy", "oy", "uy"):
		return w[:len(w)-1] + "ies"
	case has("s", "x", "z", "ch", "sh"):
		return w + "es"
	case w == "hero" || w == "potato" || w == "tomato" || w == "echo" || w == "veto":
		return w + "es"
	}
	return w + "s"
}

// pluralName is the plural of a name in lower camel case: its last word is put
// into the plural.
func pluralName(name string) string {
	at := 0
	for i, r := range name {
		if unicode.IsUpper(r) {
			at = i
		}
	}
	last := name[at:]
	many := plural(strings.ToLower(last))
	if at > 0 {
		many = upperFirst(many)
	}
	return name[:at] + many
}

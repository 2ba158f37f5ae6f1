package gateway

import (
	"encoding/json"
	"net/http"

	"github.com/weftdb/weft/op"
)

// Fail answers with an error as JSON, {"error":{"code":…,"message":…}}, and the
// status of its code. What is no error of package op is not told to the client.
func Fail(w http.ResponseWriter, err error) {
	code := op.CodeOf(err)
	text := err.Error()
	if code == op.CodeInternal {
		text = "an error inside the node; its log says more"
	}
	fail(w, code.HTTP(), code, text)
}

func fail(w http.ResponseWriter, status int, code op.Code, text string) {
	var body struct {
		Error struct {
			Code    op.Code `json:"code"`
			Message string  `json:"message"`
		} `json:"error"`
	}
	body.Error.Code, body.Error.Message = code, text
	b, err := json.Marshal(body)
	if err != nil { // two strings always have a form
		b = []byte("{}")
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // the client may be gone
}

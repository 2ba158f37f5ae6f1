package schema_test

import (
	"testing"

	"github.com/weftdb/weft/schema"
)

func TestNames(t *testing.T) {
	for _, c := range []struct{ in, camel, snake string }{
		{"ID", "id", "id"},
		{"UserID", "userId", "user_id"},
		{"URLPath", "urlPath", "url_path"},
		{"IsPublic", "isPublic", "is_public"},
		{"CreatedAt", "createdAt", "created_at"},
		{"UserIDs", "userIds", "user_ids"},
		{"IDsOfUsers", "idsOfUsers", "ids_of_users"},
		{"HTTPServerURL", "httpServerUrl", "http_server_url"},
		{"Address2Line", "address2Line", "address2_line"},
		{"UTF8Name", "utf8Name", "utf8_name"},
		{"X", "x", "x"},
		{"XY", "xy", "xy"},
		{"IsA", "isA", "is_a"},
		{"AtoZ", "atoZ", "ato_z"},
		{"userId", "userId", "user_id"},
		{"created_at", "createdAt", "created_at"},
		{"Ärger", "ärger", "ärger"},
		{"_version", "version", "_version"},
		{"", "", ""},
	} {
		if got := schema.LowerCamel(c.in); got != c.camel {
			t.Errorf("LowerCamel(%s) is %s, want %s", c.in, got, c.camel)
		}
		if got := schema.Snake(c.in); got != c.snake {
			t.Errorf("Snake(%s) is %s, want %s", c.in, got, c.snake)
		}
	}
	for in, want := range map[string]string{
		"Post": "posts", "Category": "categories", "PostTag": "post_tags", "Person": "people", "Box": "boxes",
		"InvoiceLine": "invoice_lines", "News": "news", "URL": "urls",
	} {
		if got := schema.TableName(in); got != want {
			t.Errorf("TableName(%s) is %s, want %s", in, got, want)
		}
	}
}

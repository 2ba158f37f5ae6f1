package pull

import (
	"strings"
	"testing"
)

// Words in the plural and the singular; those that are equal stay as they are.
const wordList = `albums album|people person|children child|news news|status status|statuses status|addresses address|address address
buses bus|bus bus|lenses lens|criteria criterion|indices index|indexes index|movies movie|cookies cookie|series series|species species
analyses analysis|boxes box|quizzes quiz|sales sale|lives life|canvases canvas|canvas canvas|bonuses bonus|campus campus|processes process
classes class|taxis taxi|menus menu|viruses virus|categories category|companies company|heroes hero|photos photo|potatoes potato|wolves wolf
leaves leaf|caches cache|branches branch|matches match|houses house|cases case|databases database|purchases purchase|responses response
courses course|aliases alias|devices device|prices price|invoices invoice|sms sms|gps gps|mice mouse|men man|women woman|axes axis
crises crisis|shoes shoe|toes toe|sheep sheep|equipment equipment|employees employee|fees fee|keys key|days day|access access|business business
businesses business|goods goods|details detail|settings setting|histories history|queries query|playlists playlist|genres genre|media media
data data|metadata metadata|uses use|users user|hashes hash|taxes tax|schemas schema|dives dive|shelves shelf|ties tie|pies pie|stories story
cities city|countries country|payments payment|clauses clause|causes cause|pauses pause|excuses excuse|biases bias|passes pass|waves wave|archives archive
areas area|quotas quota|videos video|urls url|ids id|days day|boys boy|gas gas|was was|is is|as as|s s|x x|axis axis`

func TestSingular(t *testing.T) {
	for pair := range strings.FieldsFuncSeq(wordList, func(r rune) bool { return r == '|' || r == '\n' }) {
		many, one, _ := strings.Cut(pair, " ")
		if got := singular(many); got != one {
			t.Errorf("the singular of %s is %s, want %s", many, got, one)
		}
		if got := singular(one); got != one {
			t.Errorf("the singular of %s is %s", one, got)
		}
		if got := plural(one); len(one) > 2 && singular(got) != one {
			t.Errorf("the plural of %s is %s, and the singular of that %s", one, got, singular(got))
		}
	}
	for one, many := range map[string]string{
		"track": "tracks", "invoiceLine": "invoiceLines", "mediaType": "mediaTypes", "person": "people", "followee": "followees",
		"category": "categories", "dayOfWeek": "dayOfWeeks", "city": "cities", "key": "keys", "bus": "buses", "index": "indexes", "hero": "heroes",
		"orderNews": "orderNews", "grandChild": "grandChildren",
	} {
		if got := pluralName(one); got != many {
			t.Errorf("the plural of %s is %s, want %s", one, got, many)
		}
	}
}

func TestNames(t *testing.T) {
	for table, want := range map[string]string{
		"Artist": "Artist", "PlaylistTrack": "PlaylistTrack", "order_items": "OrderItem", "ORDER_ITEMS": "OrderItem", "order details": "OrderDetail",
		"API keys": "APIKey", "user_urls": "UserURL", "people": "Person", "2020_sales": "X2020Sale", "größen": "Größen", "": "Table", "!!": "Table",
		"tblUsers": "TblUser", "_hidden": "Hidden", "news": "News", "driver's licenses": "DriversLicense", "a.b.c": "ABC",
	} {
		if got := modelNames(table)[0]; got != want {
			t.Errorf("the model of %q is %s, want %s", table, got, want)
		}
	}
	for column, want := range map[string]string{
		"CustomerId": "customerId", "CUSTOMER_ID": "customerId", "unit price": "unitPrice", "ID": "id", "URLPath": "urlPath", "2nd": "x2nd",
		"": "column", "-": "column", "it's": "its", "_id": "id", "select": "select", "Größe": "größe",
	} {
		if got := fieldName(column); got != want {
			t.Errorf("the field for %q is %s, want %s", column, got, want)
		}
	}
	for field, want := range map[string]string{
		"artistId": "artist", "id": "id", "createdBy": "createdBy", "countryCode": "country", "idAuthor": "author", "fkAuthor": "author",
		"userUuid": "user", "identity": "identity", "reportsTo": "reportsTo",
	} {
		if got := stem(field, "code"); got != want {
			t.Errorf("the stem of %s is %s, want %s", field, got, want)
		}
	}
	n := names{}
	for i, want := range []string{"a", "b", "a2", "a3", "x1", "x1_2"} {
		got := n.take([][]string{{"a"}, {"a", "b"}, {"a", "", "b"}, {"a"}, {"x1"}, {"x1"}}[i]...)
		if got != want {
			t.Errorf("take %d is %s, want %s", i, got, want)
		}
	}
}

package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
)

// sample is the rows of the bookshop. They are made up, and the same each time,
// keys included.
type sample struct {
	authors    []*Author
	genres     []*Genre
	books      []*Book
	bookGenres []*BookGenre
	readers    []*Reader
	reviews    []*Review

	rnd *rand.Rand
	now time.Time
}

func (s *sample) rows() int {
	return len(s.authors) + len(s.genres) + len(s.books) + len(s.bookGenres) + len(s.readers) + len(s.reviews)
}

func makeSample() *sample {
	s := &sample{
		rnd: rand.New(rand.NewPCG(8420, 1)),
		now: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC),
	}
	s.makeAuthors()
	s.makeGenres()
	s.makeBooks()
	s.makeReaders()
	s.makeReviews()
	return s
}

// model makes the key and the times of the next row, some minutes after the
// last one.
func (s *sample) model() weft.Model {
	s.now = s.now.Add(time.Duration(1+s.rnd.IntN(240)) * time.Minute)
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], uint64(s.now.UnixMilli())<<16|0x7000|s.rnd.Uint64N(1<<12))
	binary.BigEndian.PutUint64(id[8:], 0b10<<62|s.rnd.Uint64N(1<<62))
	return weft.Model{ID: id.String(), CreatedAt: s.now, UpdatedAt: s.now}
}

func (s *sample) pick(list []string) string { return list[s.rnd.IntN(len(list))] }

func (s *sample) day(from, to int) time.Time {
	return time.Date(from+s.rnd.IntN(to-from+1), time.Month(1+s.rnd.IntN(12)), 1+s.rnd.IntN(28), 0, 0, 0, 0, time.UTC)
}

var (
	givenNames = strings.Fields("Ines Marek Oona Tarek Lise Bruno Yara Anselm Dora Kofi Mirja Pavel Solange Emre Hilde Rafael")
	surnames   = strings.Fields("Aldana Brandvik Corso Dvorak Eklund Farkas Guerin Halloran Ibsen Jansky Keller Lindqvist Moreau Novak Okafor Petrov")
	countries  = strings.Fields("Norway Portugal Ghana Czechia France Turkey Finland Argentina")
	adjectives = strings.Fields("Quiet Hidden Northern Last Paper Second Borrowed Salt Distant Patient Broken Silver")
	nouns      = strings.Fields("Harbour Orchard Loom Lantern Archive River Garden Bridge Winter Letter Island Clock")
	keywords   = strings.Fields("family sea travel memory city war music science childhood night")
	genreNames = []string{"Novel", "Crime", "Poetry", "History", "Travel", "Essays", "Fantasy", "Science", "Children's books"}
	streets    = strings.Fields("Mill Church Garden Station Market Bridge School Park")
	cities     = []string{"Oslo", "Porto", "Accra", "Brno", "Lyon", "İzmir", "Turku", "Córdoba"}
)

func (s *sample) makeAuthors() {
	for i := range 14 {
		a := &Author{
			Model:   s.model(),
			Name:    givenNames[i] + " " + surnames[(i*5+3)%len(surnames)],
			Country: s.pick(countries),
			Born:    s.day(1890, 1985),
		}
		if a.Born.Year() < 1925 {
			died := a.Born.AddDate(50+s.rnd.IntN(40), s.rnd.IntN(12), s.rnd.IntN(28))
			a.Died = &died
		}
		s.authors = append(s.authors, a)
	}
}

func (s *sample) makeGenres() {
	for _, name := range genreNames {
		s.genres = append(s.genres, &Genre{Model: s.model(), Name: name})
	}
}

func (s *sample) title(taken map[string]bool) string {
	for {
		a, b := s.pick(nouns), s.pick(nouns)
		var t string
		switch s.rnd.IntN(3) {
		case 0:
			t = fmt.Sprintf("The %s %s", s.pick(adjectives), a)
		case 1:
			t = fmt.Sprintf("%s and %s", a, b)
		default:
			t = fmt.Sprintf("A %s for the %s", a, b)
			if strings.ContainsRune("AEIOU", rune(a[0])) {
				t = "An" + t[1:]
			}
		}
		if !taken[t] && a != b {
			taken[t] = true
			return t
		}
	}
}

func (s *sample) makeBooks() {
	taken := map[string]bool{}
	for i, a := range s.authors {
		var last *Book
		for range 2 + s.rnd.IntN(6) {
			b := &Book{
				Model:     s.model(),
				AuthorID:  a.ID,
				Title:     s.title(taken),
				Published: s.day(min(a.Born.Year()+24, 2012), min(a.Born.Year()+48, 2018)),
				Pages:     90 + s.rnd.IntN(700),
				Price:     decimal.New(int64(790+10*s.rnd.IntN(240)), -2),
				InPrint:   s.rnd.IntN(5) > 0,
				Keywords:  s.words(1 + s.rnd.IntN(3)),
			}
			if last != nil && s.rnd.IntN(5) == 0 {
				b.PrequelID = &last.ID
				b.Published = last.Published.AddDate(1+s.rnd.IntN(4), s.rnd.IntN(12), 0)
			}
			s.books = append(s.books, b)
			s.sort(i, b)
			last = b
		}
	}
}

func (s *sample) words(n int) []string {
	var out []string
	for len(out) < n {
		if w := s.pick(keywords); !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

// sort puts a book into one genre that its author keeps to, and sometimes into
// others.
func (s *sample) sort(author int, b *Book) {
	in := []int{author % len(s.genres)}
	for range s.rnd.IntN(3) {
		if g := s.rnd.IntN(len(s.genres)); !slices.Contains(in, g) {
			in = append(in, g)
		}
	}
	for _, g := range in {
		s.bookGenres = append(s.bookGenres, &BookGenre{BookID: b.ID, GenreID: s.genres[g].ID})
	}
}

func (s *sample) makeReaders() {
	for i := range 24 {
		given, family := givenNames[(i*7+2)%len(givenNames)], surnames[(i*3+i/16)%len(surnames)]
		s.readers = append(s.readers, &Reader{
			Model:   s.model(),
			Name:    given + " " + family,
			Email:   fmt.Sprintf("%s.%s%d@example.com", strings.ToLower(given), strings.ToLower(family), i+1),
			Address: Address{Street: fmt.Sprintf("%s Street %d", s.pick(streets), 1+s.rnd.IntN(90)), City: s.pick(cities)},
		})
	}
}

var opinions = [][]string{
	{"Not for me.", "I gave up half way.", "The blurb promised more."},
	{"A good idea, lost in the middle.", "Too long by a hundred pages."},
	{"Fine for a train ride.", "Better than I feared.", "Pleasant, soon forgotten."},
	{"Warm and clever.", "I read it in two nights.", "The ending stays with you."},
	{"The best I read this year.", "I gave it to three friends.", "Every page is worth it."},
}

func (s *sample) makeReviews() {
	for _, b := range s.books {
		first := s.rnd.IntN(len(s.readers))
		for i := range s.rnd.IntN(7) {
			stars := min(1+s.rnd.IntN(5)+s.rnd.IntN(2), 5)
			s.reviews = append(s.reviews, &Review{
				Model:    s.model(),
				BookID:   b.ID,
				ReaderID: s.readers[(first+5*i)%len(s.readers)].ID,
				Stars:    stars,
				Text:     s.pick(opinions[stars-1]),
			})
		}
	}
}

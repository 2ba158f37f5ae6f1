package main

import (
	"bytes"
	"encoding/json"

	"github.com/weftdb/weft/schema"
)

// What weft schema show writes as JSON.
type (
	shownModel struct {
		Name       string          `json:"name"`
		Table      string          `json:"table"`
		Comment    string          `json:"comment,omitempty"`
		Kind       schema.Kind     `json:"kind"`
		KindReason string          `json:"kindReason"`
		Scope      string          `json:"scope"`
		Fields     []shownField    `json:"fields"`
		Relations  []shownRelation `json:"relations"`
		Counts     []shownCount    `json:"counts"`
		Indexes    []shownIndex    `json:"indexes"`
	}
	shownField struct {
		Name     string   `json:"name"`
		Column   string   `json:"column"`
		Type     string   `json:"type"`
		DBType   string   `json:"dbType,omitempty"`
		Size     int      `json:"size,omitempty"`
		Digits   []int    `json:"digits,omitempty"` // precision and scale
		Values   []string `json:"values,omitempty"`
		Nullable bool     `json:"nullable"`
		Primary  bool     `json:"primary"`
		Options  []string `json:"options"`
	}
	shownRelation struct {
		Name    string   `json:"name"`
		Kind    string   `json:"kind"`
		Model   string   `json:"model"`
		Through string   `json:"through,omitempty"`
		From    []string `json:"from"`
		To      []string `json:"to"`
		Options []string `json:"options"`
	}
	shownCount struct {
		Name     string `json:"name"`
		Relation string `json:"relation"`
	}
	shownIndex struct {
		Name   string   `json:"name"`
		Fields []string `json:"fields"`
		Unique bool     `json:"unique"`
		Where  string   `json:"where,omitempty"`
	}
)

// modelsJSON shows models for programs.
func modelsJSON(set *schema.Set) ([]byte, error) {
	models := make([]shownModel, 0, len(set.Models))
	for _, m := range set.Models {
		s := shownModel{
			Name: m.Name, Table: m.Table, Comment: m.Comment, Kind: m.Kind, KindReason: m.KindReason, Scope: "global",
			Fields: []shownField{}, Relations: []shownRelation{}, Counts: []shownCount{}, Indexes: []shownIndex{},
		}
		if m.Scope == schema.UserScope {
			s.Scope = "user"
		}
		if s.KindReason == "" {
			s.KindReason = "as declared"
		}
		for _, f := range m.Fields {
			x := shownField{
				Name: f.Name, Column: f.Column, Type: string(f.Type), DBType: f.DBType, Size: f.Size, Values: f.Enum,
				Nullable: f.Nullable, Primary: f.Primary, Options: orEmpty(fieldWords(f)),
			}
			if f.Type == schema.Decimal {
				p, scale := f.Decimals()
				x.Digits = []int{p, scale}
			}
			s.Fields = append(s.Fields, x)
		}
		for _, r := range m.Relations {
			from, to := r.From, r.To
			if r.Kind == schema.ManyToMany {
				from, to = r.ViaFrom, r.ViaTo
			}
			s.Relations = append(s.Relations, shownRelation{
				Name: r.Name, Kind: r.Kind.String(), Model: r.Model, Through: r.Through, From: fieldNamesOf(from), To: fieldNamesOf(to),
				Options: orEmpty(relationOptions(r)),
			})
		}
		for _, c := range m.Counts {
			s.Counts = append(s.Counts, shownCount{c.Name, c.Relation})
		}
		for _, x := range m.Indexes {
			s.Indexes = append(s.Indexes, shownIndex{x.Name, orEmpty(x.Fields), x.Unique, x.Where})
		}
		models = append(models, s)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(map[string]any{"models": models})
	return b.Bytes(), err
}

func fieldNamesOf(fs []*schema.Field) []string {
	out := []string{}
	for _, f := range fs {
		out = append(out, f.Name)
	}
	return out
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

package main

import (
	"io"
	"strings"

	"github.com/rivo/uniseg"
	"github.com/spf13/cobra"

	"github.com/weftdb/weft/schema"
)

func newSchemaShow() *cobra.Command {
	f := formatTable
	cmd := &cobra.Command{
		Use:   "show <models…>",
		Short: "Show models: fields, relations, indexes",
		Long: "Shows what models say: their tables, the kind of store and why it was chosen, fields,\n" +
			"relations and indexes. The models are those of Go packages, of YAML files, of\n" +
			"folders of such files, or of a SQLite file, for whose tables they are made as weft\n" +
			"schema pull does. Go packages are compiled and asked.\n" +
			"\n" +
			"As YAML they are what other commands read, as JSON what programs do.",
		Example: "  weft schema show models.yaml\n" +
			"  weft schema show app.db --format yaml\n" +
			"  weft schema show schema --format json",
		Args: takes(1, "models…"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			set, notes, err := readSchema(ctx, args, true)
			if err != nil {
				return err
			}
			tell(cmd.ErrOrStderr(), notes)
			return showModels(cmd.OutOrStdout(), f, set)
		},
	}
	cmd.Flags().Var(choice{&f, []format{formatTable, formatYAML, formatJSON}}, "format", "how the models are written")
	return cmd
}

func showModels(w io.Writer, f format, set *schema.Set) error {
	var text []byte
	var err error
	switch f {
	case formatYAML:
		text, err = schema.SetYAML(set)
	case formatJSON:
		text, err = modelsJSON(set)
	default:
		text = modelsTable(set)
	}
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// modelsTable shows models for people.
func modelsTable(set *schema.Set) []byte {
	var b strings.Builder
	for i, m := range set.Models {
		if i > 0 {
			b.WriteString("\n")
		}
		head := m.Name + ": table " + m.Table + ", " + string(m.Kind)
		switch {
		case m.KindReason != "":
			head += " (" + m.KindReason + ")"
		default:
			head += " (as declared)"
		}
		if m.Scope == schema.UserScope {
			head += ", rows belong to users"
		}
		if m.Comment != "" {
			head += ". " + m.Comment
		}
		b.WriteString(visibleText(head) + "\n")
		lines := [][]string{{"FIELD", "TYPE", "COLUMN", ""}}
		for _, f := range m.Fields {
			lines = append(lines, []string{f.Name, nullable(f), f.Column, strings.Join(fieldWords(f), ", ")})
		}
		b.WriteString(aligned(lines))
		if len(m.Relations) > 0 {
			lines := [][]string{{"RELATION", "LEADS TO", "BY", ""}}
			for _, r := range m.Relations {
				lines = append(lines, []string{r.Name, r.Kind.String() + " " + r.Model, relationPath(r), strings.Join(relationOptions(r), ", ")})
			}
			b.WriteString(aligned(lines))
		}
		if len(m.Counts) > 0 {
			lines := [][]string{{"COUNT", "OF"}}
			for _, c := range m.Counts {
				lines = append(lines, []string{c.Name, c.Relation})
			}
			b.WriteString(aligned(lines))
		}
		if len(m.Indexes) > 0 {
			lines := [][]string{{"INDEX", "ON", ""}}
			for _, x := range m.Indexes {
				var words []string
				if x.Unique {
					words = append(words, "unique")
				}
				if x.Global {
					words = append(words, "global")
				}
				if x.Where != "" {
					words = append(words, "where "+x.Where)
				}
				lines = append(lines, []string{x.Name, strings.Join(x.Fields, ", "), strings.Join(words, ", ")})
			}
			b.WriteString(aligned(lines))
		}
	}
	return []byte(b.String())
}

// aligned writes lines of columns, indented.
func aligned(lines [][]string) string {
	var widths []int
	for _, l := range lines {
		for i, s := range l {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], uniseg.StringWidth(visibleText(s)))
		}
	}
	var b strings.Builder
	for _, l := range lines {
		line := " "
		for i, s := range l {
			s = visibleText(s)
			line += " " + s + strings.Repeat(" ", widths[i]-uniseg.StringWidth(s)+1)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// nullable is the type of a field, with whether it may be NULL.
func nullable(f *schema.Field) string {
	if f.Nullable {
		return typeName(f) + " or null"
	}
	return typeName(f)
}

var roleWords = map[schema.Role]string{
	schema.RoleVersion: "version", schema.RoleCreated: "created", schema.RoleUpdated: "updated", schema.RoleOwner: "owner", schema.RoleDeleted: "deleted",
}

// fieldWords are the options of a field.
func fieldWords(f *schema.Field) []string {
	var out []string
	for _, o := range []struct {
		on   bool
		word string
	}{
		{f.Primary, "primary"},
		{f.Auto, "auto"},
		{f.Required, "required"},
		{f.Unsigned, "unsigned"},
		{f.Unique, "unique"},
		{f.Index && !f.IndexGlobal, "index"},
		{f.IndexGlobal, "index:global"},
		{f.Search, "search"},
		{f.Immutable, "immutable"},
		{f.Encrypted, "encrypted"},
		{f.ReadOnly, "readonly"},
		{f.Hidden, "hidden"},
		{f.Role != schema.RoleNone, roleWords[f.Role]},
		{f.NanoID, "nanoid"},
		{f.Validate != "", "validate " + f.Validate},
		{f.Transform != "", "transform " + f.Transform},
		{f.Validator != "", "validator " + f.Validator},
	} {
		if o.on {
			out = append(out, o.word)
		}
	}
	if f.Default != nil {
		out = append(out, "default "+defaultText(f))
	}
	if r := f.References; r != nil {
		out = append(out, "references "+r.Table+"."+r.Column)
		out = append(out, actionWords(r.OnDelete, r.OnUpdate)...)
	}
	return out
}

func actionWords(onDelete, onUpdate schema.Action) []string {
	var out []string
	if onDelete != "" {
		out = append(out, "on delete "+string(onDelete))
	}
	if onUpdate != "" {
		out = append(out, "on update "+string(onUpdate))
	}
	return out
}

// relationPath says which fields make the relation.
func relationPath(r *schema.Relation) string {
	names := func(fs []*schema.Field) string {
		var out []string
		for _, f := range fs {
			out = append(out, f.Name)
		}
		return strings.Join(out, ", ")
	}
	if r.Kind == schema.ManyToMany {
		return r.Through + " (" + names(r.ViaFrom) + " → " + names(r.ViaTo) + ")"
	}
	return names(r.From) + " → " + r.Model + "." + names(r.To)
}

func relationOptions(r *schema.Relation) []string {
	var out []string
	if r.References {
		out = append(out, "references")
	}
	out = append(out, actionWords(r.OnDelete, r.OnUpdate)...)
	if r.Eager {
		out = append(out, "eager")
	}
	return out
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft/schema"
)

// migratePull is the configuration of weft migrate pull.
type migratePull struct {
	migration
	force, dry bool
}

func newMigratePull() *cobra.Command {
	p := &migratePull{}
	cmd := &cobra.Command{
		Use:   "pull",
		Short: "Write the tables of a database as models",
		Long: "Writes a YAML file of a model for each table of a database, schema/<table>.yaml, or\n" +
			"schema/<connection>/<table>.yaml for another connection than default. The database is\n" +
			"only read. A plan against these files has nothing to do.\n" +
			"\n" +
			"A file that pull did not write, or that was changed since, is left alone, and then\n" +
			"nothing is written at all, unless --force is given. What no model can say is told on\n" +
			"stderr.",
		Example: "  weft migrate pull --url sqlite:app.db\n" +
			"  weft migrate pull --url sqlite:app.db --schema pulled --dry-run",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			return p.run(ctx, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	p.at(cmd)
	cmd.Flags().StringArrayVar(&p.schema, "schema", nil, "folder that the files are written to (default schema)")
	cmd.Flags().BoolVar(&p.force, "force", false, "overwrite files that pull did not write or that were changed")
	cmd.Flags().BoolVar(&p.dry, "dry-run", false, "say what would be written, and write nothing")
	return cmd
}

func (p *migratePull) run(ctx context.Context, stdout, stderr io.Writer) (err error) {
	dir, err := p.into()
	if err != nil {
		return err
	}
	t, err := p.open(ctx, reading)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	r, err := t.pulled(ctx)
	if err != nil {
		return t.explain(err)
	}
	files := make([]pulledModel, 0, len(r.Set.Models))
	for _, m := range r.Set.Models {
		f := pulledModel{file: filepath.Join(dir, fileOf(m.Table)+".yaml"), what: "table " + m.Table}
		if f.text, err = f.write(m, t.label); err != nil {
			return err
		}
		files = append(files, f)
	}
	if err := p.may(files); err != nil {
		return err
	}
	tell(stderr, r.Notes)
	for _, f := range files {
		if err := p.put(stdout, f); err != nil {
			return err
		}
	}
	return p.stale(stderr, dir, files)
}

// into is the folder that the files are for.
func (p *migratePull) into() (string, error) {
	switch {
	case len(p.schema) > 1:
		return "", usagef("--schema is given twice; pull writes to one folder")
	case len(p.schema) == 1 && p.schema[0] == "":
		return "", usagef("--schema is empty; give a folder, such as --schema schema")
	}
	dir, err := p.modelFolder()
	if err != nil {
		return "", err
	}
	if len(p.schema) == 1 {
		dir = filepath.Join(p.schema[0], p.other())
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return "", fmt.Errorf("%s is a file; pull writes a file for each table to a folder", dir)
	}
	return dir, nil
}

// pulledModel is the file of one table.
type pulledModel struct {
	file, what string
	text, old  []byte
	missing    bool
}

// write makes the text of the file.
func (f *pulledModel) write(m *schema.Model, from string) ([]byte, error) {
	body, err := m.YAML()
	if err != nil {
		return nil, err
	}
	head := fmt.Sprintf("# Written by weft migrate pull from %s.\n# Change it as you like: pull then leaves it alone. sha256:%s\n", visibleText(from), sum(body))
	return append([]byte(head), body...), nil
}

// modelFile is what weft migrate pull writes.
var modelFile = regexp.MustCompile(`^# Written by weft migrate pull [^\n]*\n# [^\n]* sha256:([0-9a-f]{64})\n`)

// fileOf is the name of the file for a table.
func fileOf(table string) string {
	var b strings.Builder
	for i, r := range table {
		if strings.ContainsRune(`/\:*?"<>|%`, r) || r < 0x20 || r == 0x7f || r == '.' && i == 0 {
			fmt.Fprintf(&b, "%%%02X", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// may looks at the files that are there, and refuses when one of them may not
// be overwritten.
func (p *migratePull) may(files []pulledModel) error {
	var kept []string
	seen := map[string]string{}
	for i := range files {
		f := &files[i]
		if other, ok := seen[strings.ToLower(f.file)]; ok {
			return fmt.Errorf("%s and %s need the same file %s; their names differ only in the case of letters, so pull them by hand: weft schema pull", other, f.what, f.file)
		}
		seen[strings.ToLower(f.file)] = f.what
		old, err := os.ReadFile(f.file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			f.missing = true
			continue
		case err != nil:
			return fmt.Errorf("%s cannot be read: %w", f.file, cause(err))
		}
		f.old = old
		if p.force || string(old) == string(f.text) {
			continue
		}
		if m := modelFile.FindSubmatchIndex(old); m == nil || string(old[m[2]:m[3]]) != sum(old[m[1]:]) {
			kept = append(kept, f.file)
		}
	}
	if len(kept) > 0 {
		return fmt.Errorf("%s: not written by weft migrate pull, or changed since; nothing was written (--force overwrites, --schema takes another folder)", strings.Join(kept, ", "))
	}
	return nil
}

// put writes one file.
func (p *migratePull) put(stdout io.Writer, f pulledModel) error {
	say := func(how string) { fmt.Fprintf(stdout, "%s: %s%s\n", visibleText(f.file), visibleText(f.what), how) }
	switch {
	case !f.missing && string(f.old) == string(f.text):
		say(", as it was")
		return nil
	case p.dry && f.missing:
		say(", would be new")
		return nil
	case p.dry:
		say(", would be written again")
		return nil
	}
	if err := writeFile(f.file, f.text); err != nil {
		return fmt.Errorf("%s cannot be written: %w", f.file, cause(err))
	}
	if f.missing {
		say(", new")
	} else {
		say(", written again")
	}
	return nil
}

// stale tells of files in the folder that are of no table, and of what makes
// the folder no set of models.
func (p *migratePull) stale(stderr io.Writer, dir string, files []pulledModel) error {
	list, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return err
	}
	ours := map[string]bool{}
	for _, f := range files {
		ours[f.file] = true
	}
	for _, file := range list {
		if text, err := os.ReadFile(file); err == nil && !ours[file] && modelFile.Match(text) {
			fmt.Fprintf(stderr, "note: %s was pulled from a table that is not there any more; delete the file, or apply makes the table again\n", file)
		}
	}
	if p.dry {
		return nil
	}
	models, err := readModels([]string{dir})
	if err == nil {
		_, err = schema.Build(models...)
	}
	if err != nil {
		return fmt.Errorf("the files were written, but the folder %s does not hold one set of models: %w", dir, err)
	}
	return nil
}

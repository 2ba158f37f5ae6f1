package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft/codegen"
	"github.com/weftdb/weft/schema"
)

// The formats of models.
const (
	formatGo   format = "go"
	formatYAML format = "yaml"
)

// pullTo is the configuration of weft schema pull.
type pullTo struct {
	out    string
	pkg    string
	format format
	force  bool
	check  bool
}

func newSchemaPull() *cobra.Command {
	p := &pullTo{format: formatGo}
	cmd := &cobra.Command{
		Use:   "pull <database>",
		Short: "Make models of a database that exists",
		Long: "Reads the tables of a SQLite file, or of a PostgreSQL, MySQL or MariaDB database that\n" +
			"a URL names, and writes models of them, as Go or YAML: names in the style of Go,\n" +
			"types, keys, defaults, indexes, and relations for the foreign keys, also through join\n" +
			"tables. The database is only read, and needs no change for them.\n" +
			"\n" +
			"Without --out the models go to stdout; a folder gets the file models.go or\n" +
			"models.yaml. A file that pull did not write, or that was changed since, is left\n" +
			"alone unless --force is given. Take the first two lines out of a file to make it\n" +
			"yours. What no model can say is told on stderr.\n" +
			"\n" +
			"With --check nothing is written, and the exit status is 1 when a file is not as it\n" +
			"would be written.",
		Example: "  weft schema pull app.db\n" +
			"  weft schema pull sqlite:app.db --out models --package models\n" +
			"  weft schema pull app.db --out schema --format yaml\n" +
			"  weft schema pull app.db --out models --check",
		Args: takes(1, "database"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			return p.run(ctx, cmd, args[0])
		},
	}
	cmd.Flags().StringVar(&p.out, "out", "-", "folder or file to write, - for stdout")
	cmd.Flags().StringVar(&p.pkg, "package", "", "name of the Go package (default that of the folder)")
	cmd.Flags().Var(choice{&p.format, []format{formatGo, formatYAML}}, "format", "what the models are written as")
	cmd.Flags().BoolVar(&p.force, "force", false, "overwrite a file that pull did not write")
	cmd.Flags().BoolVar(&p.check, "check", false, "write nothing, fail when the file would change")
	return cmd
}

func (p *pullTo) run(ctx context.Context, cmd *cobra.Command, arg string) error {
	file, err := p.file(cmd.Flags().Changed("format"))
	if err != nil {
		return err
	}
	r, label, err := pulledFrom(ctx, arg)
	if err != nil {
		return err
	}
	from := label
	if _, server := serverScheme(arg); !server {
		from = filepath.Base(label)
	}
	text, err := p.text(r.Set, from)
	if err != nil {
		return err
	}
	tell(cmd.ErrOrStderr(), r.Notes)
	if file == "" {
		_, err := cmd.OutOrStdout().Write(text)
		return err
	}
	return p.put(cmd.OutOrStdout(), file, text, count(len(r.Set.Models), "model")+" of "+label)
}

// file is the file to write, "" for stdout. The package and, where it is not
// given, the format follow from it.
func (p *pullTo) file(formatGiven bool) (string, error) {
	if p.out == "" {
		return "", usagef("--out is empty; give a folder, such as --out models, or - for stdout")
	}
	ext, file := filepath.Ext(p.out), p.out
	is := map[string]format{".go": formatGo, ".yaml": formatYAML, ".yml": formatYAML}[ext]
	switch {
	case is != "" && !formatGiven:
		p.format = is
	case is != "" && is != p.format:
		return "", usagef("--out %s does not go with --format %s", p.out, p.format)
	}
	if p.format != formatGo && p.pkg != "" {
		return "", usagef("--package is for Go; YAML has none")
	}
	if p.pkg != "" && !isPackage(p.pkg) {
		return "", usagef("--package %q cannot be the name of a Go package", p.pkg)
	}
	if p.out == "-" {
		if p.check || p.force {
			return "", usagef("--check and --force are for a file; give one with --out")
		}
		if p.pkg == "" {
			p.pkg = "models"
		}
		return "", nil
	}
	if is == "" {
		file = filepath.Join(p.out, "models."+string(p.format))
	}
	if p.format == formatGo {
		return file, p.inPackage(file)
	}
	return file, nil
}

// inPackage finds the package that a Go file in that folder belongs to.
func (p *pullTo) inPackage(file string) error {
	there, err := packageIn(filepath.Dir(file), filepath.Base(file))
	switch {
	case err != nil:
		return err
	case there != "" && p.pkg == "":
		p.pkg = there
	case there != "" && there != p.pkg:
		return usagef("--package is %s, but the folder %s holds the package %s", p.pkg, filepath.Dir(file), there)
	}
	if p.pkg != "" {
		return nil
	}
	p.pkg = "models"
	if abs, err := filepath.Abs(file); err == nil {
		if base := filepath.Base(filepath.Dir(abs)); isPackage(base) {
			p.pkg = base
		}
	}
	return nil
}

// packageIn is the package that the other Go files of a folder belong to.
func packageIn(dir, but string) (string, error) {
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("the folder %s cannot be read: %w", dir, cause(err))
	}
	for _, e := range list {
		if name := e.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") && name != but {
			if f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, parser.PackageClauseOnly); err == nil {
				return f.Name.Name, nil
			}
		}
	}
	return "", nil
}

// text is the file of the models.
func (p *pullTo) text(set *schema.Set, from string) ([]byte, error) {
	comment, body := "#", []byte(nil)
	var err error
	if p.format == formatGo {
		comment = "//"
		if body, err = codegen.Models(set, p.pkg); err != nil {
			return nil, fmt.Errorf("the models cannot be written as Go (YAML can say more: --format yaml): %w", err)
		}
		body = slices.Concat([]byte("\n// Package "+p.pkg+" holds the models of the database "+visibleText(from)+".\n"), body)
	} else if body, err = schema.SetYAML(set); err != nil {
		return nil, err
	}
	head := fmt.Sprintf("%[1]s Code generated by weft schema pull from %[2]s; DO NOT EDIT.\n"+
		"%[1]s Without these two lines the file is yours, and pull leaves it alone. sha256:%[3]s\n", comment, visibleText(from), sum(body))
	return append([]byte(head), body...), nil
}

func sum(body []byte) string {
	h := sha256.Sum256(body)
	return hex.EncodeToString(h[:])
}

// pulledFile is what pull writes: two lines, the second with the sum of the rest.
var pulledFile = regexp.MustCompile(`^(?://|#) Code generated by weft schema pull [^\n]*\n(?://|#) [^\n]* sha256:([0-9a-f]{64})\n`)

// mayReplace says why a file may not be overwritten; "" when it may.
func mayReplace(old []byte) string {
	m := pulledFile.FindSubmatchIndex(old)
	switch {
	case m == nil:
		return "was not written by weft schema pull"
	case string(old[m[2]:m[3]]) != sum(old[m[1]:]):
		return "was changed since weft schema pull wrote it"
	}
	return ""
}

// put writes the file, or looks whether it is as it would be written.
func (p *pullTo) put(stdout io.Writer, file string, text []byte, what string) error {
	old, err := os.ReadFile(file)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case err != nil && !missing:
		return fmt.Errorf("%s cannot be read: %w", file, cause(err))
	case !missing && string(old) == string(text):
		fmt.Fprintf(stdout, "%s is up to date: %s\n", file, what)
		return nil
	case p.check && missing:
		return fmt.Errorf("%s is not there; weft schema pull writes it", file)
	case p.check:
		return fmt.Errorf("%s is not as weft schema pull would write it now; pull again", file)
	case !missing && !p.force:
		if why := mayReplace(old); why != "" {
			return fmt.Errorf("%s %s; it is left as it is (--force overwrites it)", file, why)
		}
	}
	if err := writeFile(file, text); err != nil {
		return fmt.Errorf("%s cannot be written: %w", file, cause(err))
	}
	fmt.Fprintf(stdout, "%s: %s\n", file, what)
	return nil
}

// writeFile replaces a file as a whole or not at all.
func writeFile(file string, text []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}

// isPackage reports whether a name can be that of a Go package.
func isPackage(name string) bool { return token.IsIdentifier(name) && name != "_" }

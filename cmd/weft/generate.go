package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft/codegen"
)

// errStale is what --check ends with when something is to be done.
var errStale = errors.New("run weft generate")

func newGenerate() *cobra.Command {
	var (
		o     codegen.Options
		check bool
	)
	cmd := &cobra.Command{
		Use:   "generate [package… | file.yaml…]",
		Short: "Write typed columns, and models from YAML",
		Long: "Writes a package of typed columns for each model, so that a misspelt field or a value\n" +
			"of the wrong type does not compile:\n" +
			"\n" +
			"  posts.Filter(post.IsPublic.Eq(true), post.Likes.Gt(10)).Sort(post.CreatedAt.Desc())\n" +
			"\n" +
			"From models in Go, those of the packages named (the one here without a name), it\n" +
			"writes post/post.go beside the models; they need not compile. The package is called\n" +
			"postcol where post is a keyword, declared in the models' package, or a directory of\n" +
			"yours. From YAML files, also given as 'schema/*.yaml', it writes the models in Go too.\n" +
			"\n" +
			"Packages of models that are gone are removed; files that it did not write are never\n" +
			"touched. --check writes nothing and fails when something would change.\n" +
			"\n" +
			"In the file of the models, for go generate:\n" +
			"\n" +
			"  //go:generate go run github.com/weftdb/weft/cmd/weft generate",
		Example: "  weft generate\n" +
			"  weft generate schema/*.yaml --package models --out models --json-schema schema/json\n" +
			"  weft generate ./models --check",
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			if err := sources(&o, args); err != nil {
				return err
			}
			for _, f := range []string{"out", "package", "json-schema", "models"} {
				if v := cmd.Flags().Lookup(f); v.Changed && strings.Trim(v.Value.String(), "[]") == "" {
					return usagef("--%s is empty", f)
				}
			}
			out, err := codegen.Generate(ctx, o)
			if err != nil {
				return err
			}
			if check {
				changes, err := out.Changes()
				if err != nil {
					return err
				}
				if len(changes) > 0 {
					return stale(cmd.ErrOrStderr(), changes)
				}
				return upToDate(cmd.OutOrStdout(), out)
			}
			changes, err := out.Write()
			for _, c := range changes {
				fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", c.Done, relative(c.Path))
			}
			if err != nil || len(changes) > 0 {
				return err
			}
			return upToDate(cmd.OutOrStdout(), out)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&o.Out, "out", "", "`directory` to write to (beside models in Go; models for YAML)")
	fl.StringVar(&o.Package, "package", "", "`name` of the package of models from YAML (that of its directory)")
	fl.StringVar(&o.JSONSchema, "json-schema", "", "also write JSON Schema, a file for each model, to this `directory`")
	fl.StringSliceVar(&o.Models, "models", nil, "only these models in Go, comma-separated `names`")
	fl.BoolVar(&check, "check", false, "write nothing; fail when a file is missing, stale or of a model that is gone")
	return cmd
}

// sources tells YAML files from Go packages. What the shell did not expand (go
// generate has none) is expanded.
func sources(o *codegen.Options, args []string) error {
	for _, arg := range args {
		switch ext := strings.ToLower(filepath.Ext(arg)); {
		case arg == "":
			return usagef("an argument is empty; give a package, such as ./models, or a YAML file")
		case ext != ".yaml" && ext != ".yml":
			o.Packages = append(o.Packages, arg)
		case strings.ContainsAny(arg, "*?["):
			files, err := filepath.Glob(arg)
			if err != nil {
				return usagef("%q is no pattern of files", arg)
			}
			if len(files) == 0 {
				return fmt.Errorf("no file is called %s", arg)
			}
			o.YAML = append(o.YAML, files...)
		default:
			o.YAML = append(o.YAML, arg)
		}
	}
	switch {
	case len(o.YAML) > 0 && len(o.Packages) > 0:
		return usagef("%s is a YAML file and %s a package; give one or the other", o.YAML[0], o.Packages[0])
	case len(o.YAML) > 0 && len(o.Models) > 0:
		return usagef("--models chooses models in Go; those from YAML are written together")
	case len(o.YAML) == 0 && o.Package != "":
		return usagef("--package is for models from YAML; packages of typed columns are named after their models")
	}
	return nil
}

func upToDate(w io.Writer, out *codegen.Output) error {
	verb := "files are"
	if len(out.Files()) == 1 {
		verb = "file is"
	}
	_, err := fmt.Fprintf(w, "%d %s up to date\n", len(out.Files()), verb)
	return err
}

// stale is the failure of --check, after a line for each file.
func stale(w io.Writer, changes []codegen.Change) error {
	for _, c := range changes {
		fmt.Fprintf(w, "%s %s\n", relative(c.Path), c.What)
	}
	if len(changes) == 1 {
		return fmt.Errorf("1 file is not as the models say; %w", errStale)
	}
	return fmt.Errorf("%d files are not as the models say; %w", len(changes), errStale)
}

// relative is a path as seen from here, where that is shorter.
func relative(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(here, path); err == nil && len(rel) < len(path) {
		return rel
	}
	return path
}

package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"text/template"

	"github.com/spf13/cobra"
)

//go:embed project
var projectFiles embed.FS

// project is the configuration of weft init.
type project struct {
	dir     string
	module  string
	replace string
	force   bool
	noTidy  bool
}

func newInit() *cobra.Command {
	p := &project{}
	cmd := &cobra.Command{
		Use:   "init [dir]",
		Short: "Make a new project",
		Long: "Makes a Go project that compiles, runs and has a test: two related models with typed\n" +
			"columns, a program that keeps them in a SQLite file, and what belongs around it.\n" +
			"Without a folder it is made in the current one. A folder that has something in it is\n" +
			"refused; with --force the project is made beside it, and still no file is overwritten.\n" +
			"When something fails, nothing is left behind.\n" +
			"\n" +
			"The project requires the version of Weft that this command is. A development build\n" +
			"has none that could be downloaded: then the project uses the source that the command\n" +
			"was built from, or the one that --replace names. At the end 'go mod tidy' is run,\n" +
			"which downloads what is missing.",
		Example: "  weft init notes\n" +
			"  weft init blog --module example.com/me/blog",
		Args: takes(0, "folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			p.dir = "."
			if len(args) > 0 {
				p.dir = args[0]
			}
			return p.run(ctx, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&p.module, "module", "", "module path (default example.com/ and the name of the folder)")
	cmd.Flags().StringVar(&p.replace, "replace", "", "folder with the source of Weft to use instead of a released version")
	cmd.Flags().BoolVar(&p.force, "force", false, "make the project in a folder that has something in it; no file is overwritten")
	cmd.Flags().BoolVar(&p.noTidy, "no-tidy", false, "do not run 'go mod tidy'; it must be run before the project builds")
	return cmd
}

// modulePath is what the go command takes as a module path, nearly.
var modulePath = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._~-]*(/[A-Za-z0-9_][A-Za-z0-9._~-]*)*$`)

// values are what the templates are filled with.
type values struct {
	Module, Name, Go, Version, Replace string

	sums []byte // go.sum of the source that is used
}

// use makes the project use the source in a folder, with the sums of all that
// this needs, so that nothing has to be looked up.
func (v *values) use(tree string) error {
	v.Version, v.Replace = "v0.0.0", quotePath(tree)
	sums, err := os.ReadFile(filepath.Join(tree, "go.sum"))
	if err != nil {
		return fmt.Errorf("the source of Weft in %s has no go.sum that can be read: %w", tree, cause(err))
	}
	v.sums = sums
	return nil
}

func (p *project) run(ctx context.Context, stdout io.Writer) error {
	dir, err := filepath.Abs(p.dir)
	if err != nil {
		return fmt.Errorf("%s cannot be found: %w", p.dir, err)
	}
	v, err := p.values(dir)
	if err != nil {
		return err
	}
	files, err := render(v)
	if err != nil {
		return err
	}
	if err := p.room(dir, files); err != nil {
		return err
	}
	if err := p.make(ctx, dir, files); err != nil {
		return err
	}
	p.greet(stdout, v)
	return nil
}

// values finds out what the project is called and which Weft it uses.
func (p *project) values(dir string) (values, error) {
	base := filepath.Base(dir)
	v := values{Module: p.module, Go: goLine}
	if v.Module == "" {
		v.Module = "example.com/" + base
		if !modulePath.MatchString(base) || strings.Contains(base, "/") {
			return v, usagef("the folder's name %q is no module path; give one with --module, such as --module example.com/notes", base)
		}
	}
	if !modulePath.MatchString(v.Module) || strings.HasSuffix(v.Module, ".") {
		return v, usagef("--module %q is no module path; give one such as example.com/notes", v.Module)
	}
	v.Name = v.Module[strings.LastIndexByte(v.Module, '/')+1:]
	if p.replace != "" {
		tree, err := filepath.Abs(p.replace)
		if err != nil || !isSource(tree) {
			return v, usagef("--replace %s is not the source of Weft: it has no go.mod of module %s", p.replace, weftModule)
		}
		return v, v.use(tree)
	}
	if v.Version = released(); v.Version != "" {
		return v, nil
	}
	tree := sourceTree()
	if tree == "" {
		return v, usagef("this is a development build, which no project can download; say where its source is: --replace ../weft")
	}
	return v, v.use(tree)
}

const (
	weftModule = "github.com/weftdb/weft"
	goLine     = "1.26.0" // what go.mod of the project asks for; a test holds it to ours
)

// quotePath writes a path for a go.mod file.
func quotePath(path string) string {
	if strings.ContainsAny(path, " '\"`(),;[]{}") {
		return fmt.Sprintf("%q", path)
	}
	return path
}

var releaseVersion = regexp.MustCompile(`^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$`)

// released is the version of this program when it is one that can be
// downloaded: set by the linker, or of a module that was downloaded. A build in
// a working copy has a version too, which exists nowhere else.
func released() string {
	if releaseVersion.MatchString(version) {
		return version
	}
	if b, ok := debug.ReadBuildInfo(); ok && b.Main.Path == weftModule && b.Main.Sum != "" && b.Main.Replace == nil && releaseVersion.MatchString(b.Main.Version) {
		return b.Main.Version
	}
	return ""
}

// sourceTree is the folder that this program was built from; empty when it is
// not there any more.
func sourceTree() string {
	if b, ok := debug.ReadBuildInfo(); ok && b.Main.Replace != nil && isSource(b.Main.Replace.Path) {
		if tree, err := filepath.Abs(b.Main.Replace.Path); err == nil {
			return tree
		}
	}
	if _, file, _, ok := runtime.Caller(0); ok {
		if tree := filepath.Dir(filepath.Dir(filepath.Dir(file))); filepath.IsAbs(tree) && isSource(tree) {
			return tree
		}
	}
	return ""
}

// isSource reports whether a folder has the source of Weft.
func isSource(dir string) bool {
	data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	line, _, _ := strings.Cut(string(data), "\n")
	return err == nil && strings.TrimSpace(line) == "module "+weftModule
}

// render fills the templates: contents by path.
func render(v values) (map[string][]byte, error) {
	files := map[string][]byte{}
	if v.sums != nil {
		files["go.sum"] = v.sums
	}
	err := fs.WalkDir(projectFiles, "project", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		t, err := template.ParseFS(projectFiles, path)
		if err != nil {
			return err
		}
		var buf bytes.Buffer
		if err := t.Execute(&buf, v); err != nil {
			return err
		}
		name := strings.TrimSuffix(strings.TrimPrefix(path, "project/"), ".tmpl")
		if name == "gitignore" {
			name = ".gitignore"
		}
		files[name] = buf.Bytes()
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("make the project: %w", err)
	}
	return files, nil
}

// room makes sure that nothing is in the way of the files.
func (p *project) room(dir string, files map[string][]byte) error {
	list, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%s cannot be used as a folder (%w); give another one", p.dir, cause(err))
	}
	var there []string
	for _, f := range list {
		if f.Name() != ".git" {
			there = append(there, f.Name())
		}
	}
	if len(there) > 0 && !p.force {
		return fmt.Errorf("%s is not empty: it has %s; give another folder, or --force to make the project beside that", p.dir, some(there))
	}
	var taken []string
	for name := range files {
		if exists(filepath.Join(dir, filepath.FromSlash(name))) {
			taken = append(taken, name)
		}
	}
	slices.Sort(taken)
	if len(taken) > 0 {
		return fmt.Errorf("%s has %s already, which is not overwritten; move it away, or give another folder", p.dir, some(taken))
	}
	return nil
}

// some names the first few of a list.
func some(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// make writes the files beside their places, has them tidied, and puts them
// there. What it made is taken away again when a step fails.
func (p *project) make(ctx context.Context, dir string, files map[string][]byte) (err error) {
	var made undo
	defer func() {
		if err != nil {
			made.run()
		}
	}()
	if err := made.folders(dir); err != nil {
		return fmt.Errorf("%s cannot be made: %w", p.dir, cause(err))
	}
	stage, err := os.MkdirTemp(dir, ".weft-init-")
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", p.dir, cause(err))
	}
	defer os.RemoveAll(stage)
	for name, data := range files {
		path := filepath.Join(stage, filepath.FromSlash(name))
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = os.WriteFile(path, data, 0o644)
		}
		if err != nil {
			return fmt.Errorf("%s cannot be written: %w", p.dir, cause(err))
		}
	}
	if !p.noTidy {
		if err := tidy(ctx, stage); err != nil {
			return err
		}
	}
	return fs.WalkDir(os.DirFS(stage), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		to := filepath.Join(dir, filepath.FromSlash(name))
		if d.IsDir() {
			return made.folders(to)
		}
		if err := made.file(to, filepath.Join(stage, filepath.FromSlash(name))); err != nil {
			return fmt.Errorf("%s cannot be written: %w", to, cause(err))
		}
		return nil
	})
}

// undo is what was made, in order.
type undo []string

// folders makes a folder and those above it that are missing.
func (u *undo) folders(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := u.folders(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	*u = append(*u, dir)
	return nil
}

// file copies a file to where none may be.
func (u *undo) file(to, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	*u = append(*u, to)
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// run takes it away again; a folder that somebody has put something into stays.
func (u undo) run() {
	for _, path := range slices.Backward(u) {
		_ = os.Remove(path)
	}
}

// tidy has the go command find all modules that are needed, and their sums.
func tidy(ctx context.Context, dir string) error {
	cmd := exec.CommandContext(ctx, "go", "mod", "tidy")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off") // a workspace around it does not know it yet
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return errors.New("stopped; nothing was made")
	case errors.Is(err, exec.ErrNotFound):
		return errors.New("the go command is not to be found, and the project needs it; install Go from https://go.dev, or use --no-tidy to make the files alone")
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return fmt.Errorf("'go mod tidy' failed, and nothing was made: %s; --no-tidy makes the files alone", oneLine(errors.New(strings.Join(lines[max(0, len(lines)-4):], "\n"))))
}

// greet says what to do next.
func (p *project) greet(w io.Writer, v values) {
	uses := "Weft " + v.Version
	if v.Replace != "" {
		uses = "the source of Weft in " + v.Replace
	}
	fmt.Fprintf(w, "Made the module %s, which uses %s. Now:\n\n", v.Module, uses)
	if p.dir != "." {
		fmt.Fprintf(w, "  cd %s\n", p.dir)
	}
	if p.noTidy {
		fmt.Fprintln(w, "  go mod tidy       # finds the modules that are needed")
	}
	fmt.Fprint(w, `  go run .          # makes app.db and prints what is in it
  go test ./...
  weft query app.db "SELECT title, likes FROM posts ORDER BY likes DESC"
  weft find Post app.db --where 'likes > 10' --with author --select title,likes

The first build takes a minute: it compiles SQLite.
`)
}

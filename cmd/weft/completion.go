package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// shells are those that commands can be completed in.
var shells = []struct {
	name  string
	write func(root *cobra.Command, w io.Writer) error
}{
	{"bash", func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) }},
	{"zsh", func(root *cobra.Command, w io.Writer) error { return root.GenZshCompletion(w) }},
	{"fish", func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) }},
	{"powershell", func(root *cobra.Command, w io.Writer) error { return root.GenPowerShellCompletionWithDesc(w) }},
}

func newCompletion() *cobra.Command {
	names := make([]string, len(shells))
	for i, s := range shells {
		names[i] = s.name
	}
	return &cobra.Command{
		Use:   "completion <" + strings.Join(names, "|") + ">",
		Short: "Print a script that completes commands in a shell",
		Long: "Prints a script that makes a shell complete the commands and flags of weft. For the\n" +
			"shell that is running:\n" +
			"\n" +
			"  source <(weft completion bash)      (also zsh)\n" +
			"  weft completion fish | source\n" +
			"\n" +
			"and for every one, in the folder where the shell looks for such scripts.",
		Example: "  weft completion bash > weft.bash\n" +
			"  weft completion zsh > _weft\n" +
			"  weft completion fish > weft.fish",
		Args:      takes(1, "shell"),
		ValidArgs: names,
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, s := range shells {
				if s.name == args[0] {
					return s.write(cmd.Root(), cmd.OutOrStdout())
				}
			}
			return usagef("there is no completion for %q; the shells are %s", args[0], strings.Join(names, ", "))
		},
	}
}

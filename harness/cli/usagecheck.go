package cli

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"
)

// checkUsage makes every command refuse, with exit code 2, what its own code would
// overlook: more arguments than its ArgsUsage names, unknown sub-commands,
// numbers that are none, negative counts, words that are no choice.
func checkUsage(c *cli.Command) {
	act, most := c.Action, maxArgs(c.ArgsUsage)
	if len(c.Commands) > 0 {
		c.Action = func(ctx context.Context, c *cli.Command) error {
			if c.Args().Present() {
				return usagef("%s: unknown sub-command %q; there are %s", called(c), c.Args().First(), strings.Join(subcommands(c), ", "))
			}
			return cli.ShowSubcommandHelp(c)
		}
		for _, s := range c.Commands {
			checkUsage(s)
		}
		return
	}
	c.Action = func(ctx context.Context, c *cli.Command) error {
		if n := c.Args().Len(); n > most {
			takes := "takes no arguments"
			if most > 0 {
				takes = "takes " + c.ArgsUsage
			}
			return usagef("%s %s; %q is too much", called(c), takes, c.Args().Get(most))
		}
		for _, f := range c.Flags {
			if err := checkFlag(c, f); err != nil {
				return usagef("%s: %w", called(c), err)
			}
		}
		return act(ctx, c)
	}
}

// called is how a command is called.
func called(c *cli.Command) string { return strings.TrimPrefix(c.FullName(), "hardneg ") }

func subcommands(c *cli.Command) (names []string) {
	for _, s := range c.Commands {
		if !s.Hidden && s.Name != "help" {
			names = append(names, s.Name)
		}
	}
	return names
}

// maxArgs is how many arguments a usage text such as "RUN [TASK]..." names.
func maxArgs(usage string) int {
	if strings.Contains(usage, "...") {
		return math.MaxInt
	}
	return len(strings.Fields(usage))
}

// choice is what a flag of a name may be, in every command that has it.
type choice struct {
	ok   func(string) bool
	want string
}

func oneOf(words ...string) choice {
	return choice{func(s string) bool { return slices.Contains(words, s) }, strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]}
}

var choices = map[string]choice{
	"dtype":      oneOf("fp32", "bf16"),
	"device":     {regexp.MustCompile(`^(cpu|cuda(:\d+)?)$`).MatchString, "cpu, cuda or cuda:N"},
	"color":      oneOf("auto", "always", "never"),
	"log-format": oneOf("text", "json"),
}

func checkFlag(c *cli.Command, f cli.Flag) error {
	name := f.Names()[0]
	switch f.(type) {
	case *cli.FloatFlag:
		if v := c.Float(name); math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("--%s %g: want a finite number", name, v)
		}
	case *cli.IntFlag:
		if v := c.Int(name); v < 0 && name != "seed" {
			return fmt.Errorf("--%s %d: want 0 or more", name, v)
		}
	case *cli.StringFlag:
		if want, ok := choices[name]; ok && !want.ok(c.String(name)) {
			return fmt.Errorf("--%s %q: want %s", name, c.String(name), want.want)
		}
	}
	return nil
}

// helpFirst makes "hardneg run SPEC --help" what "hardneg run --help" is: the
// library would look for a command called SPEC.
func helpFirst(root *cli.Command, args []string) []string {
	at, words := root, []string{args[0]}
	for _, arg := range args[1:] {
		switch {
		case arg == "--":
			return args
		case arg == "--help" || arg == "-h":
			if at == root {
				return args
			}
			return append(words, "--help")
		}
		if s := at.Command(arg); s != nil {
			at, words = s, append(words, arg)
		}
	}
	return args
}

// helpCommand is "hardneg help [COMMAND...]".
func (a *App) helpCommand() *cli.Command {
	return &cli.Command{
		Name:      "help",
		Usage:     "what a command does, its options and its exit codes",
		ArgsUsage: "[COMMAND]...",
		Action: func(_ context.Context, c *cli.Command) error {
			root := a.root()
			at := root
			for _, name := range c.Args().Slice() {
				if at = at.Command(name); at == nil {
					return usagef("help: no command %q; `hardneg --help` lists them", strings.Join(c.Args().Slice(), " "))
				}
			}
			return root.Run(context.Background(), append(append([]string{"hardneg"}, c.Args().Slice()...), "--help"))
		},
	}
}

// versionCommand is "hardneg version".
func (a *App) versionCommand() *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "the version of this program and the commit that it was built from",
		Action: func(context.Context, *cli.Command) error {
			revision, modified := commit()
			if a.JSON {
				return a.document(map[string]any{"version": version(), "commit": revision, "modified": modified})
			}
			_, err := fmt.Fprintln(a.Stdout, versionText())
			return err
		},
	}
}

// versionText is the version with its commit, where that is known.
func versionText() string {
	text := "hardneg " + version()
	if revision, modified := commit(); revision != "" {
		text += " " + fmt.Sprintf("%.12s", revision)
		if modified {
			text += " with changes"
		}
	}
	return text
}

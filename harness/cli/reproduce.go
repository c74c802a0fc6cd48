package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"hardneg/experiments/spec"
	"hardneg/harness/track"
)

// commandFile holds what was typed, as far as it decides what a run is.
const commandFile = "command.json"

// typed is command.json: the arguments of hardneg, without those that only say
// how tasks are carried out.
type typed struct {
	Schema  int      `json:"schema"` // 1
	Command []string `json:"command"`
}

// command is a run's own form of what was typed.
func (f runFlags) command(path string) []string {
	out := []string{"run", path}
	for _, s := range spec.Whole(f.sets) {
		out = append(out, "--set", s)
	}
	for _, a := range f.arms {
		out = append(out, "--arms", a)
	}
	for _, s := range f.seeds {
		out = append(out, "--seeds", fmt.Sprint(s))
	}
	if f.until != "" {
		out = append(out, "--until", f.until)
	}
	return out
}

// keepSpec writes spec.yaml and command.json. Where the folder has the same
// spec already, from whatever place, it stays with its origins, and so does the
// command where it is the kept spec itself that is run.
func keepSpec(folder *track.Folder, p *prepared) error {
	same := false
	if old, err := os.ReadFile(folder.Path("spec.yaml")); err == nil && p.Spec != nil {
		same = equalSpecs(old, p.Spec)
	}
	if !same {
		if err := folder.Put("spec.yaml", p.Resolved); err != nil {
			return err
		}
	}
	if len(p.Command) < 2 {
		return nil
	}
	if _, err := os.Stat(folder.Path(commandFile)); err == nil && sameFile(p.Command[1], folder.Path("spec.yaml")) {
		return nil
	}
	return folder.PutJSON(commandFile, typed{1, p.Command})
}

// equalSpecs says whether a kept spec is s.
func equalSpecs(kept []byte, s *spec.Spec) bool {
	old, err := spec.Kept(kept)
	if err != nil || bytes.HasPrefix(bytes.TrimSpace(kept), []byte("{")) { // JSON of an earlier version has no origins
		return false
	}
	a, errA := json.Marshal(old)
	b, errB := json.Marshal(s)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// origins reads the kept spec as text, with the places where its values were
// written, and what was typed.
func (r *reporter) origins(folder *track.Folder) error {
	kept, err := os.ReadFile(folder.Path("spec.yaml"))
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(bytes.TrimSpace(kept), []byte("{")) {
		r.specText = string(kept)
	}
	var c typed
	if folder.Read(commandFile, &c) == nil { // else it is not known
		r.command = c.Command
	}
	r.keptAt = filepath.Join(r.app.Workspace, "runs", folder.Run, "spec.yaml")
	return nil
}

// specShown is the resolved spec as the page shows it: with origins, which hold
// paths of whoever ran it, only outside of the stable form; "" where it was
// kept by an earlier version.
func (r *reporter) specShown() string {
	if !r.stable || r.specText == "" {
		return r.specText
	}
	var b strings.Builder
	_ = r.spec.WriteYAML(&b, false) // a Builder takes everything
	return b.String()
}

// reproduce are the commands that make the run again, ready to copy.
func (r *reporter) reproduce() string {
	var b strings.Builder
	say := func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }
	p := r.set.Prov
	switch {
	case p.Commit == "":
		say("# the commit is not known (hardneg %s was built without version control)", comment(p.Version))
	default:
		if !r.stable && r.facts.Modified {
			say("# the program was built from this commit and changes that no commit holds")
		}
		say("git checkout %s", quoted(p.Commit))
	}
	say("./run.sh build")
	switch {
	case r.specText == "":
		say("# this run was kept by an earlier version; `hardneg run` of its spec keeps one that can be run")
	case r.stable || len(r.command) == 0:
		say("./hardneg run spec.yaml   # the resolved spec, from below or from the run's folder")
	default:
		words := []string{"./hardneg"}
		for _, w := range r.command {
			words = append(words, quoted(w))
		}
		say("%s", strings.Join(words, " "))
		say("./hardneg run %s   # the same run, from its resolved spec", quoted(r.keptAt))
	}
	say("./hardneg verify %s --sample 4", quoted(r.set.Run))
	return b.String()
}

// comment keeps a text from ending a comment.
func comment(s string) string { return strings.Join(strings.Fields(s), " ") }

var plainArgument = regexp.MustCompile(`^[A-Za-z0-9_./:@%+,=-]+$`)

// quoted writes an argument for a shell.
func quoted(s string) string {
	if plainArgument.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hardneg/experiments/spec"
	"hardneg/harness/track"
	"hardneg/reports/result"
)

// The commands are those that were typed, quoted for a shell; the form without
// times and machine facts names no place of whoever ran it.
func TestReproduce(t *testing.T) {
	ws := t.TempDir()
	folder, err := track.OpenFolder(ws, "smoke-00000000")
	if err != nil {
		t.Fatal(err)
	}
	typed := []string{"about=it's $HOME", "seeds.values=[1", "2]"} // as the command line cuts it
	s, err := spec.Load("smoke", typed)
	if err != nil {
		t.Fatal(err)
	}
	f := runFlags{sets: typed, arms: []string{"full"}, seeds: []int{1, 2}, until: "train", jobs: 3, executor: "slurm"}
	keep := func(p *prepared) {
		t.Helper()
		if err := keepSpec(folder, p); err != nil {
			t.Fatal(err)
		}
	}
	read := func(name string) string {
		t.Helper()
		b, err := os.ReadFile(folder.Path(name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	shown := func(stable bool) (string, string) {
		t.Helper()
		r := reporter{app: &App{Workspace: ws}, spec: s, stable: stable, set: &result.Set{Run: "smoke-00000000", Prov: result.Provenance{Commit: "abc1"}}, facts: facts{Modified: true}}
		if err := r.origins(folder); err != nil {
			t.Fatal(err)
		}
		return r.reproduce(), r.specShown()
	}
	keep(&prepared{Spec: s, Resolved: s.Keep(), Command: f.command("my specs/smoke.yaml")})
	commands, text := shown(false)
	kept := filepath.Join(ws, "runs", "smoke-00000000", "spec.yaml")
	for _, want := range []string{
		"# the program was built from this commit and changes that no commit holds\ngit checkout abc1\n./run.sh build\n",
		`./hardneg run 'my specs/smoke.yaml' --set 'about=it'\''s $HOME' --set 'seeds.values=[1,2]' --arms full --seeds 1 --seeds 2 --until train` + "\n",
		"./hardneg run " + kept + "   # the same run, from its resolved spec\n",
		"./hardneg verify smoke-00000000 --sample 4\n",
	} {
		if !strings.Contains(commands, want) {
			t.Errorf("no %q in\n%s", want, commands)
		}
	}
	if !strings.Contains(text, "# --set seeds.values=[1,2]") {
		t.Error("the spec is shown without origins")
	}
	commands, text = shown(true)
	for _, secret := range []string{"my specs", ws, "--set", "no commit holds", "# default"} {
		if strings.Contains(commands, secret) || strings.Contains(text, secret) {
			t.Errorf("the stable form says %q", secret)
		}
	}
	if again, err := spec.Parse("x", text, nil); err != nil || again.Hash() != s.Hash() || !strings.Contains(commands, "./hardneg run spec.yaml ") {
		t.Errorf("the stable form is not that run: %v\n%s", err, commands)
	}

	// Run again from the kept spec, or from the same one elsewhere: the first origins
	// stay; the command is the last one that is no detour.
	first := read("spec.yaml")
	other, err := spec.Load(kept, nil)
	if err != nil {
		t.Fatal(err)
	}
	keep(&prepared{Spec: other, Resolved: other.Keep(), Command: runFlags{}.command(kept)})
	if read("spec.yaml") != first || !strings.Contains(read(commandFile), "my specs/smoke.yaml") {
		t.Error("running the kept spec forgets where its values were written, or what was typed")
	}
	changed, err := spec.Load("smoke", append(typed, "run.jobs=9"))
	if err != nil {
		t.Fatal(err)
	}
	keep(&prepared{Spec: changed, Resolved: changed.Keep(), Command: runFlags{}.command("smoke")})
	if !strings.Contains(read("spec.yaml"), "--set run.jobs=9") || strings.Contains(read(commandFile), "my specs") {
		t.Error("another spec, or another command, is not kept")
	}

	// What an earlier version kept is still read, and said to be that.
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := folder.Put("spec.yaml", b); err != nil {
		t.Fatal(err)
	}
	if commands, text := shown(false); text != "" || !strings.Contains(commands, "kept by an earlier version") {
		t.Errorf("%s\n%s", commands, text)
	}
	keep(&prepared{Spec: s, Resolved: s.Keep()})
	if read("spec.yaml") != first {
		t.Error("the spec of an earlier version is not renewed")
	}
}

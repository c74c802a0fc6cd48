package cli

import (
	"os"
	"testing"
	"time"

	"hardneg/experiments/plan"
	"hardneg/harness/runner"
	"hardneg/harness/track"
	"hardneg/reports/page"

	"github.com/google/go-cmp/cmp"
)

// A report counts what was found of the results that the run has today.
func TestVerificationCountsTodaysResults(t *testing.T) {
	folder, err := track.OpenFolder(t.TempDir(), "r-00000000")
	if err != nil {
		t.Fatal(err)
	}
	from := time.Now().Add(-time.Hour)
	task := func(id, key, digest string) runner.TaskStatus {
		return runner.TaskStatus{Task: plan.Task{ID: id}, Key: key, Digest: digest, Attempt: runner.Attempt{Start: from}}
	}
	tasks := []runner.TaskStatus{task("a", "ka", "da"), task("b", "kb", "db"), task("c", "kc", "dc")}
	check := func(when string, want page.Verification) {
		t.Helper()
		want.Command = "hardneg verify r-00000000 --sample 4"
		if d := cmp.Diff(want, verification(folder, tasks)); d != "" {
			t.Errorf("%s: (-want +got)\n%s", when, d)
		}
	}
	note := func(v verified) {
		t.Helper()
		v.At = from.Add(time.Minute)
		if err := noteVerified(folder, v); err != nil {
			t.Fatal(err)
		}
	}
	check("never verified", page.Verification{})
	note(verified{Checked: 3, Repeated: []repetition{{"b", "kb", "db", true}}})
	check("one made again", page.Verification{Repeated: 1, Same: 1})
	note(verified{Checked: 3, Repeated: []repetition{{"a", "ka", "da", false}}, Findings: []integrityFinding{{"c", "kc", "damaged"}}})
	check("another, which differs, and a damaged one", page.Verification{Repeated: 2, Same: 1, Damaged: 1})
	note(verified{Checked: 3, Findings: []integrityFinding{{"c", "kc", "damaged"}}})
	check("a call without a sample forgets no repetition", page.Verification{Repeated: 2, Same: 1, Damaged: 1})
	tasks[0].Key, tasks[1].Digest = "another key", "another digest"
	check("results that are the run's no more", page.Verification{Damaged: 1})
	tasks[2].Attempt.Start = from.Add(2 * time.Minute)
	check("made again since", page.Verification{})

	if err := folder.Put("plan.json", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if err := folder.Seal(); err != nil {
		t.Fatal(err)
	}
	sealed := from.Add(30 * time.Second)
	if err := os.Chtimes(folder.Path("SHA256SUMS"), sealed, sealed); err != nil {
		t.Fatal(err)
	}
	note(verified{Findings: []integrityFinding{{Error: "run folder: plan.json"}}})
	check("a file of the folder", page.Verification{Damaged: 1})
	if bad, err := folder.Check(); err != nil || len(bad) > 0 {
		t.Errorf("the note is taken for a damage: %v, %v", bad, err)
	}
	if err := os.Chtimes(folder.Path("SHA256SUMS"), time.Now(), time.Now()); err != nil {
		t.Fatal(err)
	}
	check("the folder was sealed anew", page.Verification{})

	if err := os.WriteFile(folder.Path(track.VerifiedFile), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	check("a torn note", page.Verification{})
	note(verified{Checked: 3, Repeated: []repetition{{"c", "kc", "dc", true}}})
	check("a torn note is replaced", page.Verification{Repeated: 1, Same: 1})
}

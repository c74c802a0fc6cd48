package cli

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestSharedIndex has two workspaces share one real Postgres as their index:
// both see all runs, query refuses to write, and a workspace's index made anew
// leaves the other's runs where they are.
func TestSharedIndex(t *testing.T) {
	const script = "../track/testdata/postgres.sh"
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	dsn, err := exec.Command(script, "start", dir).Output()
	if ee := (*exec.ExitError)(nil); errors.As(err, &ee) && ee.ExitCode() == 3 {
		t.Skipf("needs Postgres (on Debian: apt-get install postgresql): %s", ee.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { exec.Command(script, "stop", dir).Run() })
	run := func(command func(...string) *exec.Cmd, want int, args ...string) string {
		t.Helper()
		c := command(args...)
		c.Env = append(c.Env, "HARDNEG_DB="+strings.TrimSpace(string(dsn)))
		out, err := c.CombinedOutput()
		if exitOf(err) != want {
			t.Fatalf("%v: exit code %d, want %d\n%s", args, exitOf(err), want, out)
		}
		return string(out)
	}
	_, one := harnessIn(t, crashPlan)
	_, two := harnessIn(t, strings.ReplaceAll(crashPlan, "crash-00000001", "other-00000001"))
	run(one, 0, "run", "plan")
	run(two, 0, "run", "plan")
	for _, c := range []func(...string) *exec.Cmd{one, two} {
		if out := run(c, 0, "query", "SELECT run, done, tasks FROM runs ORDER BY run"); !strings.Contains(out, "crash-00000001") || !strings.Contains(out, "other-00000001") {
			t.Errorf("runs:\n%s", out)
		}
	}
	if out := run(one, 0, "query", "SELECT count(*) AS n, max(step) AS last FROM task_metrics WHERE run = 'other-00000001' AND task = 'sft-s1'"); !strings.Contains(out, "10") || !strings.Contains(out, "9") {
		t.Errorf("metrics of the other workspace:\n%s", out)
	}
	run(one, ExitUsage, "query", "DELETE FROM runs")
	run(one, 0, "index", "--rebuild")
	if out := run(two, 0, "--json", "runs", "ls"); !strings.Contains(out, "crash-00000001") || !strings.Contains(out, "other-00000001") {
		t.Errorf("after one workspace was indexed anew:\n%s", out)
	}
}

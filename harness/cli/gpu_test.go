package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// gpuPlan is a plan of one CPU task and six that need a card.
func gpuPlan() string {
	var b strings.Builder
	b.WriteString("run cards-00000001\njobs 4\ntask data data {}\n")
	for i := range 6 {
		fmt.Fprintf(&b, "task train-s%d train {\"Steps\":3,\"MS\":60,\"Bytes\":%d} data\ndevice train-s%d cuda:fake\n", i, i, i)
	}
	return b.String()
}

// checkCards wants every task on one of the cards, all cards used, and none by
// two tasks at once.
func checkCards(t *testing.T, dir string, cards ...string) {
	t.Helper()
	clashes, _ := filepath.Glob(filepath.Join(dir, "clash-*"))
	if len(clashes) > 0 {
		t.Errorf("two tasks on one card at once: %v", clashes)
	}
	used := map[string]int{}
	for i := range 6 {
		b, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("task-train-s%d", i)))
		if err != nil {
			t.Fatal(err)
		}
		used[string(b)]++
	}
	if len(used) != len(cards) {
		t.Errorf("cards were used so often: %v, want each of %v", used, cards)
	}
	for _, c := range cards {
		if used[c] == 0 {
			t.Errorf("card %s was not used: %v", c, used)
		}
	}
}

// TestGPUs: tasks that need a card get one each, by CUDA_VISIBLE_DEVICES.
func TestGPUs(t *testing.T) {
	for _, cards := range [][]string{{"0", "1"}, {"3"}} {
		_, command := harnessIn(t, gpuPlan())
		marks := t.TempDir()
		t.Setenv("FAKE_CARDS", marks)
		if out, err := command("run", "--gpus", strings.Join(cards, ","), "plan").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		checkCards(t, marks, cards...)
	}
}

// TestSlurmGPUs: the cluster gives each task its card.
func TestSlurmGPUs(t *testing.T) {
	startSlurm(t)
	_, command := harnessIn(t, gpuPlan())
	marks := t.TempDir()
	t.Setenv("FAKE_CARDS", marks)
	if out, err := command("run", "--executor", "slurm", "plan").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	checkCards(t, marks, "0", "1")
}

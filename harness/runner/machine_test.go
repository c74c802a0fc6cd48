package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"hardneg/experiments/plan"

	"github.com/google/go-cmp/cmp"
)

// TestTranscripts replays testdata/*.transcript: lines starting with < are
// events, the > lines after them what the machine answers. UPDATE=1 rewrites.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.transcript")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".transcript"), func(t *testing.T) {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			got := replay(t, string(b))
			if os.Getenv("UPDATE") == "1" {
				if err := os.WriteFile(f, []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(string(b), got); d != "" {
				t.Errorf("-file +machine\n%s", d)
			}
		})
	}
}

// replay runs the events of a transcript and returns it with the answers.
func replay(t *testing.T, text string) string {
	var l limits
	var tasks []plan.Task
	var m *machine
	var out strings.Builder
	at := map[string]int{}
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" || f[0] == ">" || f[0] == "=" {
			if len(f) == 0 || f[0] == "#" {
				fmt.Fprintln(&out, line)
			}
			continue
		}
		fmt.Fprintln(&out, line)
		switch f[0] {
		case "limits":
			for _, kv := range f[1:] {
				k, v, _ := strings.Cut(kv, "=")
				n, _ := strconv.Atoi(v)
				switch k {
				case "slots":
					l.slots = n
				case "threads":
					l.threads = n
				case "retries":
					l.retries = n
				case "gpus":
					l.gpus = strings.Split(v, ",")
				case "failfast":
					l.failFast = true
				}
			}
		case "task": // task ID DEVICE INPUT…
			tk := plan.Task{ID: f[1], Device: f[2]}
			for _, in := range f[3:] {
				tk.Inputs = append(tk.Inputs, plan.Input{Name: in, Task: in})
			}
			at[tk.ID] = len(tasks)
			tasks = append(tasks, tk)
		case "<":
			if m == nil {
				m = newMachine(tasks, l)
			}
			e := event{kind: eventKind(f[1])}
			if len(f) > 2 {
				i, ok := at[f[2]]
				if !ok {
					t.Fatalf("%s: no such task", line)
				}
				e.task = i
			}
			if len(f) > 3 {
				e.class = Class(f[3])
			}
			for _, a := range m.step(e) {
				fmt.Fprintf(&out, "> %s %s", a.kind, tasks[a.task].ID)
				if a.kind == start {
					fmt.Fprintf(&out, " attempt=%d threads=%d", a.attempt, a.threads)
					if a.gpu != "" {
						fmt.Fprintf(&out, " gpu=%s", a.gpu)
					}
				}
				fmt.Fprintln(&out)
			}
			if m.over() {
				fmt.Fprint(&out, "= over:")
				for i, s := range m.states() {
					fmt.Fprintf(&out, " %s=%s", tasks[i].ID, s)
				}
				fmt.Fprintln(&out)
			}
		default:
			t.Fatalf("line %q is not understood", line)
		}
	}
	return out.String()
}

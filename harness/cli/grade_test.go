package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func gradeRun(t *testing.T, in string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = Main(context.Background(), append([]string{"hardneg", "grade"}, args...), strings.NewReader(in), &out, &err)
	return code, out.String(), err.String()
}

// TestGrade pins one row of each mode and of each way to have no answer.
func TestGrade(t *testing.T) {
	in := `{"id":"a","mode":"answer","gold":"\\frac{3}{4}","candidate":"0.75"}

{"id":"b","mode":"response","gold":"72","candidate":"so 48+24=72\n#### 73"}
{"id":"c","mode":"response","gold":"72","candidate":"no idea"}
{"id":"d","mode":"answer","gold":"72","candidate":""}
`
	code, out, errs := gradeRun(t, in)
	if code != ExitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	want := []string{
		`{"id":"a","equal":true,"method":"rational","gold":"3/4","candidate":"3/4","extracted":null,"rule":"given","relation":"equal","closeness":1,"error":null}`,
		`{"id":"b","equal":false,"method":"rational","gold":"72","candidate":"73","extracted":"73","rule":"hash","relation":"near","closeness":0.9115842048,"error":null}`,
		`{"id":"c","equal":false,"method":"none","gold":"72","candidate":"","extracted":null,"rule":"","relation":"none","closeness":0,"error":"no answer found in the response"}`,
		`{"id":"d","equal":false,"method":"none","gold":"72","candidate":"","extracted":null,"rule":"given","relation":"none","closeness":0,"error":"candidate: empty"}`,
	}
	got := strings.Split(strings.TrimSpace(out), "\n")
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d:\n%s", len(got), len(want), out)
	}
	for i := range want {
		if i == 1 { // all but the closeness, exp(-1/72/0.15)
			var v gradeVerdict
			if err := json.Unmarshal([]byte(got[i]), &v); err != nil || v.Equal || v.Rule != "hash" || v.Closeness < .911 || v.Closeness > .912 {
				t.Errorf("row %d: %s", i, got[i])
			}
			continue
		}
		if got[i] != want[i] {
			t.Errorf("row %d:\n got %s\nwant %s", i, got[i], want[i])
		}
	}
}

// TestGradeOrder asks for the same bytes for any number of workers.
func TestGradeOrder(t *testing.T) {
	var in strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&in, `{"id":"%d","mode":"answer","gold":"%d","candidate":"%d.0"}`+"\n", i, i, i+i%2)
	}
	_, one, _ := gradeRun(t, in.String(), "-j", "1")
	_, four, _ := gradeRun(t, in.String(), "--jobs", "4")
	if one == "" || one != four {
		t.Errorf("the output depends on the number of workers (%d and %d bytes)", len(one), len(four))
	}
	if n := strings.Count(one, `"equal":true`); n != 1500 {
		t.Errorf("%d equal, want 1500", n)
	}
}

// TestGradeBadRow asks for exit 2, the line number, and the rows before it.
func TestGradeBadRow(t *testing.T) {
	good := `{"id":"a","mode":"answer","gold":"1","candidate":"1"}`
	for name, bad := range map[string]string{
		"syntax":        `{"id":`,
		"unknown field": `{"id":"x","mode":"answer","gold":"1","candidate":"1","score":1}`,
		"mode":          `{"id":"x","mode":"guess","gold":"1","candidate":"1"}`,
		"two values":    good + good,
	} {
		code, out, errs := gradeRun(t, good+"\n"+good+"\n"+bad+"\n"+good+"\n")
		if code != ExitUsage || !strings.Contains(errs, "standard input:3:") || strings.Count(out, "\n") != 2 {
			t.Errorf("%s: exit %d, %d rows, %q", name, code, strings.Count(out, "\n"), errs)
		}
	}
	if code, _, _ := gradeRun(t, "", "--in", "/nonexistent/pairs.jsonl"); code != ExitEnvironment {
		t.Errorf("missing file: exit %d, want %d", code, ExitEnvironment)
	}
}

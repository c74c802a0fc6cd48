package verifier

import (
	"strings"
	"testing"

	"hardneg/fixtures/seed"
)

const clips = "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May, and 6 clips in June, and got 3 clips back. How many clips did she sell altogether?"

const clipsSolution = `Natalia sold 48/2 = <<48/2=24>>24 clips in May.
She sold 48 + 24 = <<48+24=72>>72 clips in two months.
With June she sold 72 + 6 - 3 = <<72+6-3=75>>75 clips.
#### 75`

// Every kind plants one error where it says, and the answer differs where it
// must; the same key plants the same.
func TestPerturb(t *testing.T) {
	for _, k := range Kinds() {
		f, ok := Perturb(clips, clipsSolution, k.Name, seed.Derive(1, k.Name))
		if !ok {
			t.Errorf("%s: not possible", k.Name)
			continue
		}
		again, _ := Perturb(clips, clipsSolution, k.Name, seed.Derive(1, k.Name))
		if f != again {
			t.Errorf("%s: two draws with one key differ", k.Name)
		}
		if f.Kind != k || f.Solution == clipsSolution {
			t.Errorf("%s: kind %v, solution %q", k.Name, f.Kind, f.Solution)
		}
		was, is := strings.Split(clipsSolution, "\n"), strings.Split(f.Solution, "\n")
		if f.Step < 0 || f.Step >= max(len(is), 1) {
			t.Errorf("%s: step %d of %d", k.Name, f.Step, len(is))
			continue
		}
		for i := range min(f.Step, len(is)) {
			if k.Name != "skip" && is[i] != was[i] {
				t.Errorf("%s: step %d differs before the first error %d:\n%s", k.Name, i, f.Step, f.Solution)
			}
		}
		switch k.Name {
		case "op", "operand", "swap", "drop", "entity", "answer":
			if f.Answer == "75" {
				t.Errorf("%s: the answer came out right", k.Name)
			}
		}
	}
}

// What is executed again is consistent: the only errors in it are those of
// meaning, so no equation fails and no note clashes.
func TestExecutedAgainIsConsistent(t *testing.T) {
	v := New(nil)
	n := 0
	for _, kind := range []string{"op", "operand", "swap", "drop", "entity"} {
		for i := range 40 {
			f, ok := Perturb(clips, clipsSolution, kind, seed.Derive(2, kind, i))
			if !ok {
				continue
			}
			n++
			for _, x := range v.Score(Input{Question: clips, Solution: f.Solution}, None).Findings {
				if x.Code == CodeArith || x.Code == CodeNoteText {
					t.Errorf("%s: %s %s\n%s", kind, x.Code, x.Note, f.Solution)
				}
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d of 200 drawn", n)
	}
}

func TestPerturbRefuses(t *testing.T) {
	for _, s := range []string{"", "no answer line", "#### 5", "words only\n#### 5", strings.Repeat("<<", 1000) + "\n#### 1"} {
		if f, ok := Perturb("q 3", s, "calc", 1); ok {
			t.Errorf("%.20q became %q", s, f.Solution)
		}
	}
	if _, ok := Perturb(clips, clipsSolution, "nonsense", 1); ok {
		t.Error("an unknown kind is planted")
	}
}

// A style moves the first error with its step and keeps the answer.
func TestRestyle(t *testing.T) {
	for i := range 60 {
		f, ok := Perturb(clips, clipsSolution, "calc", seed.Derive(3, i))
		if !ok {
			t.Fatal("not possible")
		}
		steps, first := Restyle(clips, f.Solution, f.Step, seed.Derive(4, i))
		wrong := strings.Split(f.Solution, "\n")[f.Step]
		wrong = StripNotes(wrong[strings.LastIndex(wrong, ">>")+2:])
		if !strings.Contains(StripNotes(steps[first]), strings.TrimSpace(wrong)) {
			t.Errorf("step %d of %q does not hold %q", first, steps, wrong)
		}
		if last := steps[len(steps)-1]; !strings.Contains(last, f.Answer) {
			t.Errorf("the last step %q lacks the answer %s", last, f.Answer)
		}
	}
}

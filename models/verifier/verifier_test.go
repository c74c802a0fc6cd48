package verifier

import (
	"slices"
	"strings"
	"testing"
)

const ducks = "Janet's ducks lay 16 eggs per day. She eats 3 for breakfast and bakes muffins with 4. She sells the rest for $2 each. How much in dollars does she make every day?"

func codes(s Score) (out []string) {
	for _, f := range s.Findings {
		if !slices.Contains(out, string(f.Code)) {
			out = append(out, string(f.Code))
		}
	}
	slices.Sort(out)
	return out
}

// Each finding fires on its example, and nothing hard fires beside it.
func TestFindings(t *testing.T) {
	for _, c := range []struct {
		name, question, solution string
		want                     string // codes, sorted, by spaces
		first                    int    // step of the first wanted code
	}{
		{"right", ducks, "She has 16 - 3 - 4 = 9 eggs left.\nShe makes 9 * 2 = $18 dollars every day.\n#### 18", "", -1},
		{"arith", ducks, "She has 16 - 3 - 4 = 8 eggs left.\nShe makes 8 * 2 = $16 dollars.\n#### 16", "arith", 0},
		{"last place", ducks, "She has 16 - 3 - 4 = 9 eggs left.\nShe makes 9 * 2.5 = $22.4 dollars.\n#### 22.4", "arith", 1},
		{"per unit", ducks, "She has 16 - 3 - 4 = 9 eggs left.\nShe makes $2/egg x 9 eggs = $180 dollars.\n#### 180", "arith", 1},
		{"note-text", ducks, "She has 16 - 3 - 4 = <<16-3-4=9>>8 eggs left.\nShe makes 9 * 2 = $<<9*2=18>>18 dollars.\n#### 18", "note-text", 0},
		{"another note", ducks, "She has 16 - 2 - 4 = <<16-3-4=9>>9 eggs left.\nShe makes 9 * 2 = $<<9*2=18>>18 dollars.\n#### 18", "note-text", 0},
		{"before", ducks, "She makes 9 * 2 = $18 dollars every day.\nShe has 16 - 3 - 4 = 9 eggs left.\nSo it is 18 dollars.\n#### 18", "before-derived", 0},
		{"unsourced", ducks, "She has 16 - 3 - 4 = 9 eggs left.\nShe makes 9 * 43 = $387 dollars.\n#### 387", "unsourced", 1},
		{"twice", ducks, "She eats 3 + 4 = 7 eggs.\nShe has 16 - 7 = 9 left.\nShe eats 3 + 4 = 7 eggs.\nShe makes 9 * 2 = $18 dollars.\n#### 18", "repeat", 2},
		{"truncated", ducks, "She has 16 - 3 - 4 = 9 eggs left.\nShe makes dollars from the nine and", "truncated", 1},
		{"no answer", ducks, "I do not know what dollars to say here.", "no-answer no-work", 0},
		{"unused", ducks, "She has 16 - 3 = 13 eggs left.\nShe makes 13 * 2 = $26 dollars.\n#### 26", "unused-quantity", 2},
		{"negative", ducks, "She has 3 - 16 = -13 eggs left, and 4 eggs.\nShe makes -13 * 2 = $-26 dollars.\n#### -26", "negative-answer negative-count", 2},
		{"other result", ducks, "She has 16 - 3 - 4 = 9 eggs left.\nShe makes 9 * 2 = $18 dollars.\n#### 21", "answer-not-derived", 2},
		{"variable", "Solve 2x + 3 = 11.", "Let us see. 2x + 3 = 11, so 2x = 8.\nThen x = 5.\n#### 5", "solution-check", 1},
		{"variables", "Find y, given 7 and 9.", "We get y = 7.\nNow y = 9.\nSo 7 + 9 = 16.\n#### 16", "var-contradiction", 1},
		{"identity", "Simplify y.", "y = 3x + 2x = 6x\n#### 6x", "algebra", 0},
		{"numbers", ducks, "1. She has 16 - 3 - 4 = 9 eggs left.\n3. She makes 9 * 2 = $18 dollars.\n2. It is 18 dollars.\n#### 18", "step-number", 2},
		{"unit", "A train needs 2 hours for 50 miles. How many hours for 100 miles?", "It needs 100 / 50 = 2 times as long.\nThat is 2 * 2 = 4.\nThe answer is 4 dollars.", "unit-kind", 2},
		{"zero", ducks, "She has 16 / 0 = 9 eggs left.\nShe keeps 3 + 4 = 7.\nShe makes 9 * 2 = 18 dollars.\n#### 18", "division-by-zero", 3},
	} {
		s := New(nil).Score(Input{Question: c.question, Solution: c.solution}, None)
		want := strings.Fields(c.want)
		got := slices.DeleteFunc(codes(s), func(x string) bool { // weak ones come along
			return !slices.Contains(want, x) && !hardCode(s, x)
		})
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, want)
			continue
		}
		for _, f := range s.Findings {
			if len(want) > 0 && string(f.Code) == want[0] && f.Step != c.first {
				t.Errorf("%s: in step %d, want %d", c.name, f.Step, c.first)
			}
		}
	}
}

func hardCode(s Score, code string) bool {
	return slices.ContainsFunc(s.Findings, func(f Finding) bool { return string(f.Code) == code && f.Severity >= hardSeverity })
}

// Texts from real data that look like false equations and are none.
func TestNoFalseAlarms(t *testing.T) {
	for _, s := range []string{
		"Total oranges in 8 boxes = 8 * 20 = 160", "5 quarters = 5 * 25 = 125 cents", "4 - 1.5x = 10", "42 minutes = 42/60 hours = 0.7 hours",
		"100 pennies = 100 x $0.01 = $1.00", "1 / 7 = 0 remainder 1", `3\frac{4}{5} + \frac{1}{5} = 4`, "12 x 1 1/4 = 15", "350 000 / 1000 = 350",
		"25/75 x 100% = 33.3%", "-21/3 = -7", "- 21/3 = 7", "15 (light blue) + 45 (dark blue) = 60", "10 / 3 = 3.33", "7 / 2 = 4 boxes, rounded up",
		"20% of 50 = 10", "half of 40 = 20", "2 thirds of 30 = 20", "3 feet + 6 inches = 42 inches", "He is 12 - 15 = 3 years younger",
		`\frac{2}{9} = 0.\overline{2}`, `11! = 11 \times 10!`, `\tan(\frac{1}{2}) = 3`, `100 = 5AD^2 + 20`, "2:30 + 3 = 5:30", `\[ a = 3 \] \[ 4 + 5 = 9 \]`,
		"$x^2 = 9$, so $x = 3$ or $x = -3$", "5 - 8 = -3", "2^10 = 1024", `\sqrt{16} = 4`, "1,250 + 750 = 2,000",
		"3 / 1/4 = 12", "48 times + 12 times = 60", "2 x 700cm^3 = 1400cm^3", "$2.50 - $2.24 = 26 cents", "$12/adult x 3 adults = $36", "3 miles/hour * 2 hours = 6 miles",
		"60 minutes/hour * 8 hours = 480", "24/8 = 3 times the amount",
	} {
		out := New(nil).Score(Input{Solution: s}, None)
		for _, f := range out.Findings {
			if f.Dim == Sym || f.Dim == Logic && f.Severity >= hardSeverity {
				t.Errorf("%q: %s %s", s, f.Code, f.Note)
			}
		}
	}
}

// The gold answer and the reference do not reach mode none.
func TestNoneReadsNoGold(t *testing.T) {
	for _, name := range []string{"rules", "builtin"} {
		v, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		in := Input{ID: "a", Question: ducks, Solution: "She has 16 - 3 = 13 left.\n#### 26", Peers: []string{"18", "18"}}
		bare := v.Score(in, None)
		in.Gold, in.Reference, in.Peers = "18", "16-3-4 = 9\n9*2 = 18\n#### 18", nil
		full := v.Score(in, None)
		if x, y := string(bare.AppendJSON(nil, "")), string(full.AppendJSON(nil, "")); x != y {
			t.Errorf("%s:\n%s\n%s", name, x, y)
		}
	}
}

// A score does not depend on what was scored before.
func TestScoreIsPure(t *testing.T) {
	ex, err := Synthetic(20, 5)
	if err != nil {
		t.Fatal(err)
	}
	v, err := Load("builtin")
	if err != nil {
		t.Fatal(err)
	}
	var first []string
	for _, e := range ex {
		fresh := New(v.Model())
		s := fresh.Score(e.Input, None)
		first = append(first, string(s.AppendJSON(nil, "")))
	}
	for i := len(ex) - 1; i >= 0; i-- {
		s := v.Score(ex[i].Input, None)
		if got := string(s.AppendJSON(nil, "")); got != first[i] {
			t.Fatalf("row %d after others:\n%s\n%s", i, got, first[i])
		}
	}
}

func TestGoldMode(t *testing.T) {
	ref := "She has 16 - 3 - 4 = <<16-3-4=9>>9 eggs left.\nShe makes 9 * 2 = $<<9*2=18>>18 dollars.\n#### 18"
	v, err := Load("builtin")
	if err != nil {
		t.Fatal(err)
	}
	score := func(solution string) Score {
		return v.Score(Input{Question: ducks, Solution: solution, Gold: "18", Reference: ref}, Gold)
	}
	right := score(ref)
	near := score("She has 16 - 3 - 4 = 9 eggs left.\nShe makes 9 * 2 = $19 dollars.\n#### 19")
	far := score("She has 16 * 3 * 4 = 192 eggs left.\nShe makes 192 * 1000 = $192000 dollars.\n#### 192000")
	if !right.Correct || near.Correct || far.Correct {
		t.Fatalf("correct: %v %v %v", right.Correct, near.Correct, far.Correct)
	}
	if right.Profile[Ans] != 0 || near.Profile[Ans] != 1 {
		t.Errorf("s_ans of right %v, of near %v", right.Profile[Ans], near.Profile[Ans])
	}
	if !(right.Closeness > near.Closeness && near.Closeness > .7 && far.Closeness < .2) {
		t.Errorf("closeness: right %v, near %v, far %v", right.Closeness, near.Closeness, far.Closeness)
	}
	if near.HardScore <= far.HardScore {
		t.Errorf("hard score of near %v, of far %v", near.HardScore, far.HardScore)
	}
	if near.Divergence <= far.Divergence {
		t.Errorf("divergence of near %v, of far %v", near.Divergence, far.Divergence)
	}
}

func TestConsensus(t *testing.T) {
	v, err := Load("builtin")
	if err != nil {
		t.Fatal(err)
	}
	in := Input{Question: ducks, Solution: "16 - 3 - 4 = 9 eggs\n9 * 2 = 18 dollars\n#### 18"}
	var w [3]float64
	for i, peers := range [][]string{{"18", "$18", "the work\n#### 18"}, {"18", "20", "7"}, {"20", "20", "20"}} {
		in.Peers = peers
		w[i] = v.Score(in, Consensus).Wrongness
	}
	if !(w[0] < w[1] && w[1] < w[2]) {
		t.Errorf("wrongness with all, one, none agreeing: %v", w)
	}
}

// What does not touch the mathematics does not touch the profile.
func TestMetamorphic(t *testing.T) {
	ex, err := Synthetic(40, 8)
	if err != nil {
		t.Fatal(err)
	}
	v, err := Load("builtin")
	if err != nil {
		t.Fatal(err)
	}
	rename := strings.NewReplacer("Sam", "Quentin", "Roy", "Wolfgang", "Ann", "Genevieve", "Eli", "Bartholomew", "Amy", "Kunigunde", "Leo", "Friedrich", "Max", "Ludwig", "Ben", "Thaddeus", "Kay", "Philippa", "Lea", "Rosamund", "Joe", "Ferdinand", "Dan", "Cornelius")
	for name, change := range map[string]func(string) string{
		"people": rename.Replace,
		"spaces": func(s string) string { return strings.ReplaceAll(s, " ", "   ") },
		"margins": func(s string) string {
			if !strings.HasPrefix(s, "A:") { // an answer marker stands at the line's start
				s = "  " + s
			}
			return strings.ReplaceAll(s, "\n", "  \n") + "  "
		},
		"signs":   func(s string) string { return strings.NewReplacer("-", "−", "×", "·").Replace(s) },
		"dollars": func(s string) string { return strings.ReplaceAll(s, "'", "’") },
	} {
		for _, e := range ex {
			text := strings.Join(e.Steps, "\n")
			if name == "signs" && (strings.Contains(text, "<<") || strings.ContainsAny(text, "*\\")) {
				continue // notes, emphasis and commands are ASCII
			}
			steps := make([]string, len(e.Steps))
			for i, s := range e.Steps {
				steps[i] = change(s)
			}
			a := v.Score(Input{Question: e.Question, Steps: e.Steps}, None)
			b := v.Score(Input{Question: change(e.Question), Steps: steps}, None)
			for d := range a.Profile {
				if diff := a.Profile[d] - b.Profile[d]; diff > .02 || diff < -.02 {
					t.Fatalf("%s: %s moves from %.4f to %.4f:\n%s\n%s", name, Dim(d), a.Profile[d], b.Profile[d], text, strings.Join(steps, "\n"))
				}
			}
		}
	}
}

// Numbers written in another form are the same numbers.
func TestNumberForms(t *testing.T) {
	v := New(nil)
	base := "She has 16000 - 3000 = 13000 left.\nThat is 13000 / 2 = 6500 in half.\n#### 6500"
	a := v.Score(Input{Question: "There are 16000 eggs and 3000 break. What is half of the rest?", Solution: base}, None)
	for _, r := range []*strings.Replacer{
		strings.NewReplacer("16000", "16,000", "3000", "3,000", "13000", "13,000", "6500", "6,500"),
		strings.NewReplacer("16000", "16 000", "3000", "3 000", "13000", "13 000"),
		strings.NewReplacer("6500", "6500.00"),
		strings.NewReplacer("16000", "$16000", "13000", "$13000", "3000", "$3000"),
	} {
		b := v.Score(Input{Question: "There are 16000 eggs and 3000 break. What is half of the rest?", Solution: r.Replace(base)}, None)
		if a.Profile != b.Profile {
			t.Errorf("%q: %v, want %v (%v)", r.Replace(base), b.Profile, a.Profile, codes(b))
		}
	}
}

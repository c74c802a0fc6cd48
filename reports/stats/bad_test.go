package stats

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"hardneg/fixtures/seed"
)

// TestBadInput: what makes no sense is refused, whatever the function.
func TestBadInput(t *testing.T) {
	for _, c := range [][2]string{
		{"prop_ci", `{"k":1,"n":0,"method":"wilson"}`},
		{"prop_ci", `{"k":1.5,"n":3,"method":"wilson"}`},
		{"prop_ci", `{"k":1,"n":3,"method":"wald"}`},
		{"prop_ci", `{"k":1,"n":3}`},
		{"prop_ci", `{"k":1,"n":3,"method":"wilson","level":1}`},
		{"prop_ci", `{"k":1,"n":3,"method":"wilson","levle":0.9}`},
		{"mcnemar", `{"b":3,"c":3,"n":5}`},
		{"mcnemar", `{"b":-1,"c":3,"n":5}`},
		{"paired_t", `{"a":[1,2],"b":[1]}`},
		{"welch_t", `{"a":[1],"b":[1,2]}`},
		{"welch_t", `{"a":[1,null],"b":[1,2]}`},
		{"wilcoxon", `{"d":[1,null]}`},
		{"sign_flip", `{"d":[1],"alternative":"both"}`},
		{"p_adjust", `{"p":[1.5],"method":"holm"}`},
		{"p_adjust", `{"p":[0.5],"method":"bonferroni"}`},
		{"clustered_mean", `{"x":[1,2],"cluster":[1]}`},
		{"clustered_mean", `{"x":[1,2],"cluster":[1,1.5]}`},
		{"crossed", `{"arms":{"a":[[1,0]]},"contrast":{"a":1,"b":-1}}`},
		{"crossed", `{"arms":{"a":[[1,0]],"b":[[1,0,1]]},"contrast":{"a":1,"b":-1}}`},
		{"crossed", `{"arms":{"a":[[1,0]],"b":[[1,0],[1,1]]},"contrast":{"a":1,"b":-1}}`},
		{"crossed", `{"arms":{"a":[[1,0]],"b":[[1,0]]},"contrast":{"a":1,"b":-1},"scope":"all"}`},
		{"crossed", `{"arms":{"a":[[1,0]],"b":[[1,0]]},"contrast":{"a":1,"b":-1},"cluster":[1,2],"strata":[1,2]}`},
		{"crossed", `{"arms":{"a":[[1,0]],"b":[[1,0]]},"contrast":{"a":1,"b":-1},"strata":["x","y"],"weights":{"x":1}}`},
		{"crossed", `{"arms":{"a":[[1,0]],"b":[[1,0]]},"contrast":{}}`},
		{"crossed", `{"arms":{"a":[[1,7]],"b":[[1,0]]},"contrast":{"a":1,"b":-1}}`},
		{"accuracy", `{"y":[null]}`},
		{"tost", `{"estimate":0,"se":0,"df":3,"margin":0.01}`},
		{"verdict", `{"estimate":0,"se":1,"df":-3,"margin":0.01}`},
		{"mde", `{"se":0,"df":3}`},
		{"seeds_needed", `{"var_seed":-1,"var_problem":0,"var_residual":0,"n":10,"arms":2,"delta":0.1}`},
		{"pearson", `{"x":[1,2,3],"y":[1,2]}`},
		{"kendall", `{"x":[1,null,3],"y":[1,2,3]}`},
		{"auroc", `{"score":[1,2],"label":[0,2]}`},
		{"auroc_diff", `{"a":[1,2],"b":[1],"label":[0,1]}`},
		{"calibration", `{"prob":[1.5],"label":[1]}`},
		{"calibration", `{"prob":[],"label":[]}`},
		{"first_error", `{"gold":[1],"pred":[]}`},
		{"pass_at_k", `{"n":[3],"c":[4],"k":1}`},
		{"mann_whitney", `{"x":[],"y":[1]}`},
		{"median_ci", `{"x":[]}`},
		{"page", `{"m":[[1,2]]}`},
		{"page", `{"m":[]}`},
		{"rliable", `{"x":[[1],[1,2]],"y":[[1]],"taus":[]}`},
		{"expected_max", `{"values":[1,2],"budget":3}`},
		{"edivisive", `{"x":[1,2,3]}`},
		{"nightly", `{"series":[1],"metrics":0}`},
		{"bootstrap", `{"stat":"mode","x":[1],"b":9,"seed":1}`},
		{"bootstrap", `{"stat":"mean","x":[1],"b":0,"seed":1}`},
		{"prng", `{"seed":1,"stream":1,"n":0,"count":1}`},
		{"mean", `[]`},
	} {
		want := "bad_input"
		if c[0] == "mean" {
			want = "unknown_fn"
		}
		if got := show(answer(t, c[0], c[1])); got != "error="+want {
			t.Errorf("%s %s: %s, want %s", c[0], c[1], got, want)
		}
	}
}

// TestUndefined: null and a note where a number does not exist.
func TestUndefined(t *testing.T) {
	for _, c := range [][3]string{
		{"crossed", `{"arms":{"a":[[1,0,1]],"b":[[1,1,0]]},"contrast":{"a":1,"b":-1},"scope":"seeds"}`, "notes=[single_seed] p=<nil> se=<nil>"},
		{"crossed", `{"arms":{"a":[null,[1,0]],"b":[[1,1],null]},"contrast":{"a":1,"b":-1}}`, "notes=[missing_seeds no_common_seed] p=<nil> se=<nil>"},
		{"crossed", `{"arms":{"a":[[1,0],[1,0]],"b":[[1,0],[1,0]]},"contrast":{"a":1,"b":-1}}`, "notes=[degenerate_variance] p=1 se=0"},
		{"crossed", `{"arms":{"a":[[1,1],[1,1]],"b":[[0,0],[0,0]]},"contrast":{"a":1,"b":-1}}`, "notes=[degenerate_variance] p=<nil> se=0"},
		{"crossed", `{"arms":{"a":[[1,null],[1,0]],"b":[[0,1],[0,0]]},"contrast":{"a":1,"b":-1},"scope":"problems"}`, "notes=[imputed_wrong]"},
		{"crossed", `{"arms":{"a":[[1,0],[1,1]],"b":[[1,1],[0,1]],"c":[[1,1],null]},"contrast":{"a":1,"b":-1},"pool":["a","b","c"]}`, "ms_pooled=<nil> notes=[]"}, // one complete seed: no pool
		{"crossed", `{"arms":{"a":[[1,0],[1,1]],"b":[[1,1],[0,1]],"c":[[1,1],[0,1]]},"contrast":{"a":1,"b":-1},"pool":["a","b","c"]}`, "ms_pooled=0.6666666666666667 notes=[]"},
		{"wilcoxon", `{"d":[0,0,1,-1,2]}`, "n=3 w_plus=4.5"}, // zeros dropped, ties at their midrank
		{"mcnemar", `{"b":0,"c":0,"n":5}`, "notes=[no_discordant] odds_ratio=<nil>"},
		{"auroc", `{"score":[1,2],"label":[1,1]}`, "notes=[single_class] se=<nil>"},
		{"auroc_diff", `{"a":[1,2],"b":[2,1],"label":[1,1]}`, "notes=[single_class] p=<nil>"},
		{"auroc_diff", `{"a":[1,2,3],"b":[1,2,3],"label":[1,0,0]}`, "notes=[too_few] p=<nil>"},
		{"spearman", `{"x":[1,1,1],"y":[1,2,3]}`, "notes=[constant_input] p=<nil> r=<nil>"},
		{"kendall", `{"x":[1,2],"y":[1,2]}`, "notes=[too_few]"},
		{"pearson", `{"x":[1,2,3],"y":[2,4,6]}`, "lo=<nil> n=3 notes=[] p=0 r=1"},
		{"median_ci", `{"x":[3]}`, "lo=<nil> median=3"},
		{"paired_t", `{"a":[null,1],"b":[2,3]}`, "mean=-2 n=1 notes=[too_few]"},
		{"nightly", `{"series":[1,1,1,1,1,1,1,1,1,1]}`, "decision=undecided exit_code=4 notes=[degenerate_variance] p=<nil>"},
		{"bootstrap", `{"stat":"pearson","x":[1,1,1,2],"y":[1,2,3,4],"b":200,"seed":3}`, "hi=<nil> lo=<nil> se=<nil>"},
		{"clustered_mean", `{"x":[1,2],"cluster":["q","q"]}`, "df=<nil> g=1 se_cluster=<nil>"},
		{"welch_t", `{"a":[1,1],"b":[1,1]}`, "diff=0 p=1 t=<nil>"},
	} {
		got := answer(t, c[0], c[1])
		for _, field := range strings.SplitAfter(c[2], " ") {
			if strings.Contains(field, "=") && !strings.Contains(" "+show(got)+" ", " "+strings.TrimSuffix(field, " ")) {
				t.Errorf("%s %s: %s, want %s", c[0], c[1], show(got), c[2])
				break
			}
		}
	}
}

// FuzzAnswer: no input makes a function panic, and every answer is JSON.
func FuzzAnswer(f *testing.F) {
	f.Add("crossed", `{"arms":{"a":[[1,0],null]},"contrast":{"a":1},"pool":["a"]}`)
	f.Add("page", `{"m":[[1,2,3]]}`)
	f.Add("bootstrap", `{"stat":"iqm","x":[1,2],"b":2,"seed":1,"cluster":["a",1]}`)
	f.Fuzz(func(t *testing.T, fn, in string) {
		if strings.Contains(in, "e") || len(in) > 4000 || strings.ContainsAny(in, "56789") { // no runs of hours: counts stay small
			return
		}
		if _, err := json.Marshal(Answer(Case{ID: "x", Fn: fn, In: json.RawMessage(in)})); err != nil {
			t.Error(err)
		}
	})
}

// TestOrderOfProblemsDoesNotMatter: shuffling columns moves no p-value.
func TestOrderOfProblemsDoesNotMatter(t *testing.T) {
	key := seed.Derive(4, "order")
	arms, mixed, perm := map[string]Trials{}, map[string]Trials{}, key.Sub(9).Perm(40)
	for a, name := range []string{"x", "y", "z"} {
		arms[name], mixed[name] = make(Trials, 3), make(Trials, 3)
		for s := range 3 {
			row, other := make([]float64, 40), make([]float64, 40)
			for i := range row {
				row[i] = float64(key.Sub(uint64(a)).Sub(uint64(s)).Index(uint64(i), 2))
			}
			for i, j := range perm {
				other[i] = row[j]
			}
			arms[name][s], mixed[name][s] = row, other
		}
	}
	q := Crossed{Arms: arms, Contrast: map[string]float64{"x": 1, "y": -1}, Pool: []string{"x", "y", "z"}}
	a, err := q.Run()
	q.Arms = mixed
	b, err2 := q.Run()
	if err != nil || err2 != nil || math.Abs(a.P-b.P) > 1e-12 || math.Abs(a.SE-b.SE) > 1e-12 {
		t.Errorf("%+v\n%+v %v %v", a, b, err, err2)
	}
}

// TestEngineIsItsSpecialCases: with no pool and MS_P ≤ MS_R ≤ MS_S it is the
// paired t over seeds, with one seed it is the paired t over problems.
func TestEngineIsItsSpecialCases(t *testing.T) {
	a := Trials{{1, 1, 1, 1, 0, 1}, {0, 0, 0, 1, 0, 0}, {1, 1, 1, 1, 1, 1}}
	b := Trials{{0, 0, 0, 0, 1, 0}, {0, 1, 0, 0, 0, 1}, {0, 0, 0, 0, 0, 0}}
	q := Crossed{Arms: map[string]Trials{"a": a, "b": b}, Contrast: map[string]float64{"a": 1, "b": -1}}
	r, err := q.Run()
	if err != nil || r.MSProblem > r.MSResidual || r.MSResidual > r.MSSeed {
		t.Fatalf("the example does not have the order that it should: %+v %v", r, err)
	}
	var x, y []float64
	for s := range a {
		x, y = append(x, mean(a[s])), append(y, mean(b[s]))
	}
	p, _ := PairedT(x, y, .95)
	if math.Abs(p.P-r.P) > 1e-12 || math.Abs(p.SE-r.SE) > 1e-12 {
		t.Errorf("engine %v %v, paired t %v %v", r.SE, r.P, p.SE, p.P)
	}
	q.Arms = map[string]Trials{"a": a[:1], "b": b[:1]}
	r, _ = q.Run()
	p, _ = PairedT(a[0], b[0], .95)
	if math.Abs(p.P-r.P) > 1e-12 {
		t.Errorf("one seed: engine %v, over problems %v", r.P, p.P)
	}
}

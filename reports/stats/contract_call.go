package stats

import (
	"encoding/json"
	"fmt"

	"hardneg/fixtures/seed"
)

// call runs one function of the contract.
func call(fn string, raw json.RawMessage) (any, error) {
	for _, table := range []func(string, json.RawMessage) (any, error){callTests, callEngine, callScores, callRest} {
		v, err := table(fn, raw)
		if err != errUnknown {
			return v, err
		}
	}
	return nil, errUnknown
}

func callTests(fn string, raw json.RawMessage) (any, error) {
	var in struct {
		options
		K, N    float64
		Method  string
		B, C    whole
		D       list
		P       []*float64
		X       list
		Cluster []label
	}
	need := func(fields ...string) error { return decodeOnly(raw, &in, fields) }
	switch fn {
	case "prop_ci":
		if err := need("k", "n", "method"); err != nil {
			return nil, err
		}
		return PropCI(in.K, in.N, in.level(), in.Method)
	case "mcnemar":
		if err := need("b", "c", "n"); err != nil {
			return nil, err
		}
		if in.N != float64(int(in.N)) {
			return nil, bad("n is %v", in.N)
		}
		return McNemar(int(in.B), int(in.C), int(in.N), in.level())
	case "paired_t", "welch_t":
		return callT(fn, raw)
	case "wilcoxon":
		if err := need("d"); err != nil {
			return nil, err
		}
		return Wilcoxon(in.D), nil
	case "sign_flip":
		if err := need("d"); err != nil {
			return nil, err
		}
		return SignFlip(in.D, in.Alternative)
	case "p_adjust":
		if err := need("p", "method"); err != nil {
			return nil, err
		}
		adjusted, err := Adjust(holes(in.P), in.Method)
		return out{"adjusted": adjusted}, err
	case "clustered_mean":
		if err := need("x", "cluster"); err != nil {
			return nil, err
		}
		return ClusteredMean(in.X, grouped(in.Cluster), in.level())
	}
	return nil, errUnknown
}

func callT(fn string, raw json.RawMessage) (any, error) {
	var in struct {
		options
		A, B []*float64
	}
	if err := decodeOnly(raw, &in, []string{"a", "b"}); err != nil {
		return nil, err
	}
	a, b := holes(in.A), holes(in.B)
	if fn == "paired_t" {
		return PairedT(a, b, in.level())
	}
	if !finite(a...) || !finite(b...) {
		return nil, bad("a value is missing")
	}
	return WelchT(a, b, in.level())
}

func callEngine(fn string, raw json.RawMessage) (any, error) {
	switch fn {
	case "crossed":
		return callCrossed(raw)
	case "accuracy":
		var in struct {
			options
			Y       [][]*float64
			Cluster []label
		}
		if err := decodeOnly(raw, &in, []string{"y"}); err != nil {
			return nil, err
		}
		y, err := trials(in.Y)
		if err != nil {
			return nil, err
		}
		return Accuracy(y, grouped(in.Cluster), in.level())
	case "tost", "verdict", "mde":
		return callEffect(fn, raw)
	case "seeds_needed":
		var in struct {
			options
			VarSeed     float64 `json:"var_seed"`
			VarProblem  float64 `json:"var_problem"`
			VarResidual float64 `json:"var_residual"`
			N, Arms     float64
			Delta       float64
		}
		if err := decodeOnly(raw, &in, []string{"var_seed", "var_problem", "var_residual", "n", "arms", "delta"}); err != nil {
			return nil, err
		}
		return Plan{in.VarSeed, in.VarProblem, in.VarResidual, in.N, in.Arms}.SeedsNeeded(in.Delta, in.alpha(), in.power())
	}
	return nil, errUnknown
}

func callCrossed(raw json.RawMessage) (any, error) {
	var in struct {
		options
		Arms     map[string][][]*float64
		Contrast map[string]float64
		Pool     []string
		Scope    string
		Cluster  []label
		Strata   []label
		Weights  map[string]float64
	}
	if err := decodeOnly(raw, &in, []string{"arms", "contrast"}); err != nil {
		return nil, err
	}
	q := Crossed{Arms: map[string]Trials{}, Contrast: in.Contrast, Pool: in.Pool, Scope: in.Scope,
		Cluster: grouped(in.Cluster), Strata: grouped(in.Strata), Level: in.level(), Alternative: in.Alternative}
	for k, rows := range in.Arms {
		t, err := trials(rows)
		if err != nil {
			return nil, err
		}
		q.Arms[k] = t
	}
	if in.Weights != nil && in.Strata != nil {
		q.Weights = make([]float64, groupCount(q.Strata))
		for j, g := range q.Strata {
			w, ok := in.Weights[string(in.Strata[j])]
			if !ok {
				return nil, bad("stratum %s has no weight", in.Strata[j])
			}
			q.Weights[g] = w
		}
	}
	return q.Run()
}

func callEffect(fn string, raw json.RawMessage) (any, error) {
	var in struct {
		options
		Estimate, SE, DF, Margin float64
		Deltas                   list
	}
	fields := []string{"se", "df"}
	if fn != "mde" {
		fields = append(fields, "estimate", "margin")
	}
	if err := decodeOnly(raw, &in, fields); err != nil {
		return nil, err
	}
	e := Effect{in.Estimate, in.SE, in.DF, in.Margin, in.alpha()}
	switch fn {
	case "tost":
		return TOST(e)
	case "verdict":
		return Verdict(e)
	}
	m, err := MDE(in.SE, in.DF, in.alpha(), in.power())
	power := []float64{}
	for _, d := range in.Deltas {
		if err == nil {
			power = append(power, PowerT(d, in.SE, in.DF, in.alpha()))
		}
	}
	return out{"mde": m, "power": power}, err
}

func callScores(fn string, raw json.RawMessage) (any, error) {
	switch fn {
	case "pearson", "spearman", "kendall", "bootstrap", "mann_whitney":
		return callXY(fn, raw)
	}
	var in struct {
		options
		Score, A, B, Prob list
		Label             wholes
		Cluster           []label
		Bins              *whole
		Gold, Pred        wholes
	}
	need := func(fields ...string) error { return decodeOnly(raw, &in, fields) }
	switch fn {
	case "auroc":
		if err := need("score", "label"); err != nil {
			return nil, err
		}
		return AUROC(in.Score, in.Label, grouped(in.Cluster), in.level())
	case "auroc_diff":
		if err := need("a", "b", "label"); err != nil {
			return nil, err
		}
		return AUROCDiff(in.A, in.B, in.Label, in.level())
	case "average_precision":
		if err := need("score", "label"); err != nil {
			return nil, err
		}
		ap, notes, err := AveragePrecision(in.Score, in.Label)
		return out{"ap": ap, "notes": notes}, err
	case "calibration":
		if err := need("prob", "label"); err != nil {
			return nil, err
		}
		bins := 10
		if in.Bins != nil {
			bins = int(*in.Bins)
		}
		return Calibration(in.Prob, in.Label, bins)
	case "first_error":
		if err := need("gold", "pred"); err != nil {
			return nil, err
		}
		return FirstError(in.Gold, in.Pred)
	}
	return nil, errUnknown
}

func callXY(fn string, raw json.RawMessage) (any, error) {
	var in struct {
		options
		X, Y            list
		Stat            string
		Cluster, Strata []label
		B               whole
		Seed            uint64
	}
	fields := []string{"x", "y"}
	if fn == "bootstrap" {
		fields = []string{"stat", "x", "b", "seed"}
	}
	if err := decodeOnly(raw, &in, fields); err != nil {
		return nil, err
	}
	switch fn {
	case "pearson":
		return Pearson(in.X, in.Y, in.level())
	case "spearman":
		return Spearman(in.X, in.Y, in.level())
	case "kendall":
		return Kendall(in.X, in.Y)
	case "mann_whitney":
		return MannWhitney(in.X, in.Y, in.Alternative)
	}
	return Bootstrap{in.Stat, in.X, in.Y, grouped(in.Cluster), grouped(in.Strata), int(in.B), in.Seed, in.level()}.Run()
}

func callRest(fn string, raw json.RawMessage) (any, error) {
	switch fn {
	case "pass_at_k", "prng":
		return callCounts(fn, raw)
	case "nightly", "edivisive":
		return callSeries(fn, raw)
	case "rliable":
		var in struct {
			options
			X, Y []list
			Taus list
		}
		if err := decodeOnly(raw, &in, []string{"x"}); err != nil {
			return nil, err
		}
		return Rliable(matrix(in.X), matrix(in.Y), in.Taus)
	}
	var in struct {
		options
		X, Values list
		M         []list
		Budget    whole
	}
	need := func(fields ...string) error { return decodeOnly(raw, &in, fields) }
	switch fn {
	case "median_ci":
		if err := need("x"); err != nil {
			return nil, err
		}
		return MedianCI(in.X, in.level())
	case "page":
		if err := need("m"); err != nil {
			return nil, err
		}
		return Page(matrix(in.M))
	case "expected_max":
		if err := need("values", "budget"); err != nil {
			return nil, err
		}
		return ExpectedMax(in.Values, int(in.Budget))
	}
	return nil, errUnknown
}

func callSeries(fn string, raw json.RawMessage) (any, error) {
	var in struct {
		options
		X            list
		Series       []*float64
		Permutations *whole
		Seed         uint64
		Metrics      *whole
		Budget       *float64
	}
	if fn == "nightly" {
		if err := decodeOnly(raw, &in, []string{"series"}); err != nil {
			return nil, err
		}
		metrics := 1
		if in.Metrics != nil {
			metrics = int(*in.Metrics)
		}
		return Nightly(holes(in.Series), metrics, or(in.Budget, 0.5))
	}
	if err := decodeOnly(raw, &in, []string{"x"}); err != nil {
		return nil, err
	}
	permutations := 199
	if in.Permutations != nil {
		permutations = int(*in.Permutations)
	}
	return EDivisive(in.X, permutations, in.Seed)
}

func callCounts(fn string, raw json.RawMessage) (any, error) {
	if fn == "pass_at_k" {
		var in struct {
			options
			N, C wholes
			K    whole
		}
		if err := decodeOnly(raw, &in, []string{"n", "c", "k"}); err != nil {
			return nil, err
		}
		m, se, err := PassAtK(in.N, in.C, int(in.K))
		return out{"mean": m, "se": se}, err
	}
	var in struct {
		Seed, Stream uint64
		N, Count     whole
	}
	if err := decodeOnly(raw, &in, []string{"seed", "stream", "n", "count"}); err != nil {
		return nil, err
	}
	if in.N < 1 || in.Count < 0 {
		return nil, bad("n is %d, count is %d", in.N, in.Count)
	}
	key := seed.At(in.Seed, in.Stream)
	n, words, index := int(in.N), make([]string, in.Count), make([]int, in.Count)
	for i := range words {
		words[i] = fmt.Sprintf("%016x", key.U64(uint64(i)))
		index[i] = key.Index(uint64(i), n)
	}
	return out{"u64": words, "index": index, "permutation": key.Perm(n)}, nil
}

// decodeOnly decodes strictly and asks for the fields that must be there.
func decodeOnly(raw json.RawMessage, into any, required []string) error {
	var have map[string]json.RawMessage
	if err := json.Unmarshal(raw, &have); err != nil {
		return bad("%v", err)
	}
	for _, f := range required {
		if v, ok := have[f]; !ok || string(v) == "null" {
			return bad("field %q is missing", f)
		}
	}
	return decode(raw, into)
}

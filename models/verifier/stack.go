package verifier

import (
	"fmt"
	"math"
	"sort"
)

// folded holds what models that have not seen a row's question say of it.
type folded struct {
	heads  []Profile // logits of the heads
	logits []Profile // the same after hard findings
	cons   []float64
	first  []int
	none   []float64 // logit of W_none, set by stack
}

func newFolded(n int) *folded {
	return &folded{make([]Profile, n), make([]Profile, n), make([]float64, n), make([]int, n), make([]float64, n)}
}

// outOfFold fills the rows of one register.
func (t *trainer) outOfFold(r Register, out *folded) error {
	for f := range t.opt.Folds {
		var train []int
		for i := range t.ex {
			if t.fold(i) != f {
				train = append(train, i)
			}
		}
		m, err := t.heads(train)
		if err != nil {
			return err
		}
		for i := range t.ex {
			if t.fold(i) != f || t.obs[i].register != r {
				continue
			}
			o := &t.obs[i]
			for d := range out.logits[i] {
				out.heads[i][d] = m.Heads[d].Logit(o.f)
				out.logits[i][d] = logit(math.Max(o.hard[d], sigmoid(out.heads[i][d])))
			}
			out.cons[i] = logit(math.Max(o.hard[Ans], sigmoid(m.Consensus.Logit(o.f))))
			out.first[i] = argmaxFirst(m, o)
		}
	}
	return nil
}

// argmaxFirst is the most probable first error step.
func argmaxFirst(m *Part, o *observation) int {
	keep, best, at := 1.0, -1.0, 0
	for k, x := range o.steps {
		h := sigmoid(m.Step.Logit(x))
		if o.lift[k] {
			h = math.Max(h, .9)
		}
		if p := keep * h; p > best {
			best, at = p, k
		}
		keep *= 1 - h
	}
	return at
}

// stack fits the aggregation on out-of-fold logits, then for each register the
// context, the calibration and tau on what it gives.
func (t *trainer) stack(m *Model, oof *folded) (err error) {
	all := [NumDims]bool{true, true, true, true, true, true}
	proc := all
	proc[Ans] = false
	t.weigh(Plain)
	if m.None, err = fitStack(oof.logits, t.y, t.w, nil, all); err != nil {
		return fmt.Errorf("fit: stack: %w", err)
	}
	if err := t.rescale(m, oof); err != nil {
		return fmt.Errorf("fit: %s: %w", Formal, err)
	}
	t.weigh(Plain)
	if m.Proc, err = fitStack(oof.logits, t.y, t.w, nil, proc); err != nil {
		return fmt.Errorf("fit: process stack: %w", err)
	}
	if m.Cons, err = t.consensusStack(oof.logits, oof.cons, m.None); err != nil {
		return fmt.Errorf("fit: consensus stack: %w", err)
	}
	for i := range oof.none {
		oof.none[i] = m.None.Bias
		for d, a := range m.None.A {
			oof.none[i] += a * oof.logits[i][d]
		}
	}
	for r := Plain; r < NumRegisters; r++ {
		t.weigh(r)
		if err := t.calibrate(r, m.part(r), oof); err != nil {
			return fmt.Errorf("fit: %s: %w", r, err)
		}
	}
	return nil
}

// rescale fits the weights of sem, struct and ans for the formal register and
// puts them into its heads, so that one aggregation serves both registers:
// there the heads are taught by whole verdicts and overlap more.
func (t *trainer) rescale(m *Model, oof *folded) error {
	free := [NumDims]bool{Sem: true, Struct: true, Ans: true}
	for d := range free {
		free[d] = free[d] && m.None.A[d] > 0
	}
	t.weigh(Formal)
	offset := make([]float64, len(oof.logits))
	own := false
	for i := range offset {
		own = own || t.obs[i].register == Formal
		for d, a := range m.None.A {
			if !free[d] {
				offset[i] += a * oof.logits[i][d]
			}
		}
	}
	if !own || !free[Sem] {
		return nil
	}
	s, err := fitStack(oof.logits, t.y, t.w, offset, free)
	if err != nil {
		return err
	}
	part := m.part(Formal)
	for d := range free {
		if !free[d] {
			continue
		}
		l, r, shift := &part.Heads[d], s.A[d]/m.None.A[d], 0.0
		if Dim(d) == Sem {
			shift = (s.Bias - m.None.Bias) / m.None.A[d]
		}
		l.Bias = l.Bias*r + shift
		for k := range l.Weights {
			l.Weights[k] *= r
		}
		for i := range oof.heads {
			if t.obs[i].register == Formal {
				oof.heads[i][d] = oof.heads[i][d]*r + shift
				oof.logits[i][d] = logit(math.Max(t.obs[i].hard[d], sigmoid(oof.heads[i][d])))
			}
		}
	}
	return nil
}

// calibrate fits what follows the stack, on rows weighted for one register.
func (t *trainer) calibrate(r Register, p *Part, oof *folded) (err error) {
	if p.Context, err = t.context(oof.none); err != nil {
		return fmt.Errorf("context: %w", err)
	}
	x := make([][]float64, len(oof.none))
	for i := range x {
		x[i] = []float64{oof.none[i] + p.Context.Logit(t.obs[i].f)}
	}
	b, beta, err := newton(x, t.y, t.w, nil, 0)
	if err != nil {
		return fmt.Errorf("calibration: %w", err)
	}
	p.Calibrate = Platt{A: beta[0], B: b}
	p.Tau = t.bestTau(r, oof)
	p.Table = t.table(x, p.Calibrate)
	return nil
}

// consensusStack fits the stack of mode consensus on the rows with peers;
// without any, the answer weighs as much as its prior deserves.
func (t *trainer) consensusStack(logits []Profile, cons []float64, none Stack) (Stack, error) {
	var l []Profile
	var y, w []float64
	for i := range logits {
		if len(t.ex[i].Peers) > 0 {
			p := logits[i]
			p[Ans] = cons[i]
			l, y, w = append(l, p), append(y, t.y[i]), append(w, t.base[i])
		}
	}
	if len(l) < 50 {
		none.A[Ans] = 1
		return none, nil
	}
	return fitStack(l, y, w, nil, [NumDims]bool{true, true, true, true, true, true})
}

// context fits the offset of the question on top of the fixed logit.
func (t *trainer) context(none []float64) (Linear, error) {
	cols := indices(fQLen, numFeatures)
	d := design{y: t.y, w: t.w}
	for i := range t.obs {
		d.x = append(d.x, t.obs[i].f)
	}
	l := standardise(d, cols)
	z := make([][]float64, len(d.x))
	for i := range z {
		z[i] = make([]float64, len(cols))
		for k, c := range cols {
			z[i][k] = clip((d.x[i][c]-l.Mean[k])/l.Dev[k], -6, 6)
		}
	}
	bias, beta, err := newton(z, t.y, t.w, none, .01)
	l.Bias, l.Weights = bias, beta
	return l, err
}

// bestTau maximises the harmonic mean of accuracy on wrong and on right
// solutions, where a wrong one counts when its first error step is found.
// Solutions with planted errors and those of models are two judges, and tau
// lies midway between their choices in logits: right solutions of models look
// worse than references, so that the first alone would set it too low.
func (t *trainer) bestTau(r Register, oof *folded) float64 {
	var judges []tauJudge
	for _, planted := range [...]bool{true, false} {
		var j tauJudge
		for i := range oof.none {
			if t.ex[i].First == Unknown || t.ex[i].DimsKnown != planted || t.obs[i].register != r {
				continue
			}
			w, hit := t.base[i], oof.first[i] == t.ex[i].First
			j.rows = append(j.rows, tauRow{sigmoid(oof.none[i]), w, t.ex[i].Wrong, hit})
			if t.ex[i].Wrong {
				j.wrong += w
			} else {
				j.right += w
			}
		}
		if j.wrong > 0 && j.right > 0 {
			sort.SliceStable(j.rows, func(a, b int) bool { return j.rows[a].w > j.rows[b].w })
			judges = append(judges, j)
		}
	}
	if len(judges) == 0 {
		return .5
	}
	z := 0.0
	for i := range judges {
		t := judges[i].best()
		z += math.Log(t/(1-t)) / float64(len(judges))
	}
	return sigmoid(z)
}

// tauJudge is a labelled set that thresholds are tried on, sorted by
// wrongness from the top.
type tauJudge struct {
	rows         []tauRow
	wrong, right float64
}

type tauRow struct {
	w, weight  float64
	wrong, hit bool
}

// best is the threshold of the highest F1, on a grid of thousandths.
func (j *tauJudge) best() float64 {
	top, tau := -1.0, .5
	for k := 1; k < 1000; k++ {
		at := float64(k) / 1000
		if f := j.f1(at); f > top+1e-12 {
			top, tau = f, at
		}
	}
	return tau
}

func (j *tauJudge) f1(tau float64) float64 {
	var hit, alarm float64
	for _, r := range j.rows {
		if r.w < tau {
			break
		}
		if !r.wrong {
			alarm += r.weight
		} else if r.hit {
			hit += r.weight
		}
	}
	a, b := hit/j.wrong, 1-alarm/j.right
	return 2 * a * b / math.Max(a+b, 1e-12)
}

// table is the out-of-fold calibration in ten equal-width bins.
func (t *trainer) table(x [][]float64, p Platt) []Bin {
	bins := make([]Bin, 10)
	weight := make([]float64, 10)
	for i := range x {
		q := sigmoid(p.A*x[i][0] + p.B)
		k := min(9, int(q*10))
		bins[k].N++
		bins[k].Mean += t.w[i] * q
		bins[k].Rate += t.w[i] * t.y[i]
		weight[k] += t.w[i]
	}
	for k := range bins {
		if weight[k] > 0 {
			bins[k].Mean /= weight[k]
			bins[k].Rate /= weight[k]
		}
	}
	return bins
}

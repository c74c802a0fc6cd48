package verifier

import (
	"math"
	"strings"

	"hardneg/models/verifier/answer"
)

// rulesTau is the wrongness from which the untrained rules claim an error.
const rulesTau = .5

// maxInput bounds what is read of one text; the rest is ignored.
const maxInput = 1 << 20

// Score scores one solution. It is a pure function of the input, the model
// and the mode.
func (v *Verifier) Score(in Input, mode Mode) Score {
	w := v.pool.Get().(*workspace)
	s := v.score(w, &in, mode)
	if len(w.sol.raw)+len(in.Question)+len(in.Reference) < maxKept {
		v.pool.Put(w)
	}
	return s
}

func (v *Verifier) score(w *workspace, in *Input, mode Mode) Score {
	in.Question, in.Solution = cut(in.Question), cut(in.Solution)
	a := &w.sol
	a.run(in)
	w.register = RegisterOf(in.Question)
	out := Score{ID: in.ID, Mode: mode, Answer: a.ans.text, HasAnswer: a.ans.found}
	out.Absurdity = a.absurdity()
	if mode == Consensus {
		a.peers(in.Peers)
	}
	goldWrong := 0.0
	if mode == Gold {
		verdict := w.compare(in, &out)
		if goldWrong = flag(!verdict.Equal); !verdict.Equal {
			a.findStep(CodeWrongAnswer, 1, len(a.steps)-1, "the gold answer is "+verdict.Gold)
		}
	}
	if v.model == nil {
		v.rulesProfile(a, &out, mode)
	} else {
		v.modelProfile(w, &out, mode, goldWrong)
	}
	v.localise(w, &out)
	if mode == Gold {
		out.HardScore = hardScore(&out)
	}
	out.Spans = make([]Span, len(a.steps))
	for i := range a.steps {
		out.Spans[i] = Span{int(a.steps[i].raw.lo), int(a.steps[i].raw.hi)}
	}
	out.Findings = append(make([]Finding, 0, len(a.finds)), a.finds...)
	return out
}

// maxKept is the size of a text from which the work space is given up, so that
// one monster does not hold memory for good.
const maxKept = 1 << 17

func cut(s string) string {
	if len(s) > maxInput {
		return s[:maxInput]
	}
	return s
}

// ruleDims is 1 - prod(1 - severity) per dimension, over all findings or the
// hard ones.
func (a *analysis) ruleDims(from float64) (p Profile) {
	var keep Profile
	for d := range keep {
		keep[d] = 1
	}
	for i := range a.finds {
		if f := &a.finds[i]; f.Severity >= from && f.Code != CodeWrongAnswer {
			keep[f.Dim] *= 1 - f.Severity
		}
	}
	for d := range p {
		p[d] = 1 - keep[d]
	}
	return p
}

// rulesProfile is the cold start: no trained part.
func (v *Verifier) rulesProfile(a *analysis, out *Score, mode Mode) {
	p := a.ruleDims(0)
	none := p[Ans]
	keep := 1.0
	for d := Sem; d < Ans; d++ {
		keep *= 1 - p[d]
	}
	switch mode {
	case Consensus:
		p[Ans] = 1 - (1-p[Ans])*math.Max(a.f[fPeerEqual], .05)
	case Gold:
		p[Ans] = flag(!out.Correct)
	}
	out.Profile = p
	out.WrongnessProc = 1 - keep
	out.WrongnessNone = 1 - keep*(1-none)
	out.PWrong = out.WrongnessNone
	out.Wrongness = 1 - keep*(1-p[Ans])
}

// peers fills the consensus features.
func (a *analysis) peers(peers []string) {
	if len(peers) == 0 {
		return
	}
	type group struct {
		text string
		n    int
	}
	var groups []group
	equal := 0
	for _, p := range peers {
		t := finalText(p)
		if a.ans.found && t != "" && sameAnswer(a.ans.text, t) {
			equal++
		}
		if t == "" {
			continue
		}
		hit := false
		for i := range groups {
			if sameAnswer(groups[i].text, t) {
				groups[i].n++
				hit = true
				break
			}
		}
		if !hit && len(groups) < maxPairs {
			groups = append(groups, group{t, 1})
		}
	}
	top := 0
	for _, g := range groups {
		top = max(top, g.n)
	}
	a.f[fPeerEqual] = float64(equal) / float64(len(peers))
	a.f[fPeerTop] = float64(top) / float64(len(peers))
}

// finalText is the answer of a peer or gold field: the field itself when it is
// short, else what is extracted from it.
func finalText(s string) string {
	if len(s) <= 64 && !strings.Contains(s, "\n") && !strings.Contains(s, "####") && !strings.Contains(s, `\boxed`) {
		return strings.TrimSpace(s)
	}
	t, _, _ := answer.Extract(cut(s), false)
	return t
}

func sameAnswer(x, y string) bool { return x == y || answer.Equal(x, y).Equal }

// localise fills the step scores: the probability that the first error is at
// each step.
func (v *Verifier) localise(w *workspace, out *Score) {
	a := &w.sol
	n := len(a.steps)
	out.FirstErrorStep = -1
	out.StepScores = make([]float64, n)
	if n == 0 {
		return
	}
	if cap(w.hazards) < n {
		w.hazards = make([]float64, n)
	}
	h := w.hazards[:n]
	if v.model == nil {
		a.ruleHazards(h)
	} else {
		v.model.part(w.register).Step.hazards(a, h)
	}
	a.liftHard(h)
	keep, best := 1.0, 0
	for i := range h {
		out.StepScores[i] = keep * h[i]
		keep *= 1 - h[i]
		if out.StepScores[i] > out.StepScores[best] {
			best = i
		}
	}
	if out.WrongnessNone >= v.Tau(w.register) {
		out.FirstErrorStep = best
	}
}

// local reports findings that say where an error is.
func (c Code) local() bool {
	switch c {
	case CodeNotDerived, CodeNotLast, CodeUnused, CodeAskedUnit, CodeNoAnswer, CodeTruncated, CodeNoWork, CodeWrongAnswer, CodeGarbage, CodeLoop:
		return false
	}
	return c.Dim() != Ans
}

// liftHard raises the hazard of steps with hard findings to .9.
func (a *analysis) liftHard(h []float64) {
	for i := range a.finds {
		if f := &a.finds[i]; f.Severity >= hardSeverity && f.Code.local() && f.Step < len(h) {
			h[f.Step] = math.Max(h[f.Step], .9)
		}
	}
}

// ruleHazards is the untrained guess: findings, else the steps that compute.
func (a *analysis) ruleHazards(h []float64) {
	for i := range h {
		h[i] = .05
		if a.steps[i].sc[sEquations] > 0 {
			h[i] = .15
		}
	}
	for i := range a.finds {
		if f := &a.finds[i]; f.Code.local() && f.Step < len(h) {
			h[f.Step] = 1 - (1-h[f.Step])*(1-f.Severity)
		}
	}
}

// compare fills what only gold can tell: correctness, closeness, divergence.
func (w *workspace) compare(in *Input, out *Score) answer.Verdict {
	gold := finalText(in.Gold)
	if gold == "" && in.Reference != "" {
		gold, _, _ = answer.Extract(cut(in.Reference), false)
	}
	verdict := answer.Verdict{Gold: gold}
	if out.HasAnswer && gold != "" {
		verdict = answer.Equal(gold, out.Answer)
	}
	out.Correct, out.Relation = verdict.Equal, verdict.Relation
	cAns := verdict.Closeness
	if verdict.Equal {
		cAns = 1
	}
	w.reference(in.Reference, gold)
	matched := 0
	a := &w.sol
	for _, x := range w.refInter {
		for _, r := range a.results {
			if near(r.val, x) {
				matched++
				break
			}
		}
	}
	cInt := 0.0
	if n := len(w.refInter); n > 0 {
		cInt = (float64(matched) + .5) / float64(n+1)
	}
	out.Closeness = 1 - (1-.7*cAns)*(1-.8*cInt)
	out.Divergence = 1
	for _, r := range a.results {
		key := bucket(r.val)
		if w.refVals.get(key) != nil {
			continue
		}
		if c := a.known.get(key); c != nil && (c.src == fromQuestion || c.src == fromPart || c.src == fromPercent) {
			continue
		}
		out.Divergence = float64(r.step) / float64(len(a.steps))
		break
	}
	return verdict
}

// maxIntermediates bounds the reference values that are compared.
const maxIntermediates = 64

// reference reads the values of the reference solution.
func (w *workspace) reference(text, gold string) {
	key := text + "\x00" + gold
	if w.refReady && w.refText == key {
		return
	}
	w.refText, w.refReady = key, true
	w.refInter = w.refInter[:0]
	w.refVals.clear()
	a := &w.ref
	a.run(&Input{Solution: cut(text)})
	final, ok, _ := a.numeric(gold)
	if ok {
		w.refVals.put(bucket(final), 0, 0, final)
	}
	for _, r := range a.results {
		k := bucket(r.val)
		if w.refVals.get(k) != nil {
			continue
		}
		w.refVals.put(k, 0, 0, r.val)
		if len(w.refInter) < maxIntermediates {
			w.refInter = append(w.refInter, r.val)
		}
	}
}

// hardScore is h = c (1-A)^2 (.5 + .5 phi).
func hardScore(s *Score) float64 {
	keep := 1.0
	for _, d := range [...]Dim{Sem, Order, Logic, Sym} {
		keep *= 1 - s.Profile[d]
	}
	return s.Closeness * (1 - s.Absurdity) * (1 - s.Absurdity) * (.5 + .5*(1-keep))
}

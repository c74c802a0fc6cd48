package verifier

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"hardneg/fixtures/problem"
)

// Example is one labelled solution.
type Example struct {
	Input
	Wrong     bool
	DimsKnown bool // Dims says which dimensions are flawed; else only Wrong is known
	Dims      [NumDims]bool
	First     int     // first wrong step, -1 for none, Unknown when not labelled
	Weight    float64 // 0 counts as 1
	Source    string
}

// Unknown marks a first error step that nobody labelled.
const Unknown = -2

// FitOptions are the choices of a fit.
type FitOptions struct {
	Name  string
	About string
	Ridge float64 // of the heads, per unit of mean loss; 0 means 0.01
	Folds int     // for out-of-fold logits; 0 means 4
	Cross float64 // weight of the other register's rows in the heads; 0 means 0.02
}

// observation is an analysed example.
type observation struct {
	f        []float64
	hard     Profile
	steps    [][]float64
	lift     []bool // steps with a hard finding
	group    uint64
	register Register
}

// Fit fits a model: heads by dimension, the stacks on out-of-fold logits, the
// step head, the calibration and tau. It is a pure function of the examples
// and their order.
func Fit(examples []Example, opt FitOptions) (*Model, error) {
	if len(examples) < 50 {
		return nil, fmt.Errorf("fit: %d labelled solutions, at least 50 are needed", len(examples))
	}
	if opt.Ridge == 0 {
		opt.Ridge = .01
	}
	if opt.Folds == 0 {
		opt.Folds = 4
	}
	if opt.Cross == 0 {
		opt.Cross = .02
	}
	t := &trainer{opt: opt, ex: examples, w: make([]float64, len(examples)), base: make([]float64, len(examples)), y: make([]float64, len(examples))}
	t.observe()
	wrong := 0
	for i := range examples {
		t.base[i] = examples[i].Weight
		if t.base[i] == 0 {
			t.base[i] = 1
		}
		t.y[i] = flag(examples[i].Wrong)
		wrong += int(t.y[i])
	}
	if wrong == 0 || wrong == len(examples) {
		return nil, errors.New("fit: all labels are the same; right and wrong solutions are needed")
	}
	m := new(Model)
	oof := newFolded(len(examples))
	for r := Plain; r < NumRegisters; r++ {
		t.weigh(r)
		all := make([]int, len(examples))
		for i := range all {
			all[i] = i
		}
		p, err := t.heads(all)
		if err != nil {
			return nil, fmt.Errorf("fit: %s: %w", r, err)
		}
		if err := t.outOfFold(r, oof); err != nil {
			return nil, fmt.Errorf("fit: %s: %w", r, err)
		}
		*m.part(r) = *p
	}
	if err := t.stack(m, oof); err != nil {
		return nil, err
	}
	m.Schema, m.Name, m.About, m.Ridge = Schema, opt.Name, opt.About, opt.Ridge
	m.Features, m.StepNames = FeatureNames(), stepFeatureNames()
	t.describe(m)
	m.round()
	return m, nil
}

// weigh sets the rows' weights for one register. Rows of the other one count
// little in the heads, as their manner of writing differs; the step head takes
// all of them, as labelled steps are rare.
func (t *trainer) weigh(r Register) {
	own := 0.0
	mine := func(i int) bool {
		return t.obs[i].register == r && (r == Formal || t.ex[i].DimsKnown)
	}
	for i := range t.ex {
		if mine(i) {
			own += t.base[i]
		}
	}
	for i := range t.ex {
		t.w[i] = t.base[i]
		if own > 0 && !mine(i) {
			t.w[i] *= t.opt.Cross
		}
	}
}

// trainer holds the analysed examples of a fit.
type trainer struct {
	opt  FitOptions
	ex   []Example
	obs  []observation
	y, w []float64
	base []float64 // weights of the examples, before those of the register
}

// observe analyses every example once.
func (t *trainer) observe() {
	var ws workspace
	t.obs = make([]observation, len(t.ex))
	for i := range t.ex {
		in := t.ex[i].Input
		in.Question, in.Solution = cut(in.Question), cut(in.Solution)
		a := &ws.sol
		a.run(&in)
		a.absurdity()
		a.peers(in.Peers)
		o := &t.obs[i]
		o.f = append([]float64(nil), a.f[:]...)
		o.hard = a.ruleDims(hardSeverity)
		a.stepRows(func(_ int, x []float64) { o.steps = append(o.steps, append([]float64(nil), x...)) })
		h := make([]float64, len(a.steps))
		a.liftHard(h)
		o.lift = make([]bool, len(h))
		for k := range h {
			o.lift[k] = h[k] > 0
		}
		o.group, o.register = QuestionKey(in.Question), RegisterOf(in.Question)
	}
}

// QuestionKey is the first half of a question's digest.
func QuestionKey(q string) uint64 {
	k, _ := strconv.ParseUint(problem.Digest(q), 16, 64)
	return k
}

// headRows picks the rows and labels of dimension d among idx. Rows without
// known dimensions teach sem, struct and ans only: an answer label says
// nothing about order, logic and sym. Solutions flawed in another dimension
// are left out, but for ans: a strange answer that follows from a misread
// question is no error of the answer's own.
func (t *trainer) headRows(idx []int, d Dim) design {
	var out design
	for _, i := range idx {
		e := &t.ex[i]
		y := t.y[i]
		switch {
		case e.DimsKnown && e.Wrong && !e.Dims[d] && d != Ans:
			continue // flawed in another way: neither right nor an example of this error
		case e.DimsKnown:
			y = flag(e.Dims[d])
		case d == Order || d == Logic || d == Sym:
			continue
		}
		out.x = append(out.x, t.obs[i].f)
		out.y = append(out.y, y)
		out.w = append(out.w, t.w[i])
	}
	return out
}

// heads fits everything below the stacks on the rows idx.
func (t *trainer) heads(idx []int) (*Part, error) {
	m := new(Part)
	var err error
	for d := Sem; d < NumDims; d++ {
		rows := t.headRows(idx, d)
		if len(rows.x) == 0 {
			rows = t.headRows(idx, Sem) // no row labels this dimension
		}
		if m.Heads[d], err = fitLinear(rows, headColumns(d), t.opt.Ridge); err != nil {
			return nil, fmt.Errorf("fit: dimension %s: %w", d, err)
		}
	}
	cons := design{}
	for _, i := range idx {
		if len(t.ex[i].Peers) > 0 {
			cons.x, cons.y, cons.w = append(cons.x, t.obs[i].f), append(cons.y, t.y[i]), append(cons.w, t.w[i])
		}
	}
	if len(cons.x) >= 50 {
		m.Consensus, err = fitLinear(cons, indices(fAnsMissing, fPeerTop+1), t.opt.Ridge)
	} else {
		m.Consensus = consensusPrior()
	}
	if err != nil {
		return nil, fmt.Errorf("fit: consensus: %w", err)
	}
	m.Step, err = t.stepHead(idx)
	return m, err
}

// consensusPrior is used where no row has peers: agreement alone, about one
// error in ten when all peers agree and nine in ten when none does.
func consensusPrior() Linear {
	return Linear{Features: []int{fPeerEqual}, Bias: 0, Mean: []float64{.5}, Dev: []float64{.5}, Weights: []float64{-2.2}}
}

// plantedSteps is the weight of planted errors in the step head beside those
// that models made: where an error was planted tells little of where they err.
const plantedSteps = .3

// stepHead fits the hazards: all steps of right solutions, those up to the
// first error of wrong ones.
func (t *trainer) stepHead(idx []int) (StepHead, error) {
	var d design
	for _, i := range idx {
		first := t.ex[i].First
		if first == Unknown || t.ex[i].Wrong && first < 0 || first >= len(t.obs[i].steps) {
			continue
		}
		w := t.base[i]
		if t.ex[i].DimsKnown {
			w *= plantedSteps
		}
		for k, x := range t.obs[i].steps {
			if first >= 0 && k > first {
				break
			}
			d.x, d.y, d.w = append(d.x, x), append(d.y, flag(k == first)), append(d.w, w)
		}
	}
	l, err := fitLinear(d, indices(0, numStepFeatures), t.opt.Ridge)
	if err != nil {
		return StepHead{}, fmt.Errorf("fit: step head: %w", err)
	}
	return StepHead{l}, nil
}

// folds gives every example its fold by question.
func (t *trainer) fold(i int) int { return int(mix(t.obs[i].group) % uint64(t.opt.Folds)) }

// describe records the sources and their questions.
func (t *trainer) describe(m *Model) {
	bySource := map[string]*Source{}
	hashes := map[string]interface {
		Write([]byte) (int, error)
		Sum([]byte) []byte
	}{}
	questions := map[uint32]bool{}
	for i := range t.ex {
		e := &t.ex[i]
		s := bySource[e.Source]
		if s == nil {
			s = &Source{Name: e.Source}
			bySource[e.Source] = s
			hashes[e.Source] = sha256.New()
		}
		s.Rows++
		s.Wrong += int(t.y[i])
		fmt.Fprintf(hashes[e.Source], "%q %q %q %v %d\n", e.Question, e.Solution, e.Steps, e.Wrong, e.First)
		if !strings.HasPrefix(e.Source, "synth") {
			questions[uint32(t.obs[i].group>>32)] = true
		}
	}
	for name, s := range bySource {
		s.Digest = hex.EncodeToString(hashes[name].Sum(nil))
		m.Sources = append(m.Sources, *s)
	}
	slices.SortFunc(m.Sources, func(a, b Source) int { return strings.Compare(a.Name, b.Name) })
	for _, q := range slices.Sorted(maps.Keys(questions)) {
		m.Questions = binary.BigEndian.AppendUint32(m.Questions, q)
	}
}

// round keeps seven digits of every number: the file is smaller, and equal on
// machines whose last bits differ.
func (m *Model) round() {
	r := func(x *float64) {
		if *x == 0 {
			return
		}
		p := math.Pow(10, 6-math.Floor(math.Log10(math.Abs(*x))))
		*x = math.Round(*x*p) / p
	}
	for _, s := range []*Stack{&m.None, &m.Proc, &m.Cons} {
		r(&s.Bias)
		for d := range s.A {
			r(&s.A[d])
		}
	}
	for reg := Plain; reg < NumRegisters; reg++ {
		q := m.part(reg)
		for _, l := range q.linears() {
			r(&l.Bias)
			for i := range l.Features {
				r(&l.Mean[i])
				r(&l.Dev[i])
				r(&l.Weights[i])
			}
		}
		for _, x := range []*float64{&q.Calibrate.A, &q.Calibrate.B, &q.Tau} {
			r(x)
		}
		for i := range q.Table {
			r(&q.Table[i].Mean)
			r(&q.Table[i].Rate)
		}
	}
}

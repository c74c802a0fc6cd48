package verifier

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
)

// Schema is the version of the verifier file.
const Schema = 1

// Linear is a logistic regression on standardised features: the logit is
// Bias + sum Weights[i] clip((x[i]-Mean[i])/Dev[i], ±6).
type Linear struct {
	Features []int     `json:"features"` // indices of its inputs
	Bias     float64   `json:"bias"`
	Mean     []float64 `json:"mean"`
	Dev      []float64 `json:"dev"`
	Weights  []float64 `json:"weights"`
}

// Stack is W = sigmoid(Bias + sum A[k] logit(s_k)), A >= 0.
type Stack struct {
	Bias float64          `json:"bias"`
	A    [NumDims]float64 `json:"a"`
}

// Platt is the calibrated logit A x + B of a raw one.
type Platt struct {
	A float64 `json:"a"`
	B float64 `json:"b"`
}

// Source says what a model was fitted on.
type Source struct {
	Name   string `json:"name"`
	Rows   int    `json:"rows"`
	Wrong  int    `json:"wrong"`
	Digest string `json:"digest"` // SHA-256 of the rows
}

// Register is the kind of language that a question is written in. It is read
// off the question alone, so it never orders two solutions of one question.
type Register int

// The registers.
const (
	Plain  Register = iota // words and numerals
	Formal                 // formulas: LaTeX, powers
	NumRegisters
)

// String is the name that the verifier file uses.
func (r Register) String() string { return [...]string{"plain", "formal"}[r] }

// RegisterOf tells the register of a question.
func RegisterOf(question string) Register {
	if strings.ContainsAny(question, "\\^_") || strings.Count(question, "$") >= 2 && !pricey(question) {
		return Formal
	}
	return Plain
}

// Part holds what is fitted for one register.
type Part struct {
	Heads     [NumDims]Linear `json:"heads"`     // by dimension, ans as in mode none
	Consensus Linear          `json:"consensus"` // ans in mode consensus
	Context   Linear          `json:"context"`   // offset of the question, for the calibrated probability
	Calibrate Platt           `json:"calibrate"`
	Tau       float64         `json:"tau"` // wrongness from which an error is claimed
	Step      StepHead        `json:"step"`
	Table     []Bin           `json:"calibration_table"`
}

// Model is the content of a verifier file.
type Model struct {
	Schema    int      `json:"schema"`
	Name      string   `json:"name"`
	About     string   `json:"about"`
	Features  []string `json:"features"`
	StepNames []string `json:"step_features"`
	None      Stack    `json:"stack_none"` // one aggregation for both registers
	Proc      Stack    `json:"stack_proc"`
	Cons      Stack    `json:"stack_consensus"`
	Plain     Part     `json:"plain"`
	Formal    Part     `json:"formal"`
	Ridge     float64  `json:"ridge"`
	Sources   []Source `json:"sources"`
	Questions []byte   `json:"questions,omitempty"` // first 4 bytes of the keys of the fitted questions, sorted; generated ones left out
}

// part is what serves a register.
func (m *Model) part(r Register) *Part {
	if r == Formal {
		return &m.Formal
	}
	return &m.Plain
}

// Saw reports that the model was fitted on solutions of this question. One
// question in a million is taken for a seen one by accident.
func (m *Model) Saw(question string) bool {
	key := uint32(QuestionKey(question) >> 32)
	n := len(m.Questions) / 4
	i := sort.Search(n, func(i int) bool { return binary.BigEndian.Uint32(m.Questions[4*i:]) >= key })
	return i < n && binary.BigEndian.Uint32(m.Questions[4*i:]) == key
}

// Bin is one bin of the calibration table: out-of-fold predictions.
type Bin struct {
	N    int     `json:"n"`
	Mean float64 `json:"mean"`
	Rate float64 `json:"rate"`
}

// goldWeight is the weight of the answer's logit in mode gold, where the
// answer's truth is known and no weight could be fitted.
const goldWeight = 2

// logitClip bounds the logits that are stacked.
const logitClip = 4.6 // probability .99

// Decode reads a verifier file and checks it against this program.
func Decode(b []byte) (*Model, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	m := new(Model)
	if err := dec.Decode(m); err != nil {
		return nil, fmt.Errorf("verifier file: %w", err)
	}
	if m.Schema != Schema {
		return nil, fmt.Errorf("verifier file: schema %d, this program reads %d; fit it again with `hardneg verifier fit`", m.Schema, Schema)
	}
	if !slices.Equal(m.Features, FeatureNames()) || !slices.Equal(m.StepNames, stepFeatureNames()) {
		return nil, fmt.Errorf("verifier file: its features differ from this program's; fit it again with `hardneg verifier fit`")
	}
	for r := Plain; r < NumRegisters; r++ {
		p := m.part(r)
		for i, l := range p.linears() {
			limit := int(numFeatures)
			if i == 0 {
				limit = numStepFeatures
			}
			if err := l.check(limit); err != nil {
				return nil, fmt.Errorf("verifier file: %s: %w", r, err)
			}
		}
	}
	return m, nil
}

// linears lists the regressions, the step head first.
func (p *Part) linears() []*Linear {
	out := []*Linear{&p.Step.Linear, &p.Consensus, &p.Context}
	for i := range p.Heads {
		out = append(out, &p.Heads[i])
	}
	return out
}

// check refuses lengths, indices and values that Logit could not use.
func (l *Linear) check(limit int) error {
	n := len(l.Features)
	if len(l.Mean) != n || len(l.Dev) != n || len(l.Weights) != n {
		return fmt.Errorf("a head with %d features has %d means, %d deviations, %d weights", n, len(l.Mean), len(l.Dev), len(l.Weights))
	}
	for i, f := range l.Features {
		if f < 0 || f >= limit || !(l.Dev[i] > 0) {
			return fmt.Errorf("a head's feature %d: index %d of %d, deviation %g", i, f, limit, l.Dev[i])
		}
	}
	return nil
}

// Encode writes a verifier file.
func (m *Model) Encode() ([]byte, error) {
	b, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

// Logit applies the head to a feature vector.
func (l *Linear) Logit(x []float64) float64 {
	z := l.Bias
	for i, f := range l.Features {
		z += l.Weights[i] * clip((x[f]-l.Mean[i])/l.Dev[i], -6, 6)
	}
	return z
}

func sigmoid(z float64) float64 { return 1 / (1 + math.Exp(-z)) }

// logit of a probability, clipped.
func logit(p float64) float64 {
	switch {
	case p <= .01:
		return -logitClip
	case p >= .99:
		return logitClip
	}
	return math.Log(p / (1 - p))
}

func (s *Stack) logit(p *Profile) float64 {
	z := s.Bias
	for k, a := range s.A {
		if a != 0 {
			z += a * logit(p[k])
		}
	}
	return z
}

// dims applies the heads: s_k = max(sigmoid(head), hard findings).
func (m *Part) dims(a *analysis, f []float64) Profile {
	p := a.ruleDims(hardSeverity)
	for d := range p {
		p[d] = math.Max(p[d], sigmoid(m.Heads[d].Logit(f)))
	}
	return p
}

// modelProfile applies the trained heads.
func (v *Verifier) modelProfile(w *workspace, out *Score, mode Mode, goldWrong float64) {
	m, part, f := v.model, v.model.part(w.register), w.sol.f[:]
	p := part.dims(&w.sol, f)
	out.WrongnessProc = sigmoid(m.Proc.logit(&p))
	none := m.None.logit(&p)
	out.WrongnessNone = sigmoid(none)
	out.PWrong = sigmoid(part.Calibrate.A*(none+part.Context.Logit(f)) + part.Calibrate.B)
	switch mode {
	case None:
		out.Wrongness = out.WrongnessNone
	case Consensus:
		p[Ans] = math.Max(w.sol.ruleDims(hardSeverity)[Ans], sigmoid(part.Consensus.Logit(f)))
		out.Wrongness = sigmoid(m.Cons.logit(&p))
	case Gold:
		p[Ans] = goldWrong
		s := m.None
		s.A[Ans] = goldWeight
		out.Wrongness = sigmoid(s.logit(&p))
	}
	out.Profile = p
}

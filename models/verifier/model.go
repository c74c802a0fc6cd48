package verifier

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
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

// Model is the content of a verifier file.
type Model struct {
	Schema    int             `json:"schema"`
	Name      string          `json:"name"`
	About     string          `json:"about"`
	Features  []string        `json:"features"`
	StepNames []string        `json:"step_features"`
	Heads     [NumDims]Linear `json:"heads"`     // by dimension, ans as in mode none
	Consensus Linear          `json:"consensus"` // ans in mode consensus
	None      Stack           `json:"stack_none"`
	Proc      Stack           `json:"stack_proc"`
	Cons      Stack           `json:"stack_consensus"`
	Context   Linear          `json:"context"` // offset of the question, for the calibrated probability
	Calibrate Platt           `json:"calibrate"`
	Tau       float64         `json:"tau"`
	Step      StepHead        `json:"step"`
	Ridge     float64         `json:"ridge"`
	Sources   []Source        `json:"sources"`
	Questions []string        `json:"questions,omitempty"` // first 8 hex digits of the digests of the fitted questions, sorted
	Table     []Bin           `json:"calibration_table"`
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
	all := append([]*Linear{&m.Consensus, &m.Context, &m.Step.Linear}, heads(m)...)
	for i, l := range all {
		limit := int(numFeatures)
		if i == 2 {
			limit = numStepFeatures
		}
		if err := l.check(limit); err != nil {
			return nil, fmt.Errorf("verifier file: %w", err)
		}
	}
	return m, nil
}

func heads(m *Model) []*Linear {
	var out []*Linear
	for i := range m.Heads {
		out = append(out, &m.Heads[i])
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
func (m *Model) dims(a *analysis, f []float64) Profile {
	p := a.ruleDims(hardSeverity)
	for d := range p {
		p[d] = math.Max(p[d], sigmoid(m.Heads[d].Logit(f)))
	}
	return p
}

// modelProfile applies the trained heads.
func (v *Verifier) modelProfile(w *workspace, out *Score, mode Mode, goldWrong float64) {
	m, f := v.model, w.sol.f[:]
	p := m.dims(&w.sol, f)
	out.WrongnessProc = sigmoid(m.Proc.logit(&p))
	none := m.None.logit(&p)
	out.WrongnessNone = sigmoid(none)
	out.PWrong = sigmoid(m.Calibrate.A*(none+m.Context.Logit(f)) + m.Calibrate.B)
	switch mode {
	case None:
		out.Wrongness = out.WrongnessNone
	case Consensus:
		p[Ans] = math.Max(w.sol.ruleDims(hardSeverity)[Ans], sigmoid(m.Consensus.Logit(f)))
		out.Wrongness = sigmoid(m.Cons.logit(&p))
	case Gold:
		p[Ans] = goldWrong
		s := m.None
		s.A[Ans] = goldWeight
		out.Wrongness = sigmoid(s.logit(&p))
	}
	out.Profile = p
}

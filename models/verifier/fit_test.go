package verifier

import (
	"bytes"
	"math"
	"testing"
)

// The fitted regression is a stationary point, and recovers known weights.
func TestNewton(t *testing.T) {
	truth := []float64{1.5, -2, .5}
	var d design
	r := uint64(1)
	uniform := func() float64 { r = mix(r + 0x9E3779B97F4A7C15); return float64(r>>11) / (1 << 53) }
	for range 20000 {
		x := []float64{2*uniform() - 1, 2*uniform() - 1}
		z := truth[0]*x[0] + truth[1]*x[1] + truth[2]
		d.x, d.y, d.w = append(d.x, x), append(d.y, flag(uniform() < sigmoid(z))), append(d.w, 1)
	}
	bias, beta, err := newton(d.x, d.y, d.w, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for k, got := range append(beta, bias) {
		if math.Abs(got-truth[k]) > .12 {
			t.Errorf("weight %d is %.3f, want about %.1f", k, got, truth[k])
		}
	}
	g, _ := derivatives(d.x, d.y, d.w, nil, append(append([]float64(nil), beta...), bias), 0, float64(len(d.x)))
	for k, v := range g {
		if math.Abs(v) > 1e-7 {
			t.Errorf("gradient %d is %g at the optimum", k, v)
		}
	}
}

// A dimension whose weight would be negative gets none.
func TestStackIsNonNegative(t *testing.T) {
	var l []Profile
	var y, w []float64
	for i := range 400 {
		u := float64(i%20) / 10
		l = append(l, Profile{Sem: u, Sym: 2 - u})
		y, w = append(y, flag(i%20 > 9 == (i%7 > 0))), append(w, 1)
	}
	s, err := fitStack(l, y, w, nil, [NumDims]bool{Sem: true, Sym: true})
	if err != nil {
		t.Fatal(err)
	}
	if s.A[Sem] <= 0 || s.A[Sym] != 0 {
		t.Errorf("weights %v", s.A)
	}
}

// Fit is a pure function, its file reads back, and what it learned separates
// right from wrong on questions that it has not seen.
func TestFitOnSynthetic(t *testing.T) {
	ex, err := Synthetic(40, 1)
	if err != nil {
		t.Fatal(err)
	}
	var files [2][]byte
	var m *Model
	for i := range files {
		if m, err = Fit(ex, FitOptions{Name: "t"}); err != nil {
			t.Fatal(err)
		}
		if files[i], err = m.Encode(); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("two fits on the same examples differ")
	}
	if len(files[0]) > 64<<10 {
		t.Errorf("the file has %d bytes", len(files[0]))
	}
	back, err := Decode(files[0])
	if err != nil {
		t.Fatal(err)
	}
	test, err := Synthetic(40, 2)
	if err != nil {
		t.Fatal(err)
	}
	v := New(back)
	var right, wrong []float64
	for _, e := range test {
		w := v.Score(e.Input, None).WrongnessNone
		if e.Wrong {
			wrong = append(wrong, w)
		} else {
			right = append(right, w)
		}
	}
	above := 0.0
	for _, x := range wrong {
		for _, y := range right {
			above += flag(x > y) + .5*flag(x == y)
		}
	}
	if auc := above / float64(len(wrong)*len(right)); auc < .85 {
		t.Errorf("AUROC %.3f on generated solutions", auc)
	}
}

func TestDecodeRefuses(t *testing.T) {
	good, err := Decode(builtin)
	if err != nil {
		t.Fatal(err)
	}
	if len(good.Sources) == 0 || good.Plain.Tau <= 0 || good.Plain.Tau >= 1 {
		t.Errorf("builtin: sources %v, tau %v", good.Sources, good.Plain.Tau)
	}
	for name, spoil := range map[string]func(m *Model){
		"schema":   func(m *Model) { m.Schema++ },
		"features": func(m *Model) { m.Features = m.Features[1:] },
		"index":    func(m *Model) { m.Plain.Heads[0].Features[0] = 10000 },
		"length":   func(m *Model) { m.Formal.Step.Weights = nil },
		"spread":   func(m *Model) { m.Plain.Heads[1].Dev[0] = 0 },
	} {
		m, err := Decode(builtin)
		if err != nil {
			t.Fatal(err)
		}
		spoil(m)
		b, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(b); err == nil {
			t.Errorf("a file with a wrong %s is read", name)
		}
	}
	if _, err := Decode([]byte(`{"schema":1,"surprise":2}`)); err == nil {
		t.Error("an unknown field is read")
	}
}

func TestSaw(t *testing.T) {
	ex, err := Synthetic(12, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range ex {
		ex[i].Source = "people"
	}
	m, err := Fit(ex, FitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !m.Saw(ex[0].Question) || !m.Saw(ex[len(ex)-1].Question) || m.Saw("Who has seen the wind?") {
		t.Error("fitted questions are not told from others")
	}
}

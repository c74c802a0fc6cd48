package expr

import (
	"math"
	"math/rand/v2"
	"testing"
)

// lex cuts a plain expression into tokens, for tests.
func lex(s string) (out []Token) {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			v := 0.0
			for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
				v = v*10 + float64(s[i]-'0')
			}
			i--
			out = append(out, Token{Kind: Number, Val: v})
		case c == 'r':
			out = append(out, Token{Kind: Function, Op: c})
		case c >= 'a' && c <= 'z':
			out = append(out, Token{Kind: Variable, Op: c})
		default:
			out = append(out, Token{Kind: Operator, Op: c})
		}
	}
	return out
}

func TestEval(t *testing.T) {
	for _, c := range []struct {
		in   string
		want float64
	}{
		{"2+3*4", 14}, {"(2+3)*4", 20}, {"2^3^2", 512}, {"-2^2", -4}, {"8/4/2", 1}, {"8-4-2", 2}, {"3(4)", 12}, {"(1+1)(2+2)", 8},
		{"50%*40", 20}, {"4!", 24}, {"r(9)+1", 4}, {"--3", 3}, {"2*-3", -6}, {"2x", 10}, {"x^2-1", 24}, {"3xx", 75},
	} {
		var p Program
		if err := p.Compile(lex(c.in)); err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if v, ok := p.Eval(func(byte) float64 { return 5 }); !ok || v != c.want {
			t.Errorf("%s = %v %v, want %v", c.in, v, ok, c.want)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, s := range []string{"", "2+", "(2", "2)", "*2", "2 3", "()", "r2", "2+*3"} {
		var p Program
		if p.Compile(lex(s)) == nil {
			t.Errorf("%q compiles", s)
		}
	}
	for _, s := range []string{"1/0", "2/(3-3)", "r(0-4)", "171!", "9^9^9^9", "(0-8)^(1/3)"} {
		var p Program
		if err := p.Compile(lex(s)); err != nil {
			t.Errorf("%q: %v", s, err)
		} else if v, ok := p.Eval(nil); ok {
			t.Errorf("%q = %v", s, v)
		}
	}
}

// Float and exact evaluation agree on random expressions.
func TestRatAgrees(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var gen func(depth int) string
	gen = func(depth int) string {
		if depth == 0 || r.IntN(4) == 0 {
			return string(rune('1' + r.IntN(9)))
		}
		s := gen(depth-1) + string("+-*/"[r.IntN(4)]) + gen(depth-1)
		if r.IntN(2) == 0 {
			s = "(" + s + ")"
		}
		return s
	}
	for range 2000 {
		s := gen(4)
		var p Program
		if err := p.Compile(lex(s)); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		v, ok := p.Eval(nil)
		q, exact := p.Rat()
		if !exact {
			if ok && !p.ByZero && math.Abs(v) < 1e12 {
				t.Errorf("%s = %v, but not exactly", s, v)
			}
			continue
		}
		w, _ := q.Float64()
		if !ok || math.Abs(v-w) > 1e-9*math.Max(1, math.Abs(w)) {
			t.Errorf("%s = %v %v, exactly %v", s, v, ok, w)
		}
	}
}

func FuzzCompile(f *testing.F) {
	f.Add("2+3*4^(1/2)%!")
	f.Add("((((((x))))))r(2)")
	f.Fuzz(func(t *testing.T, s string) {
		var p Program
		if p.Compile(lex(s)) != nil {
			return
		}
		if v, ok := p.Eval(func(byte) float64 { return 2 }); ok && (math.IsNaN(v) || math.IsInf(v, 0)) {
			t.Errorf("%q = %v", s, v)
		}
		p.Rat()
	})
}

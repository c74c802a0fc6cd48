package answer

import (
	"sort"
	"strconv"
	"strings"
)

// surd is an element of Q(i, √m1, …, √mr): a rational plus rational multiples
// of √m and i√m for distinct square-free m. These are linearly independent
// over Q, so two surds are equal exactly when their terms are.
type surd struct {
	r num
	t []term // sorted by key, no zero coefficients
}

// term is c·√m, or c·i·√m when im is set; m > 0 is square-free.
type term struct {
	m  int64
	im bool
	c  num
}

// maxTerms bounds a surd: four independent roots give sixteen products.
const maxTerms = 16

func (s surd) ok() bool       { return s.r.ok() }
func (s surd) rational() bool { return len(s.t) == 0 }

func rationalSurd(n num) surd { return surd{r: n} }

func imaginaryUnit() surd {
	return surd{r: integer(0), t: []term{{m: 1, im: true, c: integer(1)}}}
}

func (a term) before(b term) bool { return a.m < b.m || a.m == b.m && !a.im && b.im }

func (c *calc) addSurd(a, b surd) surd {
	out := surd{r: c.add(a.r, b.r)}
	if len(a.t)+len(b.t) == 0 {
		return out
	}
	if !c.spend(100 * (len(a.t) + len(b.t))) {
		return surd{}
	}
	out.t = append(append(make([]term, 0, len(a.t)+len(b.t)), a.t...), b.t...)
	return c.collect(out)
}

// collect sorts, merges and drops zero terms.
func (c *calc) collect(s surd) surd {
	sort.Slice(s.t, func(i, j int) bool { return s.t[i].before(s.t[j]) })
	k := 0
	for _, t := range s.t {
		if k > 0 && s.t[k-1].m == t.m && s.t[k-1].im == t.im {
			s.t[k-1].c = c.add(s.t[k-1].c, t.c)
			continue
		}
		s.t[k] = t
		k++
	}
	out := s.t[:0]
	for _, t := range s.t[:k] {
		if !t.c.ok() {
			return surd{}
		}
		if t.c.sign() != 0 {
			out = append(out, t)
		}
	}
	s.t = out
	if len(s.t) > maxTerms {
		return surd{}
	}
	return s
}

func (c *calc) scaleSurd(a surd, f num) surd {
	if f.ok() && f.sign() == 0 {
		return rationalSurd(f)
	}
	out := surd{r: c.mul(a.r, f)}
	for _, t := range a.t {
		t.c = c.mul(t.c, f)
		if !t.c.ok() {
			return surd{}
		}
		out.t = append(out.t, t)
	}
	return out
}

func (c *calc) mulSurd(a, b surd) surd {
	if !a.ok() || !b.ok() {
		return surd{}
	}
	if a.rational() {
		return c.scaleSurd(b, a.r)
	}
	if b.rational() {
		return c.scaleSurd(a, b.r)
	}
	if !c.spend(100 * (len(a.t) + 1) * (len(b.t) + 1)) {
		return surd{}
	}
	out := surd{r: c.mul(a.r, b.r)}
	add := func(t term, f num) {
		if f.sign() != 0 {
			t.c = c.mul(t.c, f)
			out.t = append(out.t, t)
		}
	}
	for _, t := range a.t {
		add(t, b.r)
	}
	for _, t := range b.t {
		add(t, a.r)
	}
	for _, x := range a.t {
		for _, y := range b.t {
			g := gcd(x.m, y.m)
			if (x.m / g) > (1<<40)/(y.m/g) {
				return surd{}
			}
			f := c.mul(c.mul(x.c, y.c), integer(g))
			if x.im && y.im {
				f = f.neg()
			}
			t := term{m: (x.m / g) * (y.m / g), im: x.im != y.im, c: f}
			if t.m == 1 && !t.im {
				out.r = c.add(out.r, f)
			} else {
				out.t = append(out.t, t)
			}
		}
	}
	return c.collect(out)
}

// invSurd multiplies by conjugates until the denominator is rational: each
// round removes one prime (or i) from the field.
func (c *calc) invSurd(a surd) surd {
	out := rationalSurd(integer(1))
	for round := 0; round < 6 && !a.rational(); round++ {
		last := a.t[len(a.t)-1]
		var p int64 // 0: conjugate i
		if !last.im || last.m > 1 {
			p = primeFactor(last.m)
		}
		conj := surd{r: a.r}
		for _, t := range a.t {
			if p == 0 && t.im || p > 0 && t.m%p == 0 {
				t.c = t.c.neg()
			}
			conj.t = append(conj.t, t)
		}
		out, a = c.mulSurd(out, conj), c.mulSurd(a, conj)
		if !out.ok() || !a.ok() {
			return surd{}
		}
	}
	if !a.rational() {
		return surd{}
	}
	return c.scaleSurd(out, a.r.inv())
}

// primeFactor is the smallest prime factor of m > 1 by trial division up to
// 10^4; what is left above that is prime for m ≤ 10^8 and taken as one.
func primeFactor(m int64) int64 {
	for p := int64(2); p*p <= m && p < 10000; p++ {
		if m%p == 0 {
			return p
		}
	}
	return m
}

// sqrtSurd is the principal square root of a rational, i√|a| when negative.
func (c *calc) sqrtSurd(a num) (surd, bool) {
	if !a.ok() {
		return surd{}, false
	}
	im := a.sign() < 0
	a = a.abs()
	if r, ok := c.root(a, 2); ok {
		if im {
			return c.scaleSurd(imaginaryUnit(), r), true
		}
		return rationalSurd(r), true
	}
	if a.b != nil || a.n > 1<<40/a.d { // √(n/d) = √(nd)/d
		return surd{}, false
	}
	out, m := squareFree(a.n * a.d)
	f := ratio(out, a.d)
	return surd{r: integer(0), t: []term{{m: m, im: im, c: f}}}, true
}

// squareFree splits n ≤ 2^40 as out²·m with m square-free. After trial
// division up to 10^4 the rest has at most three prime factors above that, so
// only a perfect square could remain hidden for n < 10^12.
func squareFree(n int64) (out, m int64) {
	out, m = 1, 1
	for p := int64(2); p < 10000 && p*p <= n; p++ {
		for n%(p*p) == 0 {
			n /= p * p
			out *= p
		}
		if n%p == 0 {
			n /= p
			m *= p
		}
	}
	if r, ok := intRoot(bigInt(n), 2); ok && n > 1 {
		return out * r.Int64(), m
	}
	return out, m * n
}

func (a surd) equal(b surd) bool {
	if !a.r.equal(b.r) || len(a.t) != len(b.t) {
		return false
	}
	for i, t := range a.t {
		u := b.t[i]
		if t.m != u.m || t.im != u.im || !t.c.equal(u.c) {
			return false
		}
	}
	return true
}

func (a surd) String() string {
	if a.rational() {
		return a.r.String()
	}
	var b strings.Builder
	if a.r.sign() != 0 {
		b.WriteString(a.r.String())
	}
	for _, t := range a.t {
		co := t.c.abs().String()
		switch {
		case t.c.sign() < 0:
			b.WriteByte('-')
		case b.Len() > 0:
			b.WriteByte('+')
		}
		root := ""
		if t.im {
			root = "i"
		}
		if t.m > 1 {
			if root != "" {
				root += "*"
			}
			root += "sqrt(" + strconv.FormatInt(t.m, 10) + ")"
		}
		if co != "1" {
			b.WriteString(co + "*")
		}
		b.WriteString(root)
	}
	return b.String()
}

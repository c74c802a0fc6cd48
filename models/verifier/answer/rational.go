package answer

import (
	"math"
	"math/big"
	"math/bits"
	"strconv"
)

// maxBits bounds numerators and denominators; 10^10000 fits.
const maxBits = 40000

// num is an exact rational n/d in lowest terms with d > 0, in machine words
// while it fits and in b otherwise. The zero value is "refused": a number that
// is undefined or would be too large; every operation on it is refused too.
type num struct {
	n, d int64
	b    *big.Rat
}

// calc carries the work budget of one comparison, in machine-word operations,
// so that a short text cannot ask for unbounded arithmetic.
type calc struct{ left int }

// newCalc allows about ten milliseconds of big arithmetic.
func newCalc() *calc { return &calc{left: 5_000_000} }

// spend takes n from the budget and says whether anything is left.
func (c *calc) spend(n int) bool {
	c.left -= n
	return c.left > 0
}

func integer(n int64) num { return num{n: n, d: 1} }

func (a num) ok() bool { return a.d != 0 || a.b != nil }

func (a num) small() bool {
	return a.b == nil && a.n > -1<<31 && a.n < 1<<31 && a.d < 1<<31
}

// ratio is n/d for small n, d; refused when d is zero.
func ratio(n, d int64) num {
	if d == 0 {
		return num{}
	}
	if d < 0 {
		n, d = -n, -d
	}
	if g := gcd(n, d); g > 1 {
		n, d = n/g, d/g
	}
	return num{n: n, d: d}
}

func gcd(a, b int64) int64 {
	if a < 0 {
		a = -a
	}
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// rat gives the big form.
func (a num) rat() *big.Rat {
	if a.b != nil {
		return a.b
	}
	return big.NewRat(a.n, a.d)
}

// fromRat takes ownership of r; refused when it is too large.
func fromRat(r *big.Rat) num {
	if r.Num().IsInt64() && r.Denom().IsInt64() && r.Num().Int64() != math.MinInt64 {
		return num{n: r.Num().Int64(), d: r.Denom().Int64()}
	}
	if r.Num().BitLen() > maxBits || r.Denom().BitLen() > maxBits {
		return num{}
	}
	return num{b: r}
}

// words is the length of the longer half of a, in machine words.
func (a num) words() int {
	if a.b == nil {
		return 1
	}
	return max(len(a.b.Num().Bits()), len(a.b.Denom().Bits()))
}

func (c *calc) add(a, b num) num {
	if !a.ok() || !b.ok() {
		return num{}
	}
	if a.small() && b.small() {
		return ratio(a.n*b.d+b.n*a.d, a.d*b.d)
	}
	w := a.words() + b.words()
	if !c.spend(16 + w*w) {
		return num{}
	}
	return fromRat(new(big.Rat).Add(a.rat(), b.rat()))
}

func (c *calc) mul(a, b num) num {
	if !a.ok() || !b.ok() {
		return num{}
	}
	if a.small() && b.small() {
		return ratio(a.n*b.n, a.d*b.d)
	}
	w := a.words() + b.words()
	if !c.spend(16 + w*w) {
		return num{}
	}
	return fromRat(new(big.Rat).Mul(a.rat(), b.rat()))
}

func (a num) neg() num {
	switch {
	case !a.ok():
		return a
	case a.b != nil:
		return fromRat(new(big.Rat).Neg(a.b))
	}
	return num{n: -a.n, d: a.d}
}

func (a num) inv() num {
	switch {
	case !a.ok() || a.sign() == 0:
		return num{}
	case a.b != nil:
		return fromRat(new(big.Rat).Inv(a.b))
	case a.n < 0:
		return num{n: -a.d, d: -a.n}
	}
	return num{n: a.d, d: a.n}
}

func (c *calc) sub(a, b num) num { return c.add(a, b.neg()) }
func (c *calc) div(a, b num) num { return c.mul(a, b.inv()) }

func (a num) sign() int {
	if a.b != nil {
		return a.b.Sign()
	}
	switch {
	case a.n > 0:
		return 1
	case a.n < 0:
		return -1
	}
	return 0
}

// cmp orders two numbers that are not refused.
func (a num) cmp(b num) int {
	if a.b == nil && b.b == nil {
		if a.d == b.d {
			switch {
			case a.n < b.n:
				return -1
			case a.n > b.n:
				return 1
			}
			return 0
		}
		if a.small() && b.small() {
			return integer(a.n*b.d - b.n*a.d).sign()
		}
	}
	return a.rat().Cmp(b.rat())
}

func (a num) equal(b num) bool {
	if a.b == nil && b.b == nil {
		return a.n == b.n && a.d == b.d
	}
	return a.b != nil && b.b != nil && a.b.Cmp(b.b) == 0
}

func (a num) isInt() bool {
	if a.b != nil {
		return a.b.IsInt()
	}
	return a.d == 1
}

// int64 returns the value when it is an integer in machine range.
func (a num) int64() (int64, bool) { return a.n, a.b == nil && a.d == 1 }

func (a num) float() float64 {
	switch {
	case !a.ok():
		return math.NaN()
	case a.b != nil:
		f, _ := a.b.Float64()
		return f
	}
	return float64(a.n) / float64(a.d)
}

func (a num) abs() num {
	if a.ok() && a.sign() < 0 {
		return a.neg()
	}
	return a
}

func (a num) String() string {
	if !a.ok() {
		return "?"
	}
	if a.b == nil {
		s := strconv.FormatInt(a.n, 10)
		if a.d != 1 {
			s += "/" + strconv.FormatInt(a.d, 10)
		}
		return s
	}
	return a.rat().RatString()
}

// pow is a^e for an integer e; exponents above 10^4 are refused unless a is
// 0, 1 or -1.
func (c *calc) pow(a num, e int64) num {
	if !a.ok() {
		return a
	}
	if e < 0 {
		return c.pow(a.inv(), -e)
	}
	if a.isInt() && a.words() == 1 && a.b == nil && a.n >= -1 && a.n <= 1 {
		if a.n == -1 && e%2 == 0 || e == 0 {
			return integer(1)
		}
		return a
	}
	if e > 10000 {
		return num{}
	}
	r := a.rat()
	if bl := max(r.Num().BitLen(), r.Denom().BitLen()); int64(bl-1)*e > maxBits {
		return num{}
	}
	out := integer(1)
	for i := bits.Len64(uint64(e)) - 1; i >= 0; i-- {
		out = c.mul(out, out)
		if e>>uint(i)&1 == 1 {
			out = c.mul(out, a)
		}
	}
	return out
}

// root is the exact k-th root of a ≥ 0, when it is rational.
func (c *calc) root(a num, k int64) (num, bool) {
	if !a.ok() || a.sign() < 0 || k < 1 || k > 64 || !c.spend(64*a.words()*a.words()) {
		return num{}, false
	}
	r := a.rat()
	n, ok1 := intRoot(r.Num(), k)
	d, ok2 := intRoot(r.Denom(), k)
	if !ok1 || !ok2 {
		return num{}, false
	}
	return fromRat(new(big.Rat).SetFrac(n, d)), true
}

// intRoot is the exact k-th root of n ≥ 0, by Newton's iteration from above.
func intRoot(n *big.Int, k int64) (*big.Int, bool) {
	if n.BitLen() > 4096 {
		return nil, false
	}
	if n.Sign() == 0 || k == 1 {
		return n, true
	}
	bk, k1 := big.NewInt(k), big.NewInt(k-1)
	x := new(big.Int).Lsh(big.NewInt(1), uint(int64(n.BitLen())/k)+1)
	if k == 2 {
		x.Sqrt(n)
	} else {
		for {
			y := new(big.Int).Exp(x, k1, nil)
			y.Div(n, y).Add(y, new(big.Int).Mul(k1, x)).Div(y, bk)
			if y.Cmp(x) >= 0 {
				break
			}
			x = y
		}
	}
	return x, new(big.Int).Exp(x, bk, nil).Cmp(n) == 0
}

func ratInt(n *big.Int) *big.Rat { return new(big.Rat).SetInt(n) }

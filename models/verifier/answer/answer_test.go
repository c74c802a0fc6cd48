package answer

import (
	"fmt"
	"testing"
)

// TestExtract has one row per rule and per trap of the rules.
func TestExtract(t *testing.T) {
	for _, c := range []struct{ in, want, rule string }{
		{"so $24 \\times 2 = 48$.\nThe answer is $\\boxed{\\frac{1}{2}}$.", `\frac{1}{2}`, RuleBoxed},
		{"guess $\\boxed{36}$, but no. It is $\\boxed{{38 \\over 17}}$.", `{38 \over 17}`, RuleBoxed},
		{"$x=\\boxed{1}$ and $x=\\boxed{2}$.", "1, 2", RuleBoxed},
		{"<think>Maybe \\boxed{9}? No.</think>\nThe final answer is \\boxed{12}.", "12", RuleBoxed},
		{"The result is \\boxed{\\frac{3}{34}. I hope it helps", `\frac{3}{34}`, RuleBoxed},
		{"so $a = -\\boxed{256}$.", "-(256)", RuleBoxed},
		{"{\"reasoning\": \"5 + 6\", \"answer\": \"11\"}", "11", RulePhrase},
		{"48 + 24 = <<48+24=72>>72\n#### 72", "72", RuleHash},
		{"#### Step 2\nso 5 + 6 = 11.\nThe answer is 11.", "11", RulePhrase},
		{"Adding we get 4.\n#### 1,234.50 This completes the solution.", "1,234.50", RuleHash},
		{"Final Answer: The final answer is $b \\cdot 5a$. I hope it is correct.", `b \cdot 5a`, RulePhrase},
		{"We add. The answer is: \\frac{33}{13}", `\frac{33}{13}`, RulePhrase},
		{"x\n\n**Answer:** -346.00 This completes the solution.", "-346.00", RulePhrase},
		{"x\n\n**Answer:** $\\$25.00$", `\$25.00`, RulePhrase},
		{"Answer: 5:15 p.m. I hope this helps!", "5:15 p.m", RulePhrase},
		{"The answer is $18 \\text{ cm}$.", `18 \text{ cm}`, RulePhrase},
		{"The answer to the question is 17 apples.", "17 apples", RulePhrase},
		{"Blah.\nA: 42", "42", RulePhrase},
		{"It follows that $x = 3$ and we are done", "x = 3", RuleMath},
		{"He has 12 apples and 1,250.5 pears left", "1,250.5", RuleNumber},
		{"It fell by -3/4 in all", "-3/4", RuleNumber},
		{"between $5 and $6 she paid 40%", "40%", RuleNumber},
	} {
		got, rule, ok := Extract(c.in, false)
		if !ok || got != c.want || rule != c.rule {
			t.Errorf("Extract(%q) = %q, %q, %v; want %q, %q", c.in, got, rule, ok, c.want, c.rule)
		}
	}
	if got, rule, ok := Extract("it is 5", true); ok {
		t.Errorf("strict Extract found %q by %q in a text without an answer mark", got, rule)
	}
}

// TestEqual has the conventions of the definition, one block for each.
func TestEqual(t *testing.T) {
	for _, c := range []struct {
		gold, candidate string
		want            bool
		method          string // checked when given
	}{
		// 1 exact numbers; a decimal of four places rounds
		{"18", "18", true, "string"}, {"70000", "40,000", false, ""}, {"70000", "$70,000.00", true, "rational"},
		{"1/3", "0.333333", true, ""}, {"1/3", "0.33", false, ""}, {"1/3", "0.3334", false, ""}, {"0.333", "0.3333", false, ""},
		{`0.\overline{3}`, `\frac13`, true, ""}, {`0.1\overline{6}`, "1/6", true, ""}, {`\sqrt{2}`, "1.4142", true, "surd"}, {`\pi`, "3.14", false, ""},
		// 2 percent
		{`50\%`, "0.5", true, ""}, {`50\%`, "50", true, ""}, {`50\%`, "5", false, ""}, {"0.5", "50%", true, ""}, {`5\%`, `5.0\%`, true, ""},
		// 3 units
		{"12", `12 \text{ cm}`, true, ""}, {`12 \text{ cm}`, "12 m", false, ""}, {`1 \text{ m}`, "100 cm", true, ""}, {"5 m^2", "50000 square cm", true, ""},
		{"3 red apples", "3 apples", true, ""}, {"3 apples", "3 oranges", false, ""}, {"2 hours", "120 minutes", true, ""}, {`45^\circ`, "45", true, ""},
		{"$6", "600 cents", true, ""}, {"$6", "€6", false, ""}, {"60 mph", "60 miles per hour", true, ""},
		// 4 assignments and equations
		{"5", "x = 5", true, ""}, {"x=5", "5", true, ""}, {"x=5", "y=5", false, ""}, {"y = 2x - 1", "4x - 2y = 2", true, "relation"}, {"x^2+y^2=1", "2x^2 = 2-2y^2", true, "relation"},
		{"46", "y = 42 + 4 = 46", true, ""}, {"f(x) = x^2", "x^2", true, ""}, {"60 = z", "60", true, ""}, {"x^2=1", "x^2=2", false, ""},
		// 5 collections
		{`\{1,2,3\}`, "3, 2, 1", true, "set"}, {`\{1,2\}`, `\{1,2,2\}`, true, ""}, {"(1,2)", "(2,1)", false, "tuple"}, {"1,2", "2 and 1", true, ""},
		{`\begin{pmatrix}1\\2\end{pmatrix}`, `\begin{bmatrix}1\\2\end{bmatrix}`, true, "matrix"}, {`\begin{pmatrix}1\\2\end{pmatrix}`, `\begin{pmatrix}1&2\end{pmatrix}`, false, "matrix"},
		{"(1,2)", "(1,2]", false, "interval"}, {"x > 3", `(3,\infty)`, true, "interval"}, {"3 < x", "x > 3", true, ""}, {"2x < -26", "x < -13", true, ""}, {"-x<1", "x>-1", true, ""},
		{`(-\infty,1)\cup(2,\infty)`, "x < 1 or x > 2", true, "interval"}, {`[1,2]\cup[2,3]`, "[1,3]", true, "interval"}, {`\mathbb{R}\setminus\{0\}`, `x \ne 0`, true, "interval"}, {"0<x<1", "(0,1)", true, ""},
		// 6 mixed numbers
		{`3\frac12`, "7/2", true, ""}, {"3 1/2", "3.5", true, ""}, {"-3 1/2", "-3.5", true, ""}, {`3\frac12`, "3/2", false, ""}, {"3½", "3.5", true, ""}, {`2\frac{7}{2}`, "7", true, ""},
		// 7 plus-minus, bases
		{`\pm 3`, "3, -3", true, "set"}, {`1\pm\sqrt2`, `1+\sqrt2`, false, ""}, {"101_2", "101_{2}", true, ""}, {"101_2", "101_3", false, ""}, {"101_2", "101", true, ""},
		// 8 text, choices, times
		{`\text{Yes}`, "yes", true, "text"}, {"C", `\text{(C)}`, true, ""}, {"(C)", "(D)", false, ""}, {"11:06", "11:06 p.m.", true, ""}, {"3:4", "4:3", false, ""},
		// notations
		{`\frac{1}{2}`, `{1 \over 2}`, true, ""}, {`\frac{1}{2}`, `\frac{1}{2`, true, ""}, {`\sqrt{3}`, "√3", true, ""}, {`\sqrt[3]{8}`, "2", true, ""}, {"|-3|", "3", true, ""}, {`\binom{5}{2}`, "10", true, ""},
		{`\frac{1}{\sqrt{2}+1}`, `\sqrt2-1`, true, "surd"}, {`\sqrt{3+2\sqrt{2}}`, `1+\sqrt{2}`, true, "numeric"}, {`\ln 8`, `3\ln 2`, true, "numeric"}, {`e^{i\pi}`, "-1", true, "numeric"},
		{"x^2-1", "(x-1)(x+1)", true, "expand"}, {`\sin^2 x`, `1-\cos^2 x`, true, "probe"}, {`\sqrt{x^2}`, "x", false, "probe"}, {`\frac{x^2-1}{x-1}`, "x+1", true, ""},
		{"x+y", "y+x", true, ""}, {"x", "y", false, ""}, {"2^{100}", "1267650600228229401496703205376", true, "rational"}, {"2^{100}", "1267650600228229401496703205377", false, ""},
		{`\pi^{5} + 10^{-7}`, `\pi^{5}`, false, "numeric"}, {`\infty`, `-\infty`, false, ""}, {"", "", false, ""}, {"1", "", false, ""},
	} {
		got := Equal(c.gold, c.candidate)
		if got.Equal != c.want || c.method != "" && got.Method != c.method {
			t.Errorf("Equal(%q, %q) = %+v, want %v %s", c.gold, c.candidate, got, c.want, c.method)
		}
	}
}

// TestCloseness pins the relation and c_ans of unequal candidates.
func TestCloseness(t *testing.T) {
	for _, c := range []struct {
		gold, candidate, relation string
		lo, hi                    float64
	}{
		{"42", "42", "equal", 1, 1}, {"5", "6", "off_by_one", .85, .85}, {"3", "4", "near", .1, .2}, {"100", "101", "near", .93, .94}, {"42", "-42", "sign", .8, .8},
		{"2.5", "2", "rounding", .8, .8}, {"42", "420", "power_of_ten", .75, .75}, {"123", "623", "digit_edit", .7, .7}, {"92", "29", "digit_edit", .7, .7},
		{"2", "120", "unit_factor", .65, .65}, {"30", "60", "factor_two", .6, .6}, {"10", "900", "none", 0, .05}, {"$5", "$6", "off_by_one", .85, .85},
		{"(1,2,3)", "(1,2,4)", "partial", .6, .7}, {`\text{red}`, `\text{rod}`, "edit", .6, .7}, {"7", "", "none", 0, 0},
	} {
		got := Equal(c.gold, c.candidate)
		if got.Relation != c.relation || got.Closeness < c.lo-1e-9 || got.Closeness > c.hi+1e-9 {
			t.Errorf("Equal(%q, %q): %s %v, want %s in [%v, %v]", c.gold, c.candidate, got.Relation, got.Closeness, c.relation, c.lo, c.hi)
		}
	}
}

func ExampleEqual() {
	v := Equal(`\frac{3}{4}`, "0.75")
	fmt.Println(v.Equal, v.Method, v.Candidate)
	v = Equal("42", "43")
	fmt.Printf("%v %s %.3f\n", v.Equal, v.Relation, v.Closeness)
	// Output:
	// true rational 3/4
	// false near 0.853
}

func ExampleExtract() {
	text, rule, ok := Extract("48 + 24 = 72, so the answer is $\\boxed{72}$.", true)
	fmt.Println(text, rule, ok)
	// Output: 72 boxed true
}

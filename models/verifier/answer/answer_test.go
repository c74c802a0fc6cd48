package answer

import "testing"

// TestExtract has one row per rule and per trap of the rules.
func TestExtract(t *testing.T) {
	for _, c := range []struct{ in, want, rule string }{
		{"so $24 \\times 2 = 48$.\nThe answer is $\\boxed{\\frac{1}{2}}$.", `\frac{1}{2}`, RuleBoxed},
		{"guess $\\boxed{36}$, but no. It is $\\boxed{{38 \\over 17}}$.", `{38 \over 17}`, RuleBoxed},
		{"$x=\\boxed{1}$ and $x=\\boxed{2}$.", "1, 2", RuleBoxed},
		{"<think>Maybe \\boxed{9}? No.</think>\nThe final answer is \\boxed{12}.", "12", RuleBoxed},
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

// TestEqualNumbers covers plain numbers.
func TestEqualNumbers(t *testing.T) {
	for _, c := range []struct {
		gold, candidate string
		want            bool
	}{
		{"18", "18", true}, {"70000", "40,000", false}, {"70000", "70,000", true}, {"70000", "$70,000.00", true},
		{"3/4", "0.75", true}, {"-5", "5", false}, {"-8", "\u22128", true}, {"yes", "Yes", true},
	} {
		if got := Equal(c.gold, c.candidate); got.Equal != c.want {
			t.Errorf("Equal(%q, %q) = %+v, want %v", c.gold, c.candidate, got, c.want)
		}
	}
}

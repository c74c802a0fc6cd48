package cli

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// macroName is a name of numbers.tex: words in capitals, digits in words.
func macroName(parts ...string) string {
	out := "hn"
	digits := []string{"Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"}
	for _, p := range parts {
		for _, word := range strings.Fields(notLetters.ReplaceAllString(p, " ")) {
			up := true
			for _, c := range word {
				switch {
				case c >= '0' && c <= '9':
					out, up = out+digits[c-'0'], true
				case c == '.':
					out, up = out+"Point", true
				case up:
					out, up = out+strings.ToUpper(string(c)), false
				default:
					out += string(c)
				}
			}
		}
	}
	return out
}

var macroLine = regexp.MustCompile(`(?m)^\\newcommand\{\\([A-Za-z]+)\}\{(.*)\}$`)

// macros compares numbers.tex, name by name; nothing may be missing or extra.
func (t *truth) macros(text string) (faults []string) {
	wants := map[string]want{}
	def := func(w want, parts ...string) {
		name := macroName(parts...)
		if _, ok := wants[name]; !ok && (w.isText || !isNaN(w.nums)) {
			wants[name] = w
		}
	}
	contrast := func(x any, parts ...string) {
		for key, name := range map[string]string{"estimate": "Delta", "lo": "Lo", "hi": "Hi"} {
			def(num(pct(x, key)), append(slices.Clone(parts), name)...)
		}
		def(num(f(x, "p")), append(slices.Clone(parts), "P")...)
		def(num(f(x, "p_adjusted")), append(slices.Clone(parts), "PAdj")...)
	}
	for _, x := range list(t.raw, "findings") {
		b := str(x, "benchmark")
		switch str(x, "kind") {
		case "accuracy":
			for key, name := range map[string]string{"estimate": "Mean", "sd_seeds": "Sd", "lo": "Lo", "hi": "Hi"} {
				def(num(pct(x, key)), b, str(x, "arm"), name)
			}
		case "delta":
			contrast(x, b, str(x, "arm"), "Vs", str(x, "baseline"))
		case "claim":
			contrast(x, b, "Claim", str(x, "claim"))
			def(txt(strings.ReplaceAll(str(x, "verdict"), "_", " ")), b, "Claim", str(x, "claim"), "Verdict")
		case "factorial", "dose", "falsification", "filter", "subset":
			contrast(x, strings.Split(str(x, "id"), "/")...)
		}
	}
	for _, x := range list(t.raw, "correlations") {
		for key, name := range map[string]string{"r": "R", "lo": "Lo", "hi": "Hi", "p": "P", "n": "N"} {
			def(num(f(x, key)), "Corr", str(x, "score"), str(x, "level"), str(x, "method"), str(x, "seed"), name)
		}
	}
	for _, x := range list(t.raw, "verifier", "figures") {
		for name, path := range map[string][]string{"Auroc": {"auroc"}, "Lo": {"lo"}, "Hi": {"hi"}, "Ap": {"average_precision"}, "N": {"n"}, "Brier": {"calibration", "brier"}, "Ece": {"calibration", "ece"}, "F": {"localisation", "f1"}, "Mcc": {"confusion", "mcc"}} {
			def(num(f(x, path...)), "Verifier", str(x, "set"), str(x, "score"), str(x, "class"), name)
		}
	}
	for _, m := range macroLine.FindAllStringSubmatch(text, -1) {
		w, ok := wants[m[1]]
		if !ok {
			faults = append(faults, "numbers.tex: nothing is known of \\"+m[1])
			continue
		}
		if e := w.check(strings.NewReplacer("$-$", "-", "$<$", "<").Replace(m[2])); e != "" {
			faults = append(faults, "numbers.tex: \\"+m[1]+": "+e)
		}
		delete(wants, m[1])
	}
	for name := range wants {
		faults = append(faults, "numbers.tex: no \\"+name)
	}
	return faults
}

// items compares the outcomes of every item beside the page.
func (t *truth) items(bench, text string) (faults []string) {
	for _, it := range list(t.raw, "items") {
		if str(it, "benchmark") != bench {
			continue
		}
		shown := inCSV(text)
		w := wanted{head: []string{"item", "level", "subject"}}
		for _, o := range list(it, "outcomes") {
			w.head = append(w.head, fmt.Sprintf("%s seed %v", str(o, "arm"), at(o, "seed")))
		}
		levels, subjects := words(it, "levels"), words(it, "subjects")
		for i, id := range words(it, "ids") {
			row := []want{txt(id), txt(levels[i]), txt(subjects[i])}
			for _, o := range list(it, "outcomes") {
				row = append(row, txt(str(o, "marks")[i:i+1]))
			}
			w.rows = append(w.rows, row)
		}
		return shown.against("items/"+bench, w)
	}
	return []string{"items/" + bench + ": no such benchmark"}
}

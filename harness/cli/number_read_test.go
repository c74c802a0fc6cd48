package cli

import (
	"encoding/csv"
	"html"
	"regexp"
	"strings"
)

// shownTable is a table as a reader finds it in some format.
type shownTable struct {
	head  []string
	rows  [][]string
	notes string
	csv   bool // what is undefined is empty
}

var (
	tableOf  = regexp.MustCompile(`(?s)<table id="([^"]*)"([^>]*)>(.*?)</table>`)
	rowOf    = regexp.MustCompile(`(?s)<tr[^>]*>(.*?)</tr>`)
	cellOf   = regexp.MustCompile(`(?s)<t[hd][^>]*>(.*?)</t[hd]>`)
	drawings = regexp.MustCompile(`(?s)<svg.*?</svg>`)
	anyTag   = regexp.MustCompile(`<[^>]*>`)
	warning  = regexp.MustCompile(`(?s) <span class="warn">(.*?)</span>`)
	noteOfIt = regexp.MustCompile(`data-note="([^"]*)"`)
)

// inHTML takes the tables out of a page.
func inHTML(text string) map[string]shownTable {
	out := map[string]shownTable{}
	for _, m := range tableOf.FindAllStringSubmatch(text, -1) {
		var t shownTable
		if n := noteOfIt.FindStringSubmatch(m[2]); n != nil {
			t.notes = strings.TrimPrefix(html.UnescapeString(n[1]), "Every row: ")
		}
		for i, r := range rowOf.FindAllStringSubmatch(m[3], -1) {
			var cells []string
			for _, c := range cellOf.FindAllStringSubmatch(r[1], -1) {
				s := drawings.ReplaceAllString(warning.ReplaceAllString(c[1], " ($1)"), "")
				cells = append(cells, squeeze(html.UnescapeString(anyTag.ReplaceAllString(s, ""))))
			}
			if i == 0 {
				t.head = cells
			} else {
				t.rows = append(t.rows, cells)
			}
		}
		out[m[1]] = t
	}
	return out
}

func inCSV(text string) shownTable {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) == 0 {
		return shownTable{}
	}
	seen := map[string]bool{}
	for _, h := range rows[0] {
		if seen[h] {
			return shownTable{head: []string{"two columns are called " + h}}
		}
		seen[h] = true
	}
	out := make([][]string, len(rows))
	for j := 0; j < len(rows[0]); j++ {
		head, width := rows[0][j], 1
		join := func(x, _ string) string { return x }
		if j+1 < len(rows[0]) {
			name, isLow := strings.CutSuffix(head, " low")
			switch next := rows[0][j+1]; {
			case isLow && next == name+" high":
				head, width = name, 2
				join = func(lo, hi string) string {
					if lo == "" {
						return ""
					}
					return "[" + lo + ", " + hi + "]"
				}
			case next == head+" by", next == head+" notes":
				width = 2
				join = func(x, more string) string {
					if more == "" {
						return x
					}
					return x + " (" + more + ")"
				}
			}
		}
		for i, r := range rows {
			if i == 0 {
				out[i] = append(out[i], inPrint(head))
				continue
			}
			out[i] = append(out[i], join(strings.TrimPrefix(r[j], "'"), strings.TrimPrefix(r[j+width-1], "'")))
		}
		j += width - 1
	}
	return shownTable{head: out[0], rows: out[1:], csv: true}
}

// inPrint is the head in print of a column that has a longer name in CSV.
func inPrint(name string) string {
	for _, re := range []string{`^(p|p adjusted) of Δ .*`, `^(± sd) of .*`, `^(Δ .*) on .*`} {
		if m := regexp.MustCompile(re).FindStringSubmatch(name); m != nil {
			return m[1]
		}
	}
	return name
}

func inMarkdown(text string) (t shownTable) {
	undo := strings.NewReplacer(`\|`, "|", `\*`, "*", `\_`, "_", `\\`, `\`, "&lt;", "<", "&gt;", ">", "&amp;", "&", "&#96;", "`")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "| ---"):
		case strings.HasPrefix(line, "|"):
			var cells []string
			for _, c := range strings.Split(strings.Trim(line, "|"), " | ") {
				cells = append(cells, squeeze(undo.Replace(c)))
			}
			if t.head == nil {
				t.head = cells
			} else {
				t.rows = append(t.rows, cells)
			}
		case strings.HasPrefix(line, "Every row: "):
			t.notes += "; " + undo.Replace(strings.TrimPrefix(line, "Every row: "))
		}
	}
	t.notes = strings.TrimPrefix(t.notes, "; ")
	return t
}

var texCommand = regexp.MustCompile(`\$\\(Delta|sigma|rho|tau|beta|times|pm|ge|le|to)\$`)

func inLaTeX(text string) (t shownTable) {
	undo := strings.NewReplacer(`{$^\dagger$}`, "", `\bfseries `, "", `$-$`, "-", `$<$`, "<", `$>$`, ">", `\textonehalf{}`, "½", `\textasciicircum{}`, "^", `\textasciitilde{}`, "~", `\textbackslash{}`, `\`, `{--}`, "–", `--`, "–",
		`\_`, "_", `\%`, "%", `\&`, "&", `\#`, "#", `\$`, "$", "{", "", "}", "")
	signs := map[string]string{"Delta": "Δ", "sigma": "σ", "rho": "ρ", "tau": "τ", "beta": "β", "times": "×", "pm": "±", "ge": "≥", "le": "≤", "to": "→"}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(strings.TrimRight(line, " \n"), ` \\`)
		if _, note, ok := strings.Cut(line, `\footnotesize `); ok {
			for _, n := range strings.Split(strings.TrimSuffix(note, `}\\`), "; every row: ")[0:] {
				n = strings.TrimPrefix(n, "every row: ")
				if !strings.Contains(n, `\dagger`) {
					t.notes += "; " + undo.Replace(texCommand.ReplaceAllStringFunc(n, func(s string) string { return signs[strings.Trim(s, `$\`)] }))
				}
			}
			continue
		}
		if !strings.Contains(line, " & ") || strings.HasPrefix(line, "%") {
			continue
		}
		var cells []string
		for _, c := range strings.Split(line, " & ") {
			c = texCommand.ReplaceAllStringFunc(c, func(s string) string { return signs[strings.Trim(s, `$\`)] })
			cells = append(cells, squeeze(undo.Replace(c)))
		}
		if t.head == nil {
			t.head = cells
		} else {
			t.rows = append(t.rows, cells)
		}
	}
	t.notes = strings.TrimPrefix(t.notes, "; ")
	return t
}

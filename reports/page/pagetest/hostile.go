package pagetest

import (
	"reflect"
	"slices"
	"strings"

	"hardneg/reports/result"
)

// Hostile are texts that must be shown as text wherever they stand: markup,
// scripts, LaTeX, terminal commands, writing that turns directions, very long
// lines.
func Hostile() []string {
	return []string{
		"</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", `"><svg onload=alert(1)>`, "'><b>x</b>", "<!--", "-->", "]]>", "{{.}}", "${alert(1)}", "`x`",
		"javascript:alert(1)", "<style>*{display:none}</style>", "</pre><h1>x</h1>", "</title>", "</textarea>", "<iframe src=//x>", "&lt;script&gt;", "&amp;&quot;", "<a href='javascript:x'>x</a>",
		`\begin{document}`, `\input{/etc/passwd}`, `\end{tabular}`, `100% & $5_x^2~#{}`, `\\ \hline`, `$\write18{id}$`, "\u202Ereversed", "\u2066isolated\u2069", "שלום עולם", "مرحبا", "\x00\x01\x02", "\ufeffbom", "\u2028line", "a\tb\nc\r\nd",
		"\x1b[2J\x1b[31mred", "\x1b]0;title\x07", "\b\b\b", "| pipe | in | table |", "**bold** _x_", "[x](javascript:alert(1))", "![x](//x/y.png)", "<math><mi//xlink:href=\"data:x,<script>alert(1)</script>\">", "<base href=//x>",
		"<meta http-equiv=refresh content=0>", "<form action=//x>", "<object data=x>", "<embed src=x>", "<link rel=stylesheet href=//x>", "<body onload=x>", "expression(alert(1))", "url(javascript:x)", "</style><script>x</script>",
		"\\u003cscript\\u003e", "%3Cscript%3E", "<ScRiPt>x</sCrIpT>", "<svg><script>x</script></svg>", "<template><script>x</script></template>", "‮‮‮", "́́́zalgo", "=cmd|' /C calc'!A0", "@SUM(1)", "-2+3+cmd", "\xff\xfe",
		strings.Repeat("x<", 500_000),
	}
}

// vocabulary are the fields of a results file that hold words of the program
// itself; every other text may come from elsewhere.
var vocabulary = []string{"Schema", "Kind", "Status", "Verdict", "Adjust", "Test", "Scope", "Family", "Marks", "Wrong", "Correct", "Method", "Level", "Score", "Seed", "Format", "Loss", "Stage", "Primary", "Split", "Threshold"}

// Poison puts text into every field of a run that may hold a text from
// elsewhere, names of arms and benchmarks too, and says how many fields that
// were.
func Poison(s *result.Set, text string) int {
	p := poison{text: text, names: map[string]string{}, fields: map[string]bool{}}
	for i := range s.Arms {
		p.names[s.Arms[i].Name] = text + " " + s.Arms[i].Name
	}
	for i := range s.Benchmarks {
		for _, part := range []string{"", "/subset"} {
			p.names[s.Benchmarks[i].Name+part] = text + " " + s.Benchmarks[i].Name + part
		}
	}
	p.names["combined"] = "combined"
	p.walk(reflect.ValueOf(s).Elem(), "", "")
	s.Spec = spec(text)
	return len(p.fields)
}

type poison struct {
	text   string
	names  map[string]string
	fields map[string]bool
}

func (p poison) of(old string) string {
	if n, ok := p.names[old]; ok {
		return n
	}
	return p.text
}

func (p poison) walk(v reflect.Value, path, field string) {
	switch v.Kind() {
	case reflect.String:
		if slices.Contains(vocabulary, field) || v.String() == "" && path != ".About" {
			return
		}
		if field == "ID" || field == "Item" { // ids are made of names
			v.SetString(v.String() + p.text)
		} else {
			v.SetString(p.of(v.String()))
		}
		p.fields[path] = true
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() && v.Kind() == reflect.Pointer {
			p.walk(v.Elem(), path, field)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if v.Field(i).CanSet() {
				p.walk(v.Field(i), path+"."+f.Name, f.Name)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		for i := range v.Len() {
			p.walk(v.Index(i), path+"[]", field)
		}
	case reflect.Map:
		if v.Type().Key().Kind() != reflect.String || field == "Scores" || field == "Patch" {
			return
		}
		out := reflect.MakeMap(v.Type())
		for _, k := range v.MapKeys() {
			out.SetMapIndex(reflect.ValueOf(p.of(k.String())+" "+k.String()), v.MapIndex(k))
			if n, ok := p.names[k.String()]; ok {
				out.SetMapIndex(reflect.ValueOf(n), v.MapIndex(k))
			}
		}
		if v.Len() > 0 {
			v.Set(out)
			p.fields[path+"{}"] = true
		}
	}
}

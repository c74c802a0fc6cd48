package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A paper that takes everything from a report's folder: each table, each
// figure, and numbers in its prose.
func TestReportCompilesInLaTeX(t *testing.T) {
	tex, err := exec.LookPath("pdflatex")
	if err != nil {
		t.Skip("needs pdflatex (Debian: texlive-latex-recommended texlive-science texlive-pictures)")
	}
	if testing.Short() {
		t.Skip("compiles a document; run without -short")
	}
	for name, text := range map[string]string{"plain": "a sentence with 3 numbers, 4.5 and 6 %", "hostile": `100% & $5_x^2~#{} \input{/etc/passwd} \end{tabular} \\ \hline $\write18{id}$ <b> | ü × σ שלום π – “x” 漢`} {
		n := fakeReport(t, text)
		dir := t.TempDir()
		doc := "\\documentclass[a4paper]{article}\n\\usepackage[T1]{fontenc}\n\\usepackage[utf8]{inputenc}\n\\usepackage[margin=1cm]{geometry}\n\\usepackage{booktabs,siunitx,textcomp,pgfplots}\n\\pgfplotsset{compat=1.16}\n\\input{numbers}\n\\begin{document}\\tiny\n" +
			"Weighted DPO reaches \\hnArithFullMean{} (\\hnArithFullVsDpoDelta{} points, $p = $ \\hnArithFullVsDpoPAdj).\n\n"
		tables, figures := 0, 0
		for file, text := range n.files {
			if !strings.HasSuffix(file, ".tex") {
				continue
			}
			path := filepath.Join(dir, filepath.FromSlash(file))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			switch filepath.Dir(file) {
			case "tables":
				tables++
			case "figures":
				figures++
			default:
				continue
			}
			doc += "\\noindent\\input{" + strings.TrimSuffix(file, ".tex") + "}\n\n"
		}
		if tables < 20 || figures < 10 {
			t.Fatalf("%d tables and %d figures", tables, figures)
		}
		if err := os.WriteFile(filepath.Join(dir, "paper.tex"), []byte(doc+"\\end{document}\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(tex, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "paper.tex")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if bytes.Contains(out, []byte(".sty' not found")) {
			t.Skip("pdflatex lacks booktabs, siunitx or pgfplots (Debian: texlive-science, texlive-pictures)")
		}
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, out[max(0, len(out)-3000):])
		}
		if keep := os.Getenv("LATEX_OUT"); keep != "" {
			pdf, err := os.ReadFile(filepath.Join(dir, "paper.pdf"))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(keep, name+".pdf"), pdf, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

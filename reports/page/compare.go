package page

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"hardneg/reports/chart"
	"hardneg/reports/table"
)

//go:embed compare.html
var compareHTML string

// Comparison is what a comparison's page shows.
type Comparison struct {
	Title, Scope, Margin     string
	Compared, Seeds, Pairing table.Table
	Differences              []table.Table
	Drawn                    []Figure
}

// WriteComparison writes the page of `hardneg compare`.
func WriteComparison(w io.Writer, c Comparison) error {
	t, err := parse(compareHTML)
	if err != nil {
		return err
	}
	lib, render := chart.Scripts()
	v := struct {
		Comparison
		Policy                  string
		Style                   template.CSS
		Library, Render, Script template.JS
		Figures                 []figure
	}{c, policy(lib, render, pageJS), template.CSS(styleCSS), template.JS(lib), template.JS(render), template.JS(pageJS), nil}
	for _, f := range c.Drawn {
		v.Figures = append(v.Figures, figureOf(f))
	}
	if err := t.Execute(w, v); err != nil {
		return fmt.Errorf("comparison page: %w", err)
	}
	return nil
}

package plan

import (
	"fmt"
	"slices"
	"strings"
)

// group is the tasks that differ only in their seed, drawn as one box.
type group struct {
	name  string
	stage string
	count int
}

// groups folds a plan over its seeds.
func (p Plan) groups() (boxes []*group, edges [][2]string) {
	name := func(t Task) string {
		if t.Varies {
			return strings.TrimSuffix(t.ID, fmt.Sprintf("-s%d", t.Seed))
		}
		return t.ID
	}
	byName, of := map[string]*group{}, map[string]string{}
	for _, t := range p.Tasks {
		n := name(t)
		of[t.ID] = n
		if byName[n] == nil {
			byName[n] = &group{name: n, stage: t.Stage}
			boxes = append(boxes, byName[n])
		}
		byName[n].count++
	}
	seen := map[[2]string]bool{}
	for _, t := range p.Tasks {
		for _, in := range t.Inputs {
			e := [2]string{of[in.Task], of[t.ID]}
			if !seen[e] {
				seen[e] = true
				edges = append(edges, e)
			}
		}
	}
	return boxes, edges
}

func (g group) label() string {
	if g.count > 1 {
		return fmt.Sprintf("%s ×%d", g.name, g.count)
	}
	return g.name
}

// Dot draws the plan for Graphviz, one box for all seeds of a task.
func (p Plan) Dot() string {
	boxes, edges := p.groups()
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %q {\n  rankdir=LR; node [shape=box];\n", p.Run)
	for _, st := range Stages {
		var same []string
		for _, g := range boxes {
			if g.stage == st {
				fmt.Fprintf(&b, "  %q [label=%q];\n", g.name, g.label())
				same = append(same, fmt.Sprintf("%q", g.name))
			}
		}
		if len(same) > 1 {
			fmt.Fprintf(&b, "  { rank=same; %s; }\n", strings.Join(same, "; "))
		}
	}
	for _, e := range edges {
		fmt.Fprintf(&b, "  %q -> %q;\n", e[0], e[1])
	}
	b.WriteString("}\n")
	return b.String()
}

// Mermaid draws the plan for Markdown pages, one box for all seeds of a task.
func (p Plan) Mermaid() string {
	boxes, edges := p.groups()
	number := func(name string) int {
		return slices.IndexFunc(boxes, func(g *group) bool { return g.name == name })
	}
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for i, g := range boxes {
		fmt.Fprintf(&b, "  n%d[\"%s\"]\n", i, g.label())
	}
	for _, e := range edges {
		fmt.Fprintf(&b, "  n%d --> n%d\n", number(e[0]), number(e[1]))
	}
	return b.String()
}

package train

import "hardneg/models/graph"

// slope is the loss as a function of a margin (see graph.Margins).
func (l Loss) slope() (s graph.Slope, a, b float64) {
	e := l.LabelSmoothing
	switch l.Kind {
	case "sigmoid", "simpo":
		return graph.SlopeLogistic, 1 - e, e
	case "robust":
		return graph.SlopeLogistic, (1 - e) / (1 - 2*e), -e / (1 - 2*e)
	case "npo":
		return graph.SlopeLogistic, 0, 2 / l.Beta
	case "hinge":
		return graph.SlopeHinge, 0, 0
	case "ipo":
		return graph.SlopeSquare, 0, 0
	}
	return graph.SlopeNone, 0, 0
}

// margin is the margin of a pair, uc·chosen + ur·rejected + w, and the slope
// of what is linear in the chosen side.
func (l Loss) margin(p Pair) (uc, ur, w, linear float64) {
	nc, nr := float64(max(p.ChosenLen, 1)), float64(max(p.RejectedLen, 1))
	switch l.Kind {
	case "sigmoid", "robust", "hinge":
		uc, ur, w = l.Beta, -l.Beta, -l.Beta*(p.RefChosen-p.RefRejected)
	case "ipo":
		uc, ur, w = 1/nc, -1/nr, p.RefRejected/nr-p.RefChosen/nc-1/(2*l.Beta)
	case "simpo":
		uc, ur, w = l.Beta/nc, -l.Beta/nr, -l.Gamma
	case "npo":
		ur, w = l.Beta, -l.Beta*p.RefRejected
	case "nll":
		linear = -1 / nc
	}
	return uc, ur, w, linear - l.RPOAlpha/nc
}

func (o *pairObjective) margins(at, n int) *graph.Margins {
	m := &graph.Margins{}
	m.Slope, m.A, m.B = o.loss.slope()
	for i := range n {
		r, w := o.data[o.rows[at+i]], o.weights[at+i]
		if o.divisor == 0 { // all weights are 0
			w = 0
		} else {
			w /= o.divisor
		}
		uc, ur, b, linear := o.loss.margin(Pair{RefChosen: r.RefChosen, RefRejected: r.RefRejected, ChosenLen: len(r.Chosen), RejectedLen: len(r.Rejected)})
		m.Seqs = append(m.Seqs, [2]float64{uc, w * linear}, [2]float64{ur, 0})
		m.Pairs = append(m.Pairs, [2]float64{b, w})
	}
	return m
}

func (o sftObjective) margins(_, n int) *graph.Margins {
	m := &graph.Margins{Seqs: make([][2]float64, n)}
	for i := range m.Seqs {
		m.Seqs[i][1] = -1 / o.scored
	}
	return m
}

package train

import "fmt"

// Row is a sequence for supervised fine-tuning. Loss marks the tokens that are
// scored; the first token never is.
type Row struct {
	ID     string
	Tokens []int32
	Loss   []bool
}

// Rows is Data: the loss is the mean negative log-likelihood of the scored
// tokens of a batch.
type Rows []Row

func (d Rows) len() int            { return len(d) }
func (d Rows) tokens(i int) int    { return len(d[i].Tokens) }
func (d Rows) cost(i int) int      { return len(d[i].Tokens) - 1 }
func (d Rows) id(i int) string     { return d[i].ID }
func (d Rows) add(b *Batch, i int) { b.AddRow(d[i].Tokens, d[i].Loss) }

func (d Rows) check(i, vocab, maxLength int) error {
	r := d[i]
	if len(r.Tokens) != len(r.Loss) {
		return fmt.Errorf("row %s: %d tokens, but a mask of %d", r.ID, len(r.Tokens), len(r.Loss))
	}
	if len(r.Tokens) > maxLength || r.scored() == 0 {
		return errSkip
	}
	return checkIDs(r.ID, vocab, r.Tokens)
}

func (r Row) scored() int {
	n := 0
	for i, l := range r.Loss {
		if l && i > 0 {
			n++
		}
	}
	return n
}

type sftObjective struct{ scored float64 }

func (d Rows) begin(_ *Config, rows []int) objective {
	n := 0
	for _, r := range rows {
		n += d[r].scored()
	}
	return sftObjective{float64(n)}
}

func (o sftObjective) eval(_, _ int, sums, coef []float64) float64 {
	var s float64
	for i, x := range sums {
		s -= x
		coef[i] = -1 / o.scored
	}
	return s / o.scored
}

func (o sftObjective) report(*Metrics) {}

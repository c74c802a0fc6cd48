package cli

import (
	"fmt"
	"slices"
	"strings"

	"hardneg/experiments/plan"
	"hardneg/harness/runner"
)

// energySum adds up what tasks took, in joules, and counts those that say.
type energySum struct {
	cpu, gpu               float64
	cpus, gpus             int // tasks whose energy was measured
	tasks, cards           int // tasks at all, and on a GPU
	cpuWhyNot, cardsWhyNot []string
}

func (s *energySum) add(t plan.Task, at runner.Attempt) {
	e := at.Energy
	if e == nil {
		const old = "nothing was measured when these tasks ran"
		e = &runner.Energy{CPUWhy: old, GPUWhy: old}
	}
	s.tasks++
	if e.CPUJ != nil {
		s.cpu, s.cpus = s.cpu+*e.CPUJ, s.cpus+1
	} else if !slices.Contains(s.cpuWhyNot, e.CPUWhy) {
		s.cpuWhyNot = append(s.cpuWhyNot, e.CPUWhy)
	}
	if !strings.HasPrefix(t.Device, "cuda") {
		return
	}
	s.cards++
	if e.GPUJ != nil {
		s.gpu, s.gpus = s.gpu+*e.GPUJ, s.gpus+1
	} else if !slices.Contains(s.cardsWhyNot, e.GPUWhy) {
		s.cardsWhyNot = append(s.cardsWhyNot, e.GPUWhy)
	}
}

// wattHours writes joules of n tasks; a stage without a measured task has none.
func wattHours(joules float64, n int) string {
	switch wh := joules / 3600; {
	case n == 0:
		return "–"
	case wh >= 100:
		return fmt.Sprintf("%.0f", wh)
	default:
		return fmt.Sprintf("%.3g", wh)
	}
}

// energy says what the energies of the table of times are, or why there are none.
func (r *reporter) energy() []string {
	var s energySum
	for _, t := range r.plan.Tasks {
		if at, ok := r.times[t.ID]; ok {
			s.add(t, at)
		}
	}
	if s.tasks == 0 {
		return nil
	}
	say := func(what, how string, joules float64, measured, of int, why []string) string {
		slices.Sort(why)
		if measured == 0 {
			return what + ": not measured: " + strings.Join(why, "; ") + "."
		}
		out := fmt.Sprintf("%s: %s Wh in all, measured for %d of %d tasks.", what, wattHours(joules, measured), measured, of)
		if len(why) > 0 {
			out += " Others: " + strings.Join(why, "; ") + "."
		}
		return out + " " + how
	}
	out := []string{say("Processor energy", "Counted by the processors for the whole machine (RAPL: packages, and their memory where it is counted apart) while a task ran, of which the task's part is its share of the machine's busy processor time; what the machine draws when idle is shared the same way.",
		s.cpu, s.cpus, s.tasks, s.cpuWhyNot)}
	if s.cards > 0 {
		out = append(out, say("GPU energy", "The power draw of the task's cards, read twice a second and added up over its time; a card that others use meanwhile counts in full.", s.gpu, s.gpus, s.cards, s.cardsWhyNot))
	}
	return out
}

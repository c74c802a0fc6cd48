package trend

import (
	"fmt"
	"maps"
	"slices"
)

// Changed says what else than the code under test was another one on a night
// than on the night before: hardneg's version, the version of a stage, Go, the
// system or a driver. What either night does not tell is not compared.
func Changed(before, night Entry) (out []string) {
	say := func(what, a, b string) {
		if a != "" && b != "" && a != b {
			out = append(out, fmt.Sprintf("%s %s → %s", what, a, b))
		}
	}
	say("hardneg", before.Version, night.Version)
	for _, stage := range slices.Sorted(maps.Keys(night.Stages)) {
		if a, b := before.Stages[stage], night.Stages[stage]; a > 0 && a != b {
			out = append(out, fmt.Sprintf("stage %s %d → %d", stage, a, b))
		}
	}
	for _, what := range slices.Sorted(maps.Keys(night.Environ)) {
		say(what, before.Environ[what], night.Environ[what])
	}
	return out
}

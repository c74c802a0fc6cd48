package cli

import (
	"cmp"
	"slices"
	"time"

	"hardneg/harness/runner"
	"hardneg/harness/track"
	"hardneg/reports/page"
)

// verified is verified.json of a run: what `hardneg verify` found last, and
// every task that was ever made again.
type verified struct {
	Schema   int                `json:"schema"` // 1
	At       time.Time          `json:"at"`
	Checked  int                `json:"checked"`  // results whose hashes were computed again
	Findings []integrityFinding `json:"findings"` // what was not as committed, repetitions apart
	Repeated []repetition       `json:"repeated"` // by task
}

// repetition is a task that was made again, and whether it gave the same bytes.
type repetition struct {
	Task   string `json:"task"`
	Key    string `json:"key"`
	Digest string `json:"digest"` // of the result that it was compared with
	Same   bool   `json:"same"`
}

// noteVerified keeps what was found. Tasks that an earlier call made again stay
// on the list: the report counts those whose results are still the run's.
func noteVerified(folder *track.Folder, v verified) error {
	var old verified
	if folder.Read(track.VerifiedFile, &old) != nil {
		old = verified{} // none yet, or a damaged one
	}
	v.Schema = 1
	for _, r := range old.Repeated {
		if !slices.ContainsFunc(v.Repeated, func(n repetition) bool { return n.Task == r.Task }) {
			v.Repeated = append(v.Repeated, r)
		}
	}
	slices.SortFunc(v.Repeated, func(a, b repetition) int { return cmp.Compare(a.Task, b.Task) })
	if v.Repeated == nil {
		v.Repeated = []repetition{}
	}
	return folder.PutJSON(track.VerifiedFile, v)
}

// verification is what a report says of a run's checks: only what was found of
// the results that the run has today. A note that cannot be read counts as
// none: no report is lost for it.
func verification(folder *track.Folder, tasks []runner.TaskStatus) page.Verification {
	out := page.Verification{Command: "hardneg verify " + folder.Run + " --sample 4"}
	var v verified
	if folder.Read(track.VerifiedFile, &v) != nil {
		return out
	}
	now := map[string]runner.TaskStatus{}
	for _, t := range tasks {
		now[t.Task.ID] = t
	}
	for _, r := range v.Repeated {
		if t := now[r.Task]; t.Key == r.Key && t.Digest == r.Digest {
			out.Repeated++
			if r.Same {
				out.Same++
			}
		}
	}
	for _, f := range v.Findings {
		t := now[f.Task]
		mended := t.Key != f.Key || t.Attempt.Start.After(v.At)
		if f.Task == "" { // a file of the run's folder: a later session seals it anew
			mended = !folder.SealedBefore(v.At)
		}
		if !mended {
			out.Damaged++
		}
	}
	return out
}

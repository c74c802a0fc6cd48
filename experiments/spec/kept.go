package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Keep is the resolved spec as a run keeps it: a spec that can be run again and
// is then the same run, each value followed by the place where it was written.
func (s *Spec) Keep() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# The resolved spec of run %s: `hardneg run` of this file is that run.\n# Behind each value: where it was written.\n", s.RunName())
	_ = s.WriteYAML(&b, true) // a Builder takes everything
	return []byte(b.String())
}

// Kept reads what Keep wrote, or the JSON that earlier versions kept: arms are
// expanded and defaults are filled in.
func Kept(b []byte) (*Spec, error) {
	if !bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")) {
		s, err := Parse("spec.yaml", string(b), nil)
		if err != nil {
			return nil, fmt.Errorf("the kept spec is not one of this program's: %w", err)
		}
		return s, nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	s := &Spec{}
	if err := d.Decode(s); err != nil {
		return nil, fmt.Errorf("the kept spec is not one of this program's: %w", err)
	}
	return s, nil
}

package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Kept reads a resolved spec in its JSON form, as a run keeps it: arms are
// expanded and defaults are filled in, so nothing is merged or checked again.
func Kept(b []byte) (*Spec, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	s := &Spec{}
	if err := d.Decode(s); err != nil {
		return nil, fmt.Errorf("the kept spec is not one of this program's: %w", err)
	}
	return s, nil
}

package spec

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// AutoInt is a positive whole number, or auto (0): chosen by the program.
type AutoInt int

// MarshalJSON writes the number, or "auto".
func (a AutoInt) MarshalJSON() ([]byte, error) {
	if a == 0 {
		return []byte(`"auto"`), nil
	}
	return json.Marshal(int(a))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (a *AutoInt) UnmarshalJSON(b []byte) error {
	if string(b) == `"auto"` {
		*a = 0
		return nil
	}
	return json.Unmarshal(b, (*int)(a))
}

// Duration is written as 30m, 12h, 5m30s.
type Duration time.Duration

// String writes the duration without zero parts: 5m, not 5m0s.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalJSON writes the duration as text.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads what MarshalJSON writes.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	v, err := time.ParseDuration(s)
	*d = Duration(v)
	return err
}

// Threshold is a smallest change: 1.5pt (points) or 5% (of the level).
type Threshold struct {
	Value float64
	Unit  string // pt, % or empty for zero
}

// String writes the threshold as in a spec.
func (t Threshold) String() string {
	return strconv.FormatFloat(t.Value, 'g', -1, 64) + t.Unit
}

// MarshalJSON writes the threshold as text.
func (t Threshold) MarshalJSON() ([]byte, error) { return json.Marshal(t.String()) }

// UnmarshalJSON reads what MarshalJSON writes.
func (t *Threshold) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	var err error
	*t, err = parseThreshold(s)
	return err
}

func parseThreshold(s string) (Threshold, error) {
	num, unit := s, ""
	for _, u := range []string{"pt", "%"} {
		if strings.HasSuffix(s, u) {
			num, unit = strings.TrimSpace(strings.TrimSuffix(s, u)), u
		}
	}
	v, err := strconv.ParseFloat(num, 64)
	if err != nil || !(v >= 0 && v < 1e9) || unit == "" && v != 0 {
		return Threshold{}, fmt.Errorf("%q is not a change: write 1.5pt (points) or 5%% (of the level)", s)
	}
	return Threshold{v, unit}, nil
}

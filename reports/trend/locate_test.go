package trend

import (
	"strings"
	"testing"
)

// TestLocateNamesOnlyWhatItCanTell: a level that changed has a first night, noise
// has none.
func TestLocateNamesOnlyWhatItCanTell(t *testing.T) {
	for name, c := range map[string]struct {
		x    []float64
		want string
	}{
		"step":  {[]float64{1, 1.1, .9, 1, 1.05, .95, 1, 1.1, 5, 5.1, 4.9, 5, 5.05, 4.95, 5, 5.1}, "first seen night-8 "},
		"noise": {[]float64{1, 1.1, .9, 1, 1.05, .95, 1, 1.1, .93, 1.02, .98, 1.07, .91, 1.04}, "no significant change point"},
	} {
		d := &Decision{}
		for i := range c.x {
			d.Series = append(d.Series, Point{Date: "night-" + string(rune('0'+i))})
		}
		if err := d.locate(c.x); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(d.Notes, "; "); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

package lt

import "testing"

func TestTransposed(t *testing.T) {
	for _, c := range []struct {
		o    Operand
		flip int32
		ld   int
		ok   bool
	}{{Operand{Row: 7, Col: 1}, 0, 7, true}, {Operand{Row: 1, Col: 9}, 1, 9, true}, {Operand{Row: 2, Col: 9}, 0, 0, false}} {
		if flip, ld, ok := c.o.transposed(); flip != c.flip || ld != c.ld || ok != c.ok {
			t.Errorf("%+v: %d, %d, %v", c.o, flip, ld, ok)
		}
	}
}

func TestAlign(t *testing.T) {
	for p, want := range map[uint64]uint32{0: 256, 4096: 256, 4096 + 128: 128, 4096 + 4: 4, 4096 + 12: 4, 4096 + 48: 16} {
		if got := align(p); got != want {
			t.Errorf("align(%d) is %d, want %d", p, got, want)
		}
	}
}

package verifier

import "math"

// table maps a value or a hash to a small record. Clearing it costs nothing:
// an entry counts only when it bears the current generation.
type table struct {
	cells []cell
	gen   uint32
	n     int
}

type cell struct {
	key  int64
	gen  uint32
	src  byte
	step int32
	val  float64
}

func (t *table) clear() {
	if t.cells == nil {
		t.cells = make([]cell, 256)
	}
	t.gen++
	t.n = 0
	if t.gen == 0 { // wrapped: forget for real
		clear(t.cells)
		t.gen = 1
	}
}

func (t *table) slot(key int64) int {
	h := uint64(key) * 0x9E3779B97F4A7C15
	i := int(h>>32) & (len(t.cells) - 1)
	for t.cells[i].gen == t.gen && t.cells[i].key != key {
		i = (i + 1) & (len(t.cells) - 1)
	}
	return i
}

// get returns the record of key, nil when there is none. It stays valid until
// the next put.
func (t *table) get(key int64) *cell {
	if c := &t.cells[t.slot(key)]; c.gen == t.gen {
		return c
	}
	return nil
}

// put stores a record unless key has one; the first one stays.
func (t *table) put(key int64, src byte, step int, val float64) {
	i := t.slot(key)
	if t.cells[i].gen == t.gen {
		return
	}
	t.cells[i] = cell{key, t.gen, src, int32(step), val}
	if t.n++; t.n*2 > len(t.cells) {
		t.grow()
	}
}

func (t *table) grow() {
	old, gen := t.cells, t.gen
	t.cells = make([]cell, 2*len(old))
	for i := range old {
		if old[i].gen == gen {
			t.cells[t.slot(old[i].key)] = old[i]
		}
	}
}

// bucket is the key of a value: rounded to six decimals, by its bits where
// that would overflow or lose digits.
func bucket(v float64) int64 {
	if math.Abs(v) > 1e9 {
		return int64(math.Float64bits(v) &^ 0xFFF) // 40 bits of mantissa
	}
	return int64(math.Round(v * 1e6))
}

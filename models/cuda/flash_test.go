//go:build gpu && linux && (amd64 || arm64)

package cuda

import (
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"hardneg/fixtures/seed"
	"hardneg/models/graph"
	"hardneg/models/vm"
)

// packed is a batch of segments for attention, as float64 that bfloat16 holds.
type packed struct {
	h            graph.Heads
	segs, parent []int32
	t, spare     int // rows, and capacity beyond them
	qkv, do      []float64
}

// layouts are segments by length: each group is a lone sequence, or a parent and
// its followers.
func layouts() map[string][][]int {
	return map[string][][]int{
		"one row":   {{1}},
		"rows":      {{1}, {1, 1}, {2}, {1, 0, 1}},
		"tiles":     {{64}, {65}, {63}, {128}, {16}},
		"long":      {{333}},
		"pairs":     {{48, 64, 37}, {51, 32, 96}},
		"parents":   {{70}, {48, 20}, {16, 9, 0, 31}, {0, 5}, {130, 70, 3}, {7}},
		"long pair": {{150, 140, 40}},
		"empty":     {{0}, {3, 0, 0}, {0, 0}, {12}, {0}},
	}
}

func pack(h graph.Heads, groups [][]int, key seed.Key) packed {
	p := packed{h: h, segs: []int32{0}, spare: 70}
	for _, g := range groups {
		first := int32(len(p.parent))
		for i, n := range g {
			p.segs = append(p.segs, p.segs[len(p.segs)-1]+int32(n))
			p.parent = append(p.parent, first)
			if i == 0 {
				p.parent[first] = -1
			}
		}
	}
	p.t = int(p.segs[len(p.segs)-1])
	draw := func(n int, key seed.Key) []float64 {
		r := make([]float64, n)
		for i := range r {
			if i < 1<<20 {
				r[i] = rounded(key.Normal(uint64(i)))
			} else {
				r[i] = r[i-1<<20] // enough for a benchmark
			}
		}
		return r
	}
	p.qkv, p.do = draw(p.t*h.Width(), key), draw(p.t*h.Q*h.Dim, seed.At(uint64(key), 1))
	return p
}

func bits(x float64) uint16 {
	u := math.Float32bits(float32(x))
	return uint16((u + 0x7fff + u>>16&1) >> 16)
}
func value(b uint16) float64    { return float64(math.Float32frombits(uint32(b) << 16)) }
func rounded(x float64) float64 { return value(bits(x)) }

// segment is that of row i.
func (p packed) segment(i int) int {
	s, _ := slices.BinarySearchFunc(p.segs, int32(i)+1, func(a, b int32) int { return int(a - b) })
	return s - 1
}

// keys are the rows that row i sees.
func (p packed) keys(i int) []int {
	var r []int
	s := p.segment(i)
	if f := p.parent[s]; f >= 0 {
		for j := p.segs[f]; j < p.segs[f+1]; j++ {
			r = append(r, int(j))
		}
	}
	for j := int(p.segs[s]); j <= i; j++ {
		r = append(r, j)
	}
	return r
}

func (p packed) head(i, h int) []float64 {
	d := p.h.Dim
	return p.qkv[i*p.h.Width()+h*d:][:d]
}

// query, key and value are those of row i for query head h.
func (p packed) query(i, h int) []float64 { return p.head(i, h) }
func (p packed) key(i, h int) []float64   { return p.head(i, p.h.Q+h/(p.h.Q/p.h.KV)) }
func (p packed) value(i, h int) []float64 { return p.head(i, p.h.Q+p.h.KV+h/(p.h.Q/p.h.KV)) }

func dot(a, b []float64) (s float64) {
	for i, v := range a {
		s += v * b[i]
	}
	return s
}

// forward is attention in float64, with the sums of the absolute values of each
// output's terms, which bound what rounding does to it.
func (p packed) forward() (o, size, lse []float64) {
	d := p.h.Dim
	o, size, lse = make([]float64, p.t*p.h.Q*d), make([]float64, p.t*p.h.Q*d), make([]float64, p.t*p.h.Q)
	for i := range p.t {
		keys := p.keys(i)
		for h := range p.h.Q {
			w, top, sum := make([]float64, len(keys)), math.Inf(-1), 0.0
			for n, j := range keys {
				w[n] = dot(p.query(i, h), p.key(j, h)) / math.Sqrt(float64(d))
				top = max(top, w[n])
			}
			for n := range w {
				w[n] = math.Exp(w[n] - top)
				sum += w[n]
			}
			at := (i*p.h.Q + h) * d
			for n, j := range keys {
				for c, v := range p.value(j, h) {
					o[at+c] += w[n] / sum * v
					size[at+c] += w[n] / sum * math.Abs(v)
				}
			}
			lse[i*p.h.Q+h] = top + math.Log(sum)
		}
	}
	return o, size, lse
}

// backward is the gradient of Σ do·o in float64, from o and lse as a device has
// them, with the sums of the absolute values of the terms.
func (p packed) backward(o, lse []float64) (dx, size []float64) {
	h, d, w := p.h, p.h.Dim, p.h.Width()
	dx, size = make([]float64, p.t*w), make([]float64, p.t*w)
	add := func(at int, f float64, v []float64) {
		for c, x := range v {
			dx[at+c] += f * x
			size[at+c] += math.Abs(f * x)
		}
	}
	scale := 1 / math.Sqrt(float64(d))
	for i := range p.t {
		for n := range h.Q {
			kv, do := n/(h.Q/h.KV), p.do[(i*h.Q+n)*d:][:d]
			own := dot(do, o[(i*h.Q+n)*d:][:d])
			for _, j := range p.keys(i) {
				a := math.Exp(scale*dot(p.query(i, n), p.key(j, n)) - lse[i*h.Q+n])
				da := a * (dot(do, p.value(j, n)) - own)
				add(i*w+n*d, da*scale, p.key(j, n))
				add(j*w+(h.Q+kv)*d, da*scale, p.query(i, n))
				add(j*w+(h.Q+h.KV+kv)*d, a, do)
			}
		}
	}
	return dx, size
}

// device is a backend with buffers for a batch, whose capacity exceeds it and is
// filled with NaN.
type device struct {
	t  testing.TB
	be vm.Backend
	p  packed
	k  vm.Call
}

func (p packed) on(t testing.TB, be vm.Backend) device {
	t.Helper()
	d := device{t: t, be: be, p: p, k: vm.Call{Op: &graph.Op{Kind: graph.KindAttn, Attr: p.h}, Live: &vm.Live{Tokens: p.t, Segs: len(p.parent)}}}
	d.in(p.qkv, p.h.Width())
	for _, v := range [][]int32{p.segs, p.parent} {
		b, err := be.Import(slices.Concat(v, make([]int32, p.spare)))
		if err != nil {
			t.Fatal(err)
		}
		d.k.In = append(d.k.In, vm.Arg{Buf: b, Shape: graph.Shape{len(v) + p.spare}})
	}
	return d
}

// buffer has capacity for rows of w elements, all NaN.
func (d device) buffer(dt graph.Dtype, w int) vm.Arg {
	n := (d.p.t + d.p.spare) * w
	b, err := d.be.Alloc(dt, n)
	if err != nil {
		d.t.Fatal(err)
	}
	if dt == graph.Uint16 {
		d.be.Write(b, slices.Repeat([]uint16{0x7fc1}, n))
	} else {
		d.be.Write(b, slices.Repeat([]float32{float32(math.NaN())}, n))
	}
	return vm.Arg{Buf: b, Shape: graph.Shape{d.p.t + d.p.spare, w}}
}

// in adds an input of rows of bfloat16.
func (d *device) in(v []float64, w int) {
	a := d.buffer(graph.Uint16, w)
	h := make([]uint16, len(v))
	for i, x := range v {
		h[i] = bits(x)
	}
	d.be.Write(a.Buf, h)
	d.k.In = append(d.k.In, a)
}

// run runs the call and checks that rows beyond the live ones stay as they were.
func (d device) run() {
	d.t.Helper()
	run, err := d.be.Kernel(d.k)
	if err != nil {
		d.t.Fatal(err)
	}
	run(0)
	if err := d.be.Sync(); err != nil {
		d.t.Fatal(err)
	}
}

// read gives the live rows of an output of bfloat16.
func (d device) read(a vm.Arg) []float64 {
	d.t.Helper()
	h := make([]uint16, a.Buf.Len())
	d.be.Read(h, a.Buf)
	r := make([]float64, d.p.t*a.Shape[1])
	for i := range h {
		if i < len(r) {
			r[i] = value(h[i])
		} else if h[i] != 0x7fc1 {
			d.t.Fatalf("element %d, beyond the %d live ones, was overwritten", i, len(r))
		}
	}
	return r
}

func (d device) forward() (o, lse []float64) {
	d.t.Helper()
	h := d.p.h
	d.k.Out = []vm.Arg{d.buffer(graph.Uint16, h.Q*h.Dim), d.buffer(graph.Float32, h.Q)}
	d.run()
	lse = make([]float64, d.p.t*h.Q)
	d.be.Read(lse, d.k.Out[1].Buf)
	return d.read(d.k.Out[0]), lse
}

// within demands that each value differs from the expected one by no more than
// rounding to bfloat16 explains: 2⁻⁸ of each of its terms, and of itself.
func within(what string, got, want, size []float64) error {
	for i := range want {
		if d := math.Abs(got[i] - want[i]); !(d <= size[i]/128+1e-5) {
			return fmt.Errorf("%s[%d] is %g, want %g (terms of %g)", what, i, got[i], want[i], size[i])
		}
	}
	return nil
}

func heads(q, kv, d int) graph.Heads { return graph.Heads{Q: q, KV: kv, Dim: d} }

// flashHeads are head sizes that fill a tile, and that do not; groups of 1, 2, 6.
func flashHeads() []graph.Heads {
	r := []graph.Heads{heads(2, 2, 64), heads(6, 1, 128), heads(4, 2, 8), heads(2, 1, 6), heads(2, 1, 80)}
	if os.Getenv(EnvReal) != "" { // more than the emulator has time for
		r = append(r, heads(4, 2, 128), heads(14, 2, 64), heads(12, 2, 128), heads(4, 1, 96), heads(3, 3, 128))
	}
	return r
}

func checkForward(t *testing.T, be vm.Backend, p packed) error {
	o, lse := p.on(t, be).forward()
	want, size, l := p.forward()
	if err := within("o", o, want, size); err != nil {
		return err
	}
	for i := range l {
		if d := math.Abs(lse[i] - l[i]); !(d <= 1e-4) {
			return fmt.Errorf("lse[%d] is %g, want %g", i, lse[i], l[i])
		}
	}
	return nil
}

// backward runs the gradient from the float64 o and lse, rounded as a device has
// them, and returns these too.
func (d device) backward() (dx, o, lse []float64) {
	d.t.Helper()
	h := d.p.h
	o, _, lse = d.p.forward()
	for i := range o {
		o[i] = rounded(o[i])
	}
	for i := range lse {
		lse[i] = float64(float32(lse[i]))
	}
	d.in(o, h.Q*h.Dim)
	l := d.buffer(graph.Float32, h.Q)
	d.be.Write(l.Buf, lse)
	d.k.In = append(d.k.In, l)
	d.in(d.p.do, h.Q*h.Dim)
	d.k.Op = &graph.Op{Kind: graph.KindAttnGrad, Attr: h}
	d.k.Out = []vm.Arg{d.buffer(graph.Uint16, h.Width())}
	d.run()
	return d.read(d.k.Out[0]), o, lse
}

func checkBackward(t *testing.T, be vm.Backend, p packed) error {
	dx, o, lse := p.on(t, be).backward()
	want, size := p.backward(o, lse)
	return within("dqkv", dx, want, size)
}

// randomLayout has up to five groups, of segments short and long.
func randomLayout(key seed.Key) [][]int {
	n := uint64(0)
	draw := func(below int) int {
		n++
		return key.Index(n, below)
	}
	var r [][]int
	for range 1 + draw(5) {
		var g []int
		for range 1 + draw(4) {
			g = append(g, draw([]int{2, 20, 70, 140}[draw(4)]))
		}
		r = append(r, g)
	}
	return r
}

// TestFlashLayouts has random layouts, and more segments than a warp looks at in
// one step, or in two.
func TestFlashLayouts(t *testing.T) {
	all := map[string][][]int{"33 segments": pairsOf(11, 1, 2, 0), "1030 segments": pairsOf(206, 0, 0, 0, 1, 0)}
	for i := range 8 {
		all[fmt.Sprint("random ", i)] = randomLayout(seed.Derive(6, i))
	}
	be := open(t, true)
	for name, l := range all {
		t.Run(name, func(t *testing.T) {
			p := pack(heads(3, 1, 64), l, seed.Derive(7, name))
			if err := checkForward(t, be, p); err != nil {
				t.Error(l, err)
			}
			if err := checkBackward(t, be, p); err != nil {
				t.Error(l, err)
			}
		})
	}
}

func TestFlash(t *testing.T) {
	be := open(t, true)
	for _, h := range flashHeads() {
		for name, l := range layouts() {
			t.Run(fmt.Sprintf("%dx%dx%d/%s", h.Q, h.KV, h.Dim, name), func(t *testing.T) {
				p := pack(h, l, seed.Derive(3, h, name))
				if err := checkForward(t, be, p); err != nil {
					t.Error(err)
				}
				if err := checkBackward(t, be, p); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestFlashTwin checks the float64 gradient against differences of the forward.
func TestFlashTwin(t *testing.T) {
	p := pack(heads(4, 2, 3), [][]int{{2, 1, 3}, {4}}, 1)
	loss := func() float64 {
		o, _, _ := p.forward()
		return dot(o, p.do)
	}
	o, _, lse := p.forward()
	dx, _ := p.backward(o, lse)
	for i, v := range p.qkv {
		const h = 1e-5
		p.qkv[i] = v + h
		up := loss()
		p.qkv[i] = v - h
		down := loss()
		p.qkv[i] = v
		if d := dx[i] - (up-down)/(2*h); !(math.Abs(d) <= 1e-8) {
			t.Fatalf("dqkv[%d] is %g, differences give %g", i, dx[i], (up-down)/(2*h))
		}
	}
}

// TestFlashBits demands the same bits of a second run.
func TestFlashBits(t *testing.T) {
	be := open(t, true)
	p := pack(heads(4, 1, 64), layouts()["pairs"], 4)
	o, lse := p.on(t, be).forward()
	dx, _, _ := p.on(t, be).backward()
	for range 3 {
		o2, lse2 := p.on(t, be).forward()
		dx2, _, _ := p.on(t, be).backward()
		if !slices.Equal(o, o2) || !slices.Equal(lse, lse2) || !slices.Equal(dx, dx2) {
			t.Fatal("a second run gave other bits")
		}
	}
}

// TestEmulatorFlashSchedule runs threads in a random order: tiles that are read
// while others still write them show, and with a barrier or a wait taken out, do.
func TestEmulatorFlashSchedule(t *testing.T) {
	t.Setenv("HARDNEG_EMU_SCHEDULE", "random")
	p := pack(heads(2, 1, 64), [][]int{{130, 70, 65}}, 5)
	check := func(options ...string) (forward, backward error) {
		be, err := openWith(0, true, options...)
		if err != nil {
			t.Fatal(err)
		}
		defer be.Close()
		return checkForward(t, be, p), checkBackward(t, be, p)
	}
	if f, b := check(); f != nil || b != nil {
		t.Error(f, b)
	}
	for _, fault := range []string{"-DHN_PLANT_NO_FLASH_BARRIER", "-DHN_PLANT_NO_FLASH_WAIT"} {
		if f, b := check(fault); f == nil || b == nil {
			t.Error("kernels passed with ", fault, ": ", f, b)
		}
	}
}

// exactFlash runs attention in buffers without a row to spare.
func exactFlash(t *testing.T, options []string) {
	be, err := openWith(0, true, options...)
	if err != nil {
		t.Fatal(err)
	}
	defer be.Close()
	for _, h := range []graph.Heads{heads(2, 1, 64), heads(2, 2, 8)} {
		p := pack(h, [][]int{{30, 70, 65}, {66}}, 5)
		p.spare = 0
		if err := checkForward(t, be, p); err != nil {
			t.Error(err)
		}
		if err := checkBackward(t, be, p); err != nil {
			t.Error(err)
		}
	}
}

// pairsOf is n prompts with two completions each.
func pairsOf(n, prompt int, completions ...int) [][]int {
	return slices.Repeat([][]int{append([]int{prompt}, completions...)}, n)
}

// flops are those of the forward pass over the pairs of row and key that count,
// whatever else a kernel computes; a backward pass has 2.5 times as many.
func (p packed) flops() float64 {
	n := 0
	for i := range p.t {
		n += len(p.keys(i))
	}
	return 4 * float64(n) * float64(p.h.Q*p.h.Dim)
}

// BenchmarkFlash has the shapes of training with heads of Qwen2.5-1.5B. It means
// something on a GPU: HARDNEG_TEST_GPU=1 go test -tags gpu -run '^$' -bench Flash -benchtime 200x ./models/cuda
func BenchmarkFlash(b *testing.B) {
	if os.Getenv(EnvReal) == "" {
		b.Skip("needs a GPU: set " + EnvReal)
	}
	be, err := Open(0, true)
	if err != nil {
		b.Fatal(err)
	}
	defer be.Close()
	h := heads(12, 2, 128)
	for _, c := range []struct {
		name   string
		groups [][]int
	}{
		{"8x1024", pairsOf(8, 1024)},
		{"4x2048", pairsOf(4, 2048)},
		{"64x128", pairsOf(64, 128)},
		{"pairs of 48+64+64", pairsOf(8192/176, 48, 64, 64)},
		{"pairs of 48+96+32", pairsOf(8192/176, 48, 96, 32)},
		{"pairs of 200+300+300", pairsOf(10, 200, 300, 300)},
	} {
		p := pack(h, c.groups, 1)
		d := p.on(b, be)
		for _, pass := range []string{"forward", "backward"} {
			flops := p.flops()
			if pass == "forward" {
				d.k.Out = []vm.Arg{d.buffer(graph.Uint16, h.Q*h.Dim), d.buffer(graph.Float32, h.Q)}
			} else {
				flops *= 2.5
				d.k.Op = &graph.Op{Kind: graph.KindAttnGrad, Attr: h}
				d.k.In = append(d.k.In, d.k.Out...)
				d.in(p.do, h.Q*h.Dim)
				d.k.Out = []vm.Arg{d.buffer(graph.Uint16, h.Width())}
			}
			run, err := be.Kernel(d.k)
			if err != nil {
				b.Fatal(err)
			}
			run(0) // compiles, loads and warms up
			b.Run(c.name+"/"+pass, func(b *testing.B) {
				if err := be.Sync(); err != nil {
					b.Fatal(err)
				}
				b.ResetTimer()
				for range b.N {
					run(0)
				}
				if err := be.Sync(); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e12, "TFLOP/s")
			})
		}
	}
}

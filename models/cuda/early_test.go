//go:build gpu && linux && (amd64 || arm64)

package cuda

import (
	"fmt"
	"testing"

	"hardneg/models/graph"
	"hardneg/models/vm"
)

// TestEmulatorEarly: a kernel that is launched early and does not wait for the
// one before it is caught.
func TestEmulatorEarly(t *testing.T) {
	c := open(t, true).(*CUDA)
	x, err := c.alloc(graph.Float32, 8)
	if err != nil {
		t.Fatal(err)
	}
	c.launchAs(true, "decode_norm_f32", grid{1, 1, 32, 0}, slot(x.ptr), slot(x.ptr), slot(x.ptr), i32(8), f32(1))
	if err := c.Sync(); err != nil {
		t.Fatalf("a kernel that waits: %v", err)
	}
	c.launchAs(true, "add", over(4), slot(x.ptr), slot(x.ptr), slot(x.ptr), i64(4), 0)
	if err := c.Sync(); err == nil {
		t.Fatal("a kernel that does not wait")
	}
}

// BenchmarkDecode times a token of 64 rows in a network of Qwen2.5-1.5B's shape
// with 4 of its 28 layers, with and without early launches: on a GPU,
// HARDNEG_TEST_GPU=1 go test -tags gpu -run '^$' -bench Decode ./models/cuda
func BenchmarkDecode(b *testing.B) {
	be, err := Open(0, true)
	if err != nil {
		b.Fatal(err)
	}
	defer be.Close()
	flat := make([]float32, 151936*1536)
	for i := range flat {
		flat[i] = float32(int32(i*2654435761)) * 0x1p-37
	}
	matrix := func(n, k int) []float32 { return flat[:n*k] }
	n := vm.Network{Heads: graph.Heads{Q: 12, KV: 2, Dim: 128, Rotary: &graph.Rotary{Inv: make([]float32, 64), Scale: 1}}, Hidden: 1536, FFN: 8960, Vocab: 151936, Eps: 1e-6,
		Embed: flat, Head: flat, Norm: flat[:1536]}
	for range 4 {
		n.Layers = append(n.Layers, vm.NetworkLayer{Norm1: flat[:1536], WQKV: matrix(2048, 1536), BQKV: flat[:2048], WO: matrix(1536, 1536),
			Norm2: flat[:1536], GateUp: matrix(17920, 1536), Down: matrix(1536, 8960)})
	}
	const rows, shared, own = 64, 200, 600
	v, err := be.(*CUDA).Decoder(n, rows, 64)
	if err != nil {
		b.Fatal(err)
	}
	defer v.Close()
	d := v.(*decoder)
	for _, early := range []bool{d.early, false} {
		b.Run(fmt.Sprintf("early=%v", early), func(b *testing.B) {
			if err := d.release(); err != nil {
				b.Fatal(err)
			}
			d.launchEarly(early)
			if _, err := d.Reserve(14*rows, 14); err != nil {
				b.Fatal(err)
			}
			d.Params(vm.Draw{Temperature: 0.8, TopP: 0.95})
			set := func() {
				for i := range rows {
					s := vm.Sequence{Token: int32(i), Pos: shared, Shared: shared, End: shared + own, Key: uint64(i)}
					for p := range 14 {
						s.Pages = append(s.Pages, int32(14*i+p))
					}
					d.Set(i, s)
				}
			}
			step := func() {
				d.Step()
				if _, _, err := d.Next(); err != nil {
					b.Fatal(err)
				}
			}
			set()
			for range 70 { // graphs of both numbers of splits
				step()
			}
			b.ResetTimer()
			for i := range b.N {
				if i%500 == 0 {
					set()
				}
				step()
			}
		})
	}
}

//go:build gpu && linux && (amd64 || arm64)

package cuda

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"unsafe"

	"gorgonia.org/cu"

	"hardneg/models/cuda/driver"
	"hardneg/models/cuda/kernels"
	"hardneg/models/cuda/lt"
	"hardneg/models/cuda/rtc"
	"hardneg/models/graph"
	"hardneg/models/vm"
)

// EnvCache names the environment variable that gives the folder of compiled
// kernels; the default is hardneg/cubin in the user's cache.
const EnvCache = "HARDNEG_CUBIN_CACHE"

// CUDA is a vm.Backend.
type CUDA struct {
	dev    *driver.Device
	stream cu.Stream
	mod    cu.Module
	fns    map[string]cu.Function
	lt     *lt.Handle // nil: products are our kernel's
	ltRoom *buffer    // its workspace
	round  bool       // activations, and operands of products, to bfloat16
	times  *profile   // nil: nothing is timed
	err    error      // the first since the last Sync
	ropes  []*rotary
	norm   *normGrad  // of the call that was prepared last, if that is one
	kept   keptLogits // of the last forward pass
	picks  int        // of a chunk of logits, if not 0: for tests
	work   [scratches]*buffer

	live map[cu.DevicePtr]int64 // bytes of allocations
	used int64                  // their sum
	peak int64                  // the largest it was
	mu   sync.Mutex
	dead []cu.DevicePtr // memory that the collector found unused
}

// Open opens device i; with bf16 it keeps activations, and multiplies, in bfloat16.
func Open(i int, bf16 bool) (vm.Backend, error) {
	return openWith(i, bf16, kernels.Options()...)
}

// openWith opens a device with kernels compiled under some options.
func openWith(i int, bf16 bool, options ...string) (vm.Backend, error) {
	dev, err := driver.Open(i)
	if err != nil {
		return nil, err
	}
	c := &CUDA{dev: dev, fns: map[string]cu.Function{}, live: map[cu.DevicePtr]int64{}, round: bf16}
	if err := c.prepare(options); err != nil {
		return nil, errors.Join(err, dev.Close())
	}
	return c, nil
}

func cacheDir() string {
	if d := os.Getenv(EnvCache); d != "" {
		return d
	}
	d, err := os.UserCacheDir()
	if err != nil {
		return "" // none
	}
	return filepath.Join(d, "hardneg", "cubin")
}

// prepare compiles and loads the kernels and makes the stream.
func (c *CUDA) prepare(options []string) error {
	compiler, err := rtc.Open(cacheDir())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoCUDA, err)
	}
	src, err := kernels.Source()
	if err != nil {
		return err
	}
	arch := fmt.Sprintf("sm_%d%d", c.dev.Info.Major, c.dev.Info.Minor)
	cubin, err := compiler.Compile("kernels", src, arch, options...)
	if err != nil {
		return err
	}
	err = c.dev.Do(func() (err error) {
		if c.mod, err = cu.LoadData(string(cubin)); err != nil {
			return fmt.Errorf("cuda: load kernels for %s: %w", arch, err)
		}
		if c.stream, err = cu.MakeStream(cu.NonBlocking); err != nil {
			return fmt.Errorf("cuda: stream: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.openLt()
}

// openLt takes cublasLt where it is found; our own kernel serves otherwise.
func (c *CUDA) openLt() error {
	err := c.dev.Do(func() (err error) {
		c.lt, err = lt.Open(rtc.Candidates(lt.EnvLibrary, "cublasLt", "cublas"))
		return err
	})
	if err != nil {
		c.lt = nil
		return nil // slower, not wrong: Libraries tells why
	}
	c.ltRoom, err = c.alloc(graph.Uint8, lt.Workspace)
	return err
}

// Libraries names the run-time libraries with where each was found, or why not.
func Libraries() []Library {
	var r []Library
	if n, err := rtc.Open(""); err != nil {
		r = append(r, Library{"NVRTC", err.Error(), false})
	} else {
		r = append(r, Library{"NVRTC", n.Path + ", version " + n.Version, true})
	}
	h, err := lt.Open(rtc.Candidates(lt.EnvLibrary, "cublasLt", "cublas"))
	if err != nil {
		return append(r, Library{"cublasLt", err.Error() + "; products run on a slower kernel", false})
	}
	found := Library{"cublasLt", h.Path + ", version " + h.Version, true}
	if err := h.Close(); err != nil {
		found = Library{"cublasLt", err.Error(), false}
	}
	return append(r, found)
}

// Device is "cuda:0", ….
func (c *CUDA) Device() string { return fmt.Sprintf("cuda:%d", c.dev.Info.Index) }

// Sync waits for the stream and returns the first error since the last call.
func (c *CUDA) Sync() error {
	c.do("synchronize", func() error {
		if err := c.stream.Synchronize(); err != nil || c.times == nil {
			return err
		}
		return c.times.collect()
	})
	err := c.err
	c.err = nil
	return err
}

// do runs f with the context and keeps the first error.
func (c *CUDA) do(what string, f func() error) {
	if c.err != nil {
		return
	}
	if err := c.dev.Do(f); err != nil {
		c.err = fmt.Errorf("cuda: %s: %w", what, err)
	}
}

// queue is do for a call that occupies the device.
func (c *CUDA) queue(what string, f func() error) {
	if c.times == nil {
		c.do(what, f)
		return
	}
	c.do(what, func() error { return c.times.around(what, c.stream, f) })
}

// Close gives memory, stream and context back; buffers are invalid after it.
func (c *CUDA) Close() error {
	err := c.Sync()
	if c.lt != nil {
		err = errors.Join(err, c.dev.Do(c.lt.Close))
	}
	return errors.Join(err, c.free(slices.Collect(maps.Keys(c.live))), c.dev.Do(func() error {
		return errors.Join(c.stream.Destroy(), c.mod.Unload())
	}), c.dev.Close())
}

// slot is a kernel argument as the 8 bytes that cu copies.
type slot uint64

func i32(v int) slot     { return slot(uint32(v)) }
func i64(v int) slot     { return slot(v) }
func f32(v float64) slot { return slot(math.Float32bits(float32(v))) }
func f64(v float64) slot { return slot(math.Float64bits(v)) }
func flag(b bool) slot {
	if b {
		return 1
	}
	return 0
}

// at is the address of an operand; 0 for none.
func at(a vm.Arg) slot {
	if a.Buf == nil {
		return 0
	}
	return slot(a.Buf.(*buffer).ptr)
}

// grid is the number of blocks in x and y, of threads a block, and of bytes of
// dynamic shared memory.
type grid struct{ x, y, threads, shared int }

// over covers n elements with a thread each.
func over(n int) grid { return grid{(n + 255) / 256, 1, 256, 0} }

// launch queues a kernel; an empty grid is none.
func (c *CUDA) launch(name string, g grid, args ...slot) { c.launchAs(false, name, g, args...) }

// launchAs is launch; early lets the kernel start before the one before it has
// ended, for kernels that begin with after_previous.
func (c *CUDA) launchAs(early bool, name string, g grid, args ...slot) {
	if g.x == 0 || g.y == 0 {
		return
	}
	c.queue(name, func() error {
		fn, ok := c.fns[name]
		if !ok {
			var err error
			if fn, err = c.mod.Function(name); err != nil {
				return err
			}
			c.fns[name] = fn
			if g.shared > 48<<10 {
				if err := driver.AllowShared(fn, g.shared); err != nil {
					return err
				}
			}
		}
		if early && c.times == nil {
			return driver.LaunchEarly(fn, g.x, g.y, g.threads, g.shared, c.stream, *(*[]uint64)(unsafe.Pointer(&args)))
		}
		params := make([]unsafe.Pointer, len(args))
		for i := range args {
			params[i] = unsafe.Pointer(&args[i])
		}
		return fn.Launch(g.x, g.y, 1, g.threads, 1, 1, g.shared, c.stream, params)
	})
}

// zero clears n elements from the start of a buffer.
func (c *CUDA) zero(b *buffer, n int) {
	if n > 0 {
		c.queue("clear", func() error {
			return cu.MemsetD8Async(b.ptr, 0, int64(n*size(b.dt)), c.stream)
		})
	}
}

// copyTo copies n elements between buffers that are not the same.
func (c *CUDA) copyTo(to, from *buffer, n int) {
	if n > 0 && to.ptr != from.ptr {
		c.queue("copy", func() error {
			return cu.MemcpyDtoDAsync(to.ptr, from.ptr, int64(n*size(to.dt)), c.stream)
		})
	}
}

// Kernel prepares a call.
func (c *CUDA) Kernel(k vm.Call) (vm.Kernel, error) {
	makers := map[graph.Kind]func(*CUDA, vm.Call) vm.Kernel{
		graph.KindEmbed:       embed,
		graph.KindEmbedGrad:   embedGrad,
		graph.KindRMSNorm:     rmsNorm,
		graph.KindRMSNormDx:   rmsNormDx,
		graph.KindRMSNormDg:   rmsNormDg,
		graph.KindLinear:      linear,
		graph.KindLinearDx:    linearDx,
		graph.KindLinearDw:    linearDw,
		graph.KindColSum:      colSum,
		graph.KindSwiGLU:      swiGLU,
		graph.KindSwiGLUGrad:  swiGLUGrad,
		graph.KindAdd:         add,
		graph.KindRope:        rope,
		graph.KindRopeInv:     ropeInv,
		graph.KindAttn:        attn,
		graph.KindAttnGrad:    attnGrad,
		graph.KindLogProb:     logProb,
		graph.KindLogProbGrad: logProbGrad,
		graph.KindSeqSum:      seqSum,
		graph.KindSeqSumGrad:  seqSumGrad,
		graph.KindSumSquares:  sumSquares,
		graph.KindAdamW:       adamW,
		graph.KindLowRank:     lowRank,
		graph.KindLowRankDu:   lowRankDu,
		graph.KindLowRankDb:   lowRankDb,
	}
	m, ok := makers[k.Op.Kind]
	if !ok {
		return nil, fmt.Errorf("cuda: no kernel for %s", k.Op.Kind)
	}
	for _, a := range k.In {
		if b, ok := a.Buf.(*buffer); ok && b.dt == graph.Float64 && k.Op.Kind != graph.KindAdamW { // AdamW reads a norm

			return nil, fmt.Errorf("cuda: %s in float64: kernels are for float32", k.Op.Kind)
		}
	}
	if h, ok := k.Op.Attr.(graph.Heads); ok && h.Dim > maxHead {
		return nil, fmt.Errorf("cuda: heads of %d elements: the attention kernels hold up to %d", h.Dim, maxHead)
	}
	kernel := m(c, k)
	if k.Op.Kind != graph.KindRMSNormDx {
		c.norm = nil
	}
	return kernel, nil
}

var (
	_ vm.Backend = (*CUDA)(nil)
	_ vm.Decodes = (*CUDA)(nil)
)

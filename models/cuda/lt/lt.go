//go:build gpu && linux && (amd64 || arm64)

package lt

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { fp32 = 0, compute_fp32 = 68, trans_a = 3, trans_b = 4, max_workspace = 1, min_align_a = 5 };

typedef struct { // cublasLtMatmulHeuristicResult_t
	uint64_t algo[8];
	size_t workspace;
	int state;
	float waves;
	int reserved[4];
} choice;

typedef struct {
	void *lib, *handle;
	size_t (*version)(void);
	int (*create)(void **), (*destroy)(void *);
	int (*desc)(void **, int, int), (*desc_set)(void *, int, const void *, size_t), (*desc_free)(void *);
	int (*layout)(void **, int, uint64_t, uint64_t, int64_t), (*layout_free)(void *);
	int (*pref)(void **), (*pref_set)(void *, int, const void *, size_t), (*pref_free)(void *);
	int (*choose)(void *, void *, void *, void *, void *, void *, void *, int, choice *, int *);
	int (*check)(void *, void *, void *, void *, void *, void *, const void *, choice *);
	int (*matmul)(void *, void *, const void *, const void *, void *, const void *, void *, const void *, const void *, void *, void *, void *, const void *, void *, size_t, void *);
} api;

typedef struct {
	void *desc, *a, *b, *c;
	choice best;
} plan;

static void *hn_load(const char *path) { return dlopen(path, RTLD_NOW | RTLD_GLOBAL); }
static char *hn_why(void) { return dlerror(); }
static const char *hn_bind(api *l, void *lib) {
	l->lib = lib;
#define F(field, name) if (!(*(void **)&l->field = dlsym(lib, name))) return name;
	F(version, "cublasLtGetVersion") F(create, "cublasLtCreate") F(destroy, "cublasLtDestroy")
	F(desc, "cublasLtMatmulDescCreate") F(desc_set, "cublasLtMatmulDescSetAttribute") F(desc_free, "cublasLtMatmulDescDestroy")
	F(layout, "cublasLtMatrixLayoutCreate") F(layout_free, "cublasLtMatrixLayoutDestroy")
	F(pref, "cublasLtMatmulPreferenceCreate") F(pref_set, "cublasLtMatmulPreferenceSetAttribute") F(pref_free, "cublasLtMatmulPreferenceDestroy")
	F(choose, "cublasLtMatmulAlgoGetHeuristic") F(check, "cublasLtMatmulAlgoCheck") F(matmul, "cublasLtMatmul")
#undef F
	return NULL;
}
static size_t hn_version(api *l) { return l->version(); }
static int hn_create(api *l) { return l->create(&l->handle); }
static int hn_destroy(api *l) { return l->destroy(l->handle); }

static void hn_drop(api *l, plan *p) {
	if (p->desc) l->desc_free(p->desc);
	if (p->a) l->layout_free(p->a);
	if (p->b) l->layout_free(p->b);
	if (p->c) l->layout_free(p->c);
}

// hn_layouts: column-order C (n×m) = op(A) (n×k) · op(B) (k×m), of types in, in and out.
static int hn_layouts(api *l, plan *p, int in, int out, uint64_t m, uint64_t n, uint64_t k, int32_t ta, int64_t lda, int32_t tb, int64_t ldb, int64_t ldc) {
	int rc;
	memset(p, 0, sizeof *p);
	if ((rc = l->desc(&p->desc, compute_fp32, fp32)) || (rc = l->desc_set(p->desc, trans_a, &ta, sizeof ta)) || (rc = l->desc_set(p->desc, trans_b, &tb, sizeof tb)) ||
	    (rc = l->layout(&p->a, in, ta ? k : n, ta ? n : k, lda)) || (rc = l->layout(&p->b, in, tb ? m : k, tb ? k : m, ldb)) || (rc = l->layout(&p->c, out, n, m, ldc)))
		hn_drop(l, p);
	return rc;
}

// hn_choose asks what cublasLt holds best for the layouts of p.
static int hn_choose(api *l, plan *p, const uint32_t *align, size_t workspace, choice *best) {
	void *pref = NULL;
	int rc, found = 0;
	if ((rc = l->pref(&pref)) || (rc = l->pref_set(pref, max_workspace, &workspace, sizeof workspace))) goto end;
	for (int i = 0; i < 4; i++)
		if ((rc = l->pref_set(pref, min_align_a + i, &align[i], sizeof align[i]))) goto end;
	rc = l->choose(l->handle, p->desc, p->a, p->b, p->c, p->c, pref, 1, best, &found);
	if (!rc && !found) rc = 15; // not supported
	if (!rc) rc = best->state;
end:
	if (pref) l->pref_free(pref);
	return rc;
}

// hn_fits tells whether a choice made for other sizes serves the layouts of p.
static int hn_fits(api *l, plan *p, const choice *c, size_t workspace) {
	choice r;
	memset(&r, 0, sizeof r);
	return !l->check(l->handle, p->desc, p->a, p->b, p->c, p->c, c->algo, &r) && !r.state && r.workspace <= workspace;
}
static int hn_multiply(api *l, plan *p, float alpha, uint64_t a, uint64_t b, float beta, uint64_t c, uint64_t d, uint64_t workspace, size_t bytes, uint64_t stream) {
	return l->matmul(l->handle, p->desc, &alpha, (void *)a, p->a, (void *)b, p->b, &beta, (void *)c, p->c, (void *)d, p->c, p->best.algo, (void *)workspace, bytes, (void *)stream);
}
*/
import "C"

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"
)

// Workspace is how much device memory a Handle's caller lends it.
const Workspace = 32 << 20

// Handle is a loaded cublasLt with its plans.
type Handle struct {
	// Path is where the library was found, Version its version.
	Path, Version string

	l      C.api
	plans  map[key]*C.plan
	chosen map[key]*C.choice // by rounded sizes; nil for none
}

type key struct {
	m, n, k, lda, ldb, ldc int
	in, out                Type
	ta, tb                 int32
	align                  [4]uint32
}

// Open loads the first library that it can of the candidates. Call it with the
// device's context.
func Open(candidates []string) (*Handle, error) {
	var tried []string
	for _, p := range candidates {
		h := &Handle{Path: p, plans: map[key]*C.plan{}, chosen: map[key]*C.choice{}}
		if err := h.bind(p); err != nil {
			tried = append(tried, err.Error())
			continue
		}
		return h, nil
	}
	return nil, fmt.Errorf("cuda: no cublasLt: %s (install the CUDA toolkit or the wheel nvidia-cublas, or set %s)", strings.Join(tried, "; "), EnvLibrary)
}

func (h *Handle) bind(path string) error {
	s := C.CString(path)
	defer C.free(unsafe.Pointer(s))
	lib := C.hn_load(s)
	if lib == nil {
		return errors.New(C.GoString(C.hn_why()))
	}
	if lacks := C.hn_bind(&h.l, lib); lacks != nil {
		return fmt.Errorf("%s lacks %s", path, C.GoString(lacks))
	}
	if rc := C.hn_create(&h.l); rc != 0 {
		return fmt.Errorf("%s: create: status %d", path, int(rc))
	}
	v := int(C.hn_version(&h.l))
	h.Version = fmt.Sprintf("%d.%d.%d", v/10000, v/100%100, v%100)
	return nil
}

// maxPlans bounds the memory of plans: sizes of batches vary.
const maxPlans = 2048

// Multiply queues a product; stream is the driver's handle. It reports false,
// and does nothing, where cublasLt has no plan for the operands.
func (h *Handle) Multiply(p Product, workspace, stream uint64) (bool, error) {
	tb, ldb, okB := p.B.transposed()
	ta, lda, okA := p.A.transposed()
	if !okA || !okB || p.M == 0 || p.N == 0 || p.K == 0 {
		return false, nil
	}
	id := key{p.M, p.N, p.K, ldb, lda, p.LD, p.In, p.Out, tb, ta, [4]uint32{align(p.B.Ptr), align(p.A.Ptr), align(p.C), align(p.D)}}
	best, ok := h.plans[id]
	if !ok {
		best = h.plan(id)
		h.plans[id] = best
	}
	if best == nil {
		return false, nil
	}
	if rc := C.hn_multiply(&h.l, best, C.float(p.Alpha), C.uint64_t(p.B.Ptr), C.uint64_t(p.A.Ptr), C.float(p.Beta), C.uint64_t(p.C), C.uint64_t(p.D),
		C.uint64_t(workspace), Workspace, C.uint64_t(stream)); rc != 0 {
		return false, fmt.Errorf("cublasLt: product of %d×%d×%d: status %d", p.M, p.K, p.N, int(rc))
	}
	return true, nil
}

// bucket is the multiple to which sizes are rounded up before cublasLt is asked:
// batches of about the same size then run the same algorithm. Asked for 2,761
// rows it once chose one that took 1.6 times as long as that for 2,781. Smaller
// sizes stay: those of decoding do not vary, and for 64 rows it chooses
// algorithms that take 5 to 15 % less than those for 128.
const bucket = 128

func (k key) rounded() key {
	up := func(n int) int {
		if n < bucket {
			return n
		}
		return (n + bucket - 1) / bucket * bucket
	}
	r := k
	r.m, r.n, r.k = up(k.m), up(k.n), up(k.k)
	return r
}

// plan makes the plan of a product; nil if cublasLt has none.
func (h *Handle) plan(id key) *C.plan {
	if len(h.plans) >= maxPlans {
		h.forget()
	}
	p := (*C.plan)(C.calloc(1, C.size_t(unsafe.Sizeof(C.plan{}))))
	if !h.layouts(p, id) {
		C.free(unsafe.Pointer(p))
		return nil
	}
	best := h.fitting(p, id.rounded())
	if best == nil {
		best = h.choose(p, id)
	}
	if best == nil {
		C.hn_drop(&h.l, p)
		C.free(unsafe.Pointer(p))
		return nil
	}
	p.best = *best
	return p
}

// fitting is the choice for rounded sizes, if it serves the layouts of p.
func (h *Handle) fitting(p *C.plan, id key) *C.choice {
	c, ok := h.chosen[id]
	if !ok {
		var q C.plan
		if h.layouts(&q, id) {
			c = h.choose(&q, id)
			C.hn_drop(&h.l, &q)
		}
		h.chosen[id] = c
	}
	if c == nil || C.hn_fits(&h.l, p, c, Workspace) == 0 {
		return nil
	}
	return c
}

func (h *Handle) layouts(p *C.plan, id key) bool {
	return C.hn_layouts(&h.l, p, C.int(id.in), C.int(id.out), C.uint64_t(id.m), C.uint64_t(id.n), C.uint64_t(id.k), C.int32_t(id.ta), C.int64_t(id.lda), C.int32_t(id.tb), C.int64_t(id.ldb), C.int64_t(id.ldc)) == 0
}

// choose asks cublasLt for the algorithm that it holds best.
func (h *Handle) choose(p *C.plan, id key) *C.choice {
	var al [4]C.uint32_t
	for i, v := range id.align {
		al[i] = C.uint32_t(v)
	}
	var best C.choice
	if C.hn_choose(&h.l, p, &al[0], Workspace, &best) != 0 {
		return nil
	}
	return &best
}

func (h *Handle) forget() {
	for id, p := range h.plans {
		if p != nil {
			C.hn_drop(&h.l, p)
			C.free(unsafe.Pointer(p))
		}
		delete(h.plans, id)
	}
}

// Plans is the number of plans kept.
func (h *Handle) Plans() int { return len(h.plans) }

// Close gives everything back.
func (h *Handle) Close() error {
	h.forget()
	if rc := C.hn_destroy(&h.l); rc != 0 {
		return fmt.Errorf("cublasLt: destroy: status %d", int(rc))
	}
	return nil
}

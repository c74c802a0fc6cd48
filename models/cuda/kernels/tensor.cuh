// Words of the tensor cores and of asynchronous copies: PTX on the device, their
// definition on the host.
#ifdef HN_HOST
#include <vector>
// Copies take place when a thread waits for them, and not before.
struct copy_ {
	void *to;
	const void *from; // 0: zeros
	int n;
};
static std::vector<std::vector<copy_>> copies_[1024]; // groups, by thread; the last is open
inline std::vector<std::vector<copy_>> &groups_() {
	auto &g = copies_[32 * hn::cur->warp + hn::cur->lane];
	if (g.empty()) g.emplace_back();
	return g;
}
__device__ inline void copy16(void *s, const void *g, bool live) {
	if (((size_t)s | (size_t)g) % 16) fprintf(stderr, "emu: copy16 of %p to %p: not aligned\n", g, s), abort();
	groups_().back().push_back({s, live ? g : nullptr, 16});
}
__device__ inline void copy4(void *s, const void *g, bool live) { groups_().back().push_back({s, live ? g : nullptr, 4}); }
__device__ inline void copy_commit() { groups_().emplace_back(); }
template <int N> __device__ inline void copy_wait() {
	auto &g = groups_();
	while (g.size() > N + 1) {
		for (const copy_ &c : g.front())
			if (c.from) memcpy(c.to, c.from, c.n);
			else memset(c.to, 0, c.n);
		g.erase(g.begin());
	}
}

// Eight by eight elements a matrix: lane 8·i + r names row r of matrix i.
template <bool turned> __device__ inline void load_matrices(u32 *r, const void *p) {
	const int w = hn::cur->warp, l = hn::cur->lane;
	hn::rows[w][l] = p;
	__syncwarp();
	for (int i = 0; i < 4; i++) {
		u16 h[2];
		for (int j = 0; j < 2; j++)
			memcpy(h + j, (const char *)hn::rows[w][8 * i + (turned ? l % 4 * 2 + j : l / 4)] + 2 * (turned ? l / 4 : l % 4 * 2 + j), 2);
		r[i] = h[0] | (u32)h[1] << 16;
	}
	__syncwarp();
}

// d (16×8) += a (16×16) · b (16×8), with the layout of mma.m16n8k16.
__device__ inline void mma(float *d, const u32 *a, const u32 *b) {
	const int w = hn::cur->warp, l = hn::cur->lane;
	u32(*x)[8] = hn::parts[w];
	for (int i = 0; i < 4; i++) x[l][i] = a[i];
	x[l][4] = b[0], x[l][5] = b[1];
	__syncwarp();
	for (int c = 0; c < 4; c++) {
		const int row = l / 4 + c / 2 * 8, n = 2 * (l % 4) + (c & 1);
		float s = d[c];
		for (int k = 0; k < 16; k++) {
			const u32 u = x[row % 8 * 4 + k % 8 / 2][row / 8 + 2 * (k / 8)], v = x[n * 4 + k % 8 / 2][4 + k / 8];
			s += k & 1 ? high(u) * high(v) : low(u) * low(v);
		}
		d[c] = s;
	}
	__syncwarp();
}
__device__ inline float exp2_fast(float x) { return exp2f(x); }
__device__ inline void fetch(const void *) {}
#else
#define HN_SHARED(name) extern __shared__ __align__(128) unsigned char name[]
__device__ __forceinline__ u32 shared_address(const void *p) { return (u32)__cvta_generic_to_shared(p); }
__device__ __forceinline__ void copy16(void *s, const void *g, bool live) {
	const int n = live ? 16 : 0;
	asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(s)), "l"(g), "r"(n) : "memory");
}
__device__ __forceinline__ void copy4(void *s, const void *g, bool live) {
	const int n = live ? 4 : 0;
	asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared_address(s)), "l"(g), "r"(n) : "memory");
}
__device__ __forceinline__ void copy_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int N> __device__ __forceinline__ void copy_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory"); }
template <bool turned> __device__ __forceinline__ void load_matrices(u32 *r, const void *p) {
	if (turned) asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(p)) : "memory");
	else asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(p)) : "memory");
}
__device__ __forceinline__ void mma(float *d, const u32 *a, const u32 *b) {
	asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
	             : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
	             : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
__device__ __forceinline__ float exp2_fast(float x) {
	float r;
	asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
	return r;
}
// fetch brings a line into the second cache.
__device__ __forceinline__ void fetch(const void *p) { asm volatile("prefetch.global.L2 [%0];" ::"l"(p)); }
#endif

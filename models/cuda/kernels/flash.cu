// Flash attention in bf16 on the tensor cores: causal, grouped-query, over
// packed segments that may share a parent (see graph.Rope). fp32 sums; exact in
// the order of its additions, so two runs give the same bits.
//
// A query's row of work is one (token, head) of a key head's group: row m of a
// segment is token m/g, head m%g. The group's heads so share the tiles of K and
// V, and short segments fill their tiles. A segment's keys are its parent's rows
// and then its own: key j of that list is seen by token i if j <= i + the
// parent's length, and nothing else needs to be masked.
//
// Blocks find their work themselves: see tile_of. Tiles of D = 64 or 128 columns;
// heads that are narrower are filled up with zeros, element by element.
enum { flash_threads = 128, flash_keys = 64 };

// Row r of a tile is D elements in chunks of 16 bytes; the order of a row's
// chunks turns with r, so that 8 rows of a column of chunks lie in 32 banks.
template <int D> __device__ __forceinline__ u8 *chunk(u8 *tile, int r, int c) { return tile + r * (2 * D) + ((c ^ (r & 7)) << 4); }

// chunks calls f for the chunks of a tile, row by row.
template <int D, int rows, class F> __device__ __forceinline__ void chunks(bool exact, F f) {
	const int r0 = threadIdx.x / (D / 8), c = threadIdx.x % (D / 8);
	if (exact)
#pragma unroll
		for (int r = 0; r < rows; r += flash_threads / (D / 8)) f(r0 + r, c);
	else
#pragma unroll 1
		for (int r = 0; r < rows; r += flash_threads / (D / 8)) f(r0 + r, c);
}
// load8 copies the elements of chunk c of a row of d; zeros if it is not live.
template <int D> __device__ __forceinline__ void load8(u8 *s, const b16 *row, int c, bool live, int d) {
	if (d == D) copy16(s, row + 8 * c, live);
	else
		for (int e = 0; e < 8; e++) ((u16 *)s)[e] = live && 8 * c + e < d ? row[8 * c + e].bits : 0;
}

// empty writes rows of d elements that lie in a tile, by the threads of a warp.
template <int D, int rows, class F> __device__ __forceinline__ void empty(u8 *tile, int d, F row) {
	const int lane = threadIdx.x % 32;
	__syncwarp();
#pragma unroll 4
	for (int i = lane; i < rows * (D / 8); i += 32) {
		const int r = i / (D / 8), c = i % (D / 8);
		b16 *g = row(r);
		if (!g) continue;
		const u8 *s = chunk<D>(tile, r, c);
		if (d == D) *(uint4 *)(g + 8 * c) = *(const uint4 *)s;
		else
			for (int e = 0; e < 8 && 8 * c + e < d; e++) g[8 * c + e].bits = ((const u16 *)s)[e];
	}
	__syncwarp();
}

// Operands of the products, as fragments of 16 rows by 16 columns of a tile: the
// left operand, from rows r to r+16 and columns 16·k on; and right operands for
// two products, with these rows as their columns (across), or with these columns
// and a sum over the rows (along). The places that a lane reads are worked out
// anew in each iteration, for they would fill registers otherwise.
template <int D> struct lanes {
	int straight, crossed;
	__device__ __forceinline__ lanes() {
		const int l = threadIdx.x % 32;
		straight = (l & 15) * 2 * D + (((l >> 4) ^ (l & 7)) << 4);
		crossed = ((l & 7) + (l >> 4 << 3)) * 2 * D + (((l >> 3 & 1) ^ (l & 7)) << 4);
	}
	__device__ __forceinline__ void again() { again_(straight), again_(crossed); }
	__device__ __forceinline__ void left(u32 *a, const u8 *tile, int r, int k) const { load_matrices<false>(a, tile + r * 2 * D + (straight ^ (k << 5))); }
	__device__ __forceinline__ void across(u32 *b, const u8 *tile, int r, int k) const { load_matrices<false>(b, tile + r * 2 * D + (crossed ^ (k << 5))); }
	__device__ __forceinline__ void along(u32 *b, const u8 *tile, int r, int k) const { load_matrices<true>(b, tile + r * 2 * D + (straight ^ (k << 5))); }

private:
	__device__ __forceinline__ static void again_(int &v) {
#ifndef HN_HOST
		asm volatile("" : "+r"(v));
#endif
	}
};

// by divides by a number of heads without a division: exact for m below 2³¹/g.
struct by {
	u32 g, inverse;
	__device__ __forceinline__ explicit by(int n) : g(n), inverse((0x80000000u + n - 1) / n) {}
	__device__ __forceinline__ int operator()(int m) const { return (int)((u64)(u32)m * inverse >> 31); }
};

// tile_of finds the segment, and the number within it, of block x. Segment s has
// per·rows of work in tiles of `size`, and begins at tile segs[s]·per/size + s:
// that leaves it at least the tiles it needs, without a sum over segments. So
// rows·per/size + segments blocks serve every layout; those beyond a segment's
// last tile have nothing to do.
struct flash_tile {
	int s, i;
};
template <int size> __device__ __forceinline__ flash_tile tile_of(const int *segs, int n, int x, int per) {
	int lo = 0, hi = n;
	while (hi - lo > 1) {
		const int mid = (lo + hi) / 2;
		if (segs[mid] * per / size + mid <= x) lo = mid;
		else hi = mid;
	}
	flash_tile r = {lo, x - (segs[lo] * per / size + lo)};
	return r;
}

// flash_work is a segment's rows from b on and the keys they see: q of a parent,
// which begins at p, and then their own.
struct flash_work {
	int b, len, p, q;
	__device__ __forceinline__ int key(int j) const { return j < q ? p + j : b + j - q; }
};
__device__ __forceinline__ flash_work work_of(const int *segs, const int *parent, int s) {
	const int f = parent[s];
	flash_work r = {segs[s], segs[s + 1] - segs[s], 0, 0};
	if (f >= 0) r.p = segs[f], r.q = segs[f + 1] - r.p;
	return r;
}

template <int n> __device__ __forceinline__ void clear(float (*s)[4]) {
#pragma unroll
	for (int i = 0; i < n; i++) s[i][0] = s[i][1] = s[i][2] = s[i][3] = 0;
}

// Forward. Grid: (rows·g/(64·M) + segments, key heads), 128 threads. A warp has M
// times 16 rows of work; tiles of 64 keys, two in flight. lse may be 0.
template <int D, int M> __device__ __forceinline__ void flash_forward(b16 *o, float *lse, const b16 *x, const int *segs, const int *parent, int nsegs, int hq, int hkv, int d, float scale) {
	HN_SHARED(shared);
	enum { rows = 64 * M, tile = flash_keys * 2 * D };
	u8 *sq = shared, *skv = sq + rows * 2 * D; // K and V of one tile, K and V of the next
	const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, kv = blockIdx.y, w = (hq + 2 * hkv) * d;
	const by heads(hq / hkv);
	lanes<D> ln;
	const flash_tile at = tile_of<rows>(segs, nsegs, blockIdx.x, heads.g);
	const flash_work a = work_of(segs, parent, at.s);
	const int m1 = a.len * heads.g, m0 = ((m1 + rows - 1) / rows - 1 - at.i) * rows; // longest first
	if (m0 < 0) return;
	const int keys = a.q + heads(min(m0 + (int)rows, m1) - 1) + 1, tiles = (keys + flash_keys - 1) / flash_keys;
	chunks<D, rows>(d == D, [&](int r, int c) {
		const int m = min(m0 + r, m1 - 1), i = heads(m);
		load8<D>(chunk<D>(sq, r, c), x + ((a.b + i) * w + (m - i * (int)heads.g + kv * (int)heads.g) * d), c, m0 + r < m1, d);
	});
	auto load = [&](int t) {
		u8 *s = skv + (t & 1) * 2 * tile;
		const b16 *k = x + (hq + kv) * d;
		chunks<D, flash_keys>(d == D, [&](int r, int c) {
			const int j = t * flash_keys + r;
			const b16 *g = k + a.key(min(j, keys - 1)) * w;
			load8<D>(chunk<D>(s, r, c), g, c, j < keys, d);
			load8<D>(chunk<D>(s + tile, r, c), g + hkv * d, c, j < keys, d);
		});
		copy_commit();
	};
	load(0);
	const int first = m0 + warp * 16 * M; // row of work
	const float c = scale * 1.44269504f;  // to powers of two
	float acc[M][D / 8][4], top[M][2], sum[M][2];
#pragma unroll
	for (int i = 0; i < M; i++) {
		clear<D / 8>(acc[i]);
#pragma unroll
		for (int r = 0; r < 2; r++) top[i][r] = -1e30f, sum[i][r] = 0;
	}
	const int mine = first < m1 ? a.q + heads(first + 16 * M - 1) : -1, all = a.q + heads(first); // keys that some row sees, and that every row does
	for (int t = 0; t < tiles; t++) {
		copy_wait<0>();
#ifndef HN_PLANT_NO_FLASH_BARRIER // tests plant a fault here
		__syncthreads();
#endif
		if (t + 1 < tiles) load(t + 1);
		const int j0 = t * flash_keys;
		ln.again();
		if (mine < j0) continue;
		u8 *sk = skv + (t & 1) * 2 * tile, *sv = sk + tile;
		float s[M][flash_keys / 8][4];
#pragma unroll
		for (int i = 0; i < M; i++) clear<flash_keys / 8>(s[i]);
#pragma unroll
		for (int k = 0; k < D / 16; k++) {
			u32 q[M][4];
#pragma unroll
			for (int i = 0; i < M; i++) ln.left(q[i], sq, warp * 16 * M + 16 * i, k);
#pragma unroll
			for (int n = 0; n < flash_keys / 16; n++) {
				u32 b[4];
				ln.across(b, sk, 16 * n, k);
#pragma unroll
				for (int i = 0; i < M; i++) mma(s[i][2 * n], q[i], b), mma(s[i][2 * n + 1], q[i], b + 2);
			}
		}
		if (all < j0 + flash_keys - 1)
#pragma unroll
			for (int i = 0; i < M; i++)
#pragma unroll
				for (int r = 0; r < 2; r++) {
					const int last = a.q + heads(first + 16 * i + 8 * r + lane / 4) - j0 - 2 * (lane % 4); // key that the row sees
#pragma unroll
					for (int n = 0; n < flash_keys / 8; n++)
#pragma unroll
						for (int e = 0; e < 2; e++)
							if (8 * n + e > last) s[i][n][2 * r + e] = -1e30f;
				}
#pragma unroll
		for (int i = 0; i < M; i++)
#pragma unroll
			for (int r = 0; r < 2; r++) {
				float mx = top[i][r], part = 0;
#pragma unroll
				for (int n = 0; n < flash_keys / 8; n++) mx = fmaxf(mx, fmaxf(s[i][n][2 * r], s[i][n][2 * r + 1]));
				mx = fmaxf(mx, __shfl_xor_sync(~0u, mx, 1));
				mx = fmaxf(mx, __shfl_xor_sync(~0u, mx, 2));
				const float fix = exp2_fast((top[i][r] - mx) * c), base = mx * c;
				top[i][r] = mx;
#pragma unroll
				for (int n = 0; n < flash_keys / 8; n++) {
					s[i][n][2 * r] = exp2_fast(s[i][n][2 * r] * c - base);
					s[i][n][2 * r + 1] = exp2_fast(s[i][n][2 * r + 1] * c - base);
					part += s[i][n][2 * r] + s[i][n][2 * r + 1];
				}
				sum[i][r] = sum[i][r] * fix + part;
#pragma unroll
				for (int n = 0; n < D / 8; n++) acc[i][n][2 * r] *= fix, acc[i][n][2 * r + 1] *= fix;
			}
#pragma unroll
		for (int n = 0; n < flash_keys / 16; n++) {
			u32 p[M][4];
#pragma unroll
			for (int i = 0; i < M; i++)
#pragma unroll
				for (int e = 0; e < 4; e++) p[i][e] = pack(s[i][2 * n + e / 2][e % 2 * 2], s[i][2 * n + e / 2][e % 2 * 2 + 1]);
#pragma unroll
			for (int k = 0; k < D / 16; k++) {
				u32 b[4];
				ln.along(b, sv, 16 * n, k);
#pragma unroll
				for (int i = 0; i < M; i++) mma(acc[i][2 * k], p[i], b), mma(acc[i][2 * k + 1], p[i], b + 2);
			}
		}
	}
	if (first >= m1) return;
#pragma unroll
	for (int i = 0; i < M; i++)
#pragma unroll
		for (int r = 0; r < 2; r++) {
			float total = sum[i][r];
			total += __shfl_xor_sync(~0u, total, 1);
			total += __shfl_xor_sync(~0u, total, 2);
			const float inverse = 1.0f / total;
			const int row = warp * 16 * M + 16 * i + 8 * r + lane / 4, m = m0 + row, token = heads(m);
			if (lse && lane % 4 == 0 && m < m1) lse[(size_t)(a.b + token) * hq + kv * heads.g + m - token * heads.g] = top[i][r] * scale + logf(total);
#pragma unroll
			for (int n = 0; n < D / 8; n++) ((u32 *)chunk<D>(sq, row, n))[lane % 4] = pack(acc[i][n][2 * r] * inverse, acc[i][n][2 * r + 1] * inverse);
		}
	empty<D, 16 * M>(sq + warp * 16 * M * 2 * D, d, [&](int r) {
		const int m = first + r, i = heads(m);
		return m < m1 ? o + ((size_t)(a.b + i) * hq + kv * heads.g + m - i * heads.g) * d : (b16 *)0;
	});
}

// An M of 2 needs all 255 registers, and halves the reads of K and V from shared
// memory.
#define FLASH(name, D, M)                                                                                                                                                                    \
	extern "C" __global__ void __launch_bounds__(flash_threads, 2) name(b16 *o, float *lse, const b16 *x, const int *segs, const int *parent, int nsegs, int hq, int hkv, int d, float scale) { \
		flash_forward<D, M>(o, lse, x, segs, parent, nsegs, hq, hkv, d, scale);                                                                                                                  \
	}                                                                                                                                                                                         \
	HN_KERNEL(name)
FLASH(flash_64, 64, 2)
FLASH(flash_128, 128, 1)

// Flash attention in bf16 on the tensor cores: causal, grouped-query, over
// packed segments that may share a parent (see graph.Rope). Sums are fp32 and in
// an order that the shapes fix, so two runs give the same bits.
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

// Operands of the products, as fragments of 16 rows by 16 columns of a tile: the
// left operand, from rows r to r+16 and columns 16·k on; and right operands for
// two products, with these rows as their columns (across), or with these columns
// and a sum over the rows (along). What follows from a lane's place is worked
// out again after again(), in each iteration, for it would fill registers
// otherwise.
template <int D> struct lanes {
	int straight, crossed, thread;
	__device__ __forceinline__ void again() {
#ifdef HN_HOST
		thread = threadIdx.x;
#else
		asm volatile("mov.u32 %0, %%tid.x;" : "=r"(thread));
#endif
		const int l = thread % 32;
		straight = (l & 15) * 2 * D + (((l >> 4) ^ (l & 7)) << 4);
		crossed = ((l & 7) + (l >> 4 << 3)) * 2 * D + (((l >> 3 & 1) ^ (l & 7)) << 4);
	}
	__device__ __forceinline__ lanes() { again(); }
	__device__ __forceinline__ void left(u32 *a, const u8 *tile, int r, int k) const { load_matrices<false>(a, tile + r * 2 * D + (straight ^ (k << 5))); }
	__device__ __forceinline__ void across(u32 *b, const u8 *tile, int r, int k) const { load_matrices<false>(b, tile + r * 2 * D + (crossed ^ (k << 5))); }
	__device__ __forceinline__ void along(u32 *b, const u8 *tile, int r, int k) const { load_matrices<true>(b, tile + r * 2 * D + (straight ^ (k << 5))); }
};

// chunks calls f for the chunks of a tile, row by row.
template <int D, int rows, class F> __device__ __forceinline__ void chunks(const lanes<D> &ln, bool exact, F f) {
	const int r0 = ln.thread / (D / 8), c = ln.thread % (D / 8);
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

// write_rows writes rows of d elements that lie in a tile, by the threads of a warp.
template <int D, int rows, class F> __device__ __forceinline__ void write_rows(u8 *tile, int d, F row) {
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

// divide divides by a number of heads without a division: exact for m below 2³¹/g.
struct divide {
	u32 g, inverse;
	__device__ __forceinline__ explicit divide(int n) : g(n), inverse((0x80000000u + n - 1) / n) {}
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
	int lo = 0;
	for (int step = n;;) { // each warp looks at 32 places at once
		step = (step + 31) / 32;
		const int s = lo + threadIdx.x % 32 * step;
		lo += (__popc(__ballot_sync(~0u, s < n && segs[s] * per / size + s <= x)) - 1) * step;
		if (step == 1) break;
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

// arrive waits for the tile under way, and until all have done with the one before.
__device__ __forceinline__ void arrive() {
#ifndef HN_PLANT_NO_FLASH_WAIT // tests plant faults here
	copy_wait<0>();
#endif
#ifndef HN_PLANT_NO_FLASH_BARRIER
	__syncthreads();
#endif
}

// flash_note holds numbers of a block in shared memory, to save registers.
struct flash_note {
	flash_work work;
	divide heads;
	int m0, m1, keys;
};

template <int n> __device__ __forceinline__ void zeros(float (*s)[4]) {
#pragma unroll
	for (int i = 0; i < n; i++) s[i][0] = s[i][1] = s[i][2] = s[i][3] = 0;
}

// scores is the product of M times 16 rows of one tile with N rows of another.
template <int D, int N, int M> __device__ __forceinline__ void scores(float (*s)[N / 8][4], const lanes<D> &ln, const u8 *left, int r, const u8 *across, int from) {
#pragma unroll
	for (int i = 0; i < M; i++) zeros<N / 8>(s[i]);
#pragma unroll 4
	for (int k = 0; k < D / 16; k++) { // not all at once: their loads would go up, and need registers
		u32 a[M][4];
#pragma unroll
		for (int i = 0; i < M; i++) ln.left(a[i], left, r + 16 * i, k);
#pragma unroll
		for (int n = 0; n < N / 16; n++) {
			u32 b[4];
			ln.across(b, across, from + 16 * n, k);
#pragma unroll
			for (int i = 0; i < M; i++) mma(s[i][2 * n], a[i], b), mma(s[i][2 * n + 1], a[i], b + 2);
		}
	}
}

// Forward. Grid: (rows·g/(64·M) + segments, key heads), 128 threads. A warp has M
// times 16 rows of work; tiles of 32 keys, two in flight. lse may be 0.
template <int D, int M> __device__ __forceinline__ void flash_forward(u8 *shared, b16 *o, float *lse, const b16 *x, const int *segs, const int *parent, int nsegs, int hq, int hkv, int d, float scale) {
	enum { rows = 64 * M, step = 32, tile = step * 2 * D };
	u8 *sq = shared, *skv = sq + rows * 2 * D; // K and V of one tile, K and V of the next
	flash_note *note = (flash_note *)(skv + 4 * tile);
	const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, kv = blockIdx.y, w = (hq + 2 * hkv) * d;
	const divide heads(hq / hkv);
	lanes<D> ln;
	const flash_tile at = tile_of<rows>(segs, nsegs, blockIdx.x, heads.g);
	const flash_work a = work_of(segs, parent, at.s);
	const int m1 = a.len * heads.g, m0 = ((m1 + rows - 1) / rows - 1 - at.i) * rows; // longest first
	if (m0 < 0) return;
	const int keys = a.q + heads(min(m0 + (int)rows, m1) - 1) + 1;
	chunks<D, rows>(ln, d == D, [&](int r, int c) {
		const int m = min(m0 + r, m1 - 1), i = heads(m);
		load8<D>(chunk<D>(sq, r, c), x + ((a.b + i) * w + (m - i * (int)heads.g + kv * (int)heads.g) * d), c, m0 + r < m1, d);
	});
	if (threadIdx.x == 0) note->work = a, note->heads = heads, note->m0 = m0, note->m1 = m1, note->keys = keys;
	auto load = [&](int t, flash_work a, int keys) {
		u8 *s = skv + (t & 1) * 2 * tile;
		const b16 *k = x + (hq + kv) * d;
		chunks<D, step>(ln, d == D, [&](int r, int c) {
			const int j = t * step + r;
			const b16 *g = k + a.key(min(j, keys - 1)) * w;
			load8<D>(chunk<D>(s, r, c), g, c, j < keys, d);
			load8<D>(chunk<D>(s + tile, r, c), g + hkv * d, c, j < keys, d);
		});
		copy_commit();
	};
	load(0, a, keys);
	const int mine = warp * 16 * M;      // first row of the warp
	const float c = scale * 1.44269504f; // to powers of two
	float acc[M][D / 8][4], top[M][2], sum[M][2];
#pragma unroll
	for (int i = 0; i < M; i++) {
		zeros<D / 8>(acc[i]);
#pragma unroll
		for (int r = 0; r < 2; r++) top[i][r] = -1e30f, sum[i][r] = 0;
	}
	// Last keys that some row of the warp sees, and that every row does.
	const int most = m0 + mine < m1 ? a.q + heads(m0 + mine + 16 * M - 1) : -1, least = a.q + heads(m0 + mine);
	for (int t = 0; t == 0 || t * step < note->keys; t++) {
		arrive();
		ln.again();
		if ((t + 1) * step < note->keys) load(t + 1, note->work, note->keys);
		const int j0 = t * step;
		if (most < j0) continue;
		u8 *sk = skv + (t & 1) * 2 * tile, *sv = sk + tile;
		float s[M][step / 8][4], fix[M][2];
		u32 p[M][step / 8][2];
		bool higher = false;
		scores<D, step, M>(s, ln, sq, mine, sk, 0);
		if (least < j0 + step - 1)
#pragma unroll
			for (int i = 0; i < M; i++)
#pragma unroll
				for (int r = 0; r < 2; r++) {
					const int last = note->work.q + note->heads(note->m0 + mine + 16 * i + 8 * r + lane / 4) - j0 - 2 * (lane % 4); // key that the row sees
#pragma unroll
					for (int n = 0; n < step / 8; n++)
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
				for (int n = 0; n < step / 8; n++) mx = fmaxf(mx, fmaxf(s[i][n][2 * r], s[i][n][2 * r + 1]));
				mx = fmaxf(mx, __shfl_xor_sync(~0u, mx, 1));
				mx = fmaxf(mx, __shfl_xor_sync(~0u, mx, 2));
				const float base = mx * c;
				fix[i][r] = exp2_fast((top[i][r] - mx) * c); // 1 if it stays
				higher |= mx > top[i][r];
				top[i][r] = mx;
#pragma unroll
				for (int n = 0; n < step / 8; n++) {
					const float a = exp2_fast(s[i][n][2 * r] * c - base), b = exp2_fast(s[i][n][2 * r + 1] * c - base);
					part += a + b;
					p[i][n][r] = pack(a, b);
				}
				sum[i][r] = sum[i][r] * fix[i][r] + part;
			}
		if (__ballot_sync(~0u, higher)) // rare after the first keys
#pragma unroll
			for (int i = 0; i < M; i++)
#pragma unroll
				for (int n = 0; n < D / 8; n++)
#pragma unroll
					for (int e = 0; e < 4; e++) acc[i][n][e] *= fix[i][e / 2];
#pragma unroll
		for (int n = 0; n < step / 16; n++)
#pragma unroll
			for (int k = 0; k < D / 16; k++) {
				u32 b[4];
				ln.along(b, sv, 16 * n, k);
#pragma unroll
				for (int i = 0; i < M; i++) mma(acc[i][2 * k], p[i][2 * n], b), mma(acc[i][2 * k + 1], p[i][2 * n], b + 2);
			}
	}
	if (most < 0) return;
#pragma unroll
	for (int i = 0; i < M; i++)
#pragma unroll
		for (int r = 0; r < 2; r++) {
			float total = sum[i][r];
			total += __shfl_xor_sync(~0u, total, 1);
			total += __shfl_xor_sync(~0u, total, 2);
			const float inverse = 1.0f / total;
			const int row = mine + 16 * i + 8 * r + lane / 4, m = note->m0 + row, token = note->heads(m);
			if (lse && lane % 4 == 0 && m < note->m1) lse[(size_t)(note->work.b + token) * hq + kv * note->heads.g + m - token * note->heads.g] = top[i][r] * scale + logf(total);
#pragma unroll
			for (int n = 0; n < D / 8; n++) ((u32 *)chunk<D>(sq, row, n))[lane % 4] = pack(acc[i][n][2 * r] * inverse, acc[i][n][2 * r + 1] * inverse);
		}
	write_rows<D, 16 * M>(sq + mine * 2 * D, d, [&](int r) {
		const int m = note->m0 + mine + r, i = note->heads(m);
		return m < note->m1 ? o + ((size_t)(note->work.b + i) * hq + kv * note->heads.g + m - i * note->heads.g) * d : (b16 *)0;
	});
}

// An M of 2 halves the reads of K and V from shared memory, which would be the
// limit on Hopper.
#define FLASH(name, D, M) \
	extern "C" __global__ void __launch_bounds__(flash_threads, 2) name(b16 *o, float *lse, const b16 *x, const int *segs, const int *parent, int nsegs, int hq, int hkv, int d, float scale) { \
		HN_SHARED(shared); \
		flash_forward<D, M>(shared, o, lse, x, segs, parent, nsegs, hq, hkv, d, scale); \
	} \
	HN_KERNEL(name)
FLASH(flash_64, 64, 2)
FLASH(flash_128, 128, 2)

// Backward, by the scheme of FlashAttention-2 without its atomics: dot = Σ o·do a
// row; blocks that own 64 keys of a key head and go over the rows of work that
// see them, and blocks that own 128 rows of work and go over their keys. Both
// work out the probabilities anew from lse.

// dot[i] = Σ o·do over a row of d, a warp each.
extern "C" __global__ void __launch_bounds__(256) flash_dot(float *dot, const b16 *o, const b16 *dout, int n, int d) {
	const int i = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
	float s = 0;
	if (i < n && d % 2 == 0) {
		const u32 *a = (const u32 *)(o + (size_t)i * d), *b = (const u32 *)(dout + (size_t)i * d);
		for (int c = lane; c < d / 2; c += 32) s += low(a[c]) * low(b[c]) + high(a[c]) * high(b[c]);
	} else if (i < n)
		for (int c = lane; c < d; c += 32) s += wide(o[(size_t)i * d + c]) * wide(dout[(size_t)i * d + c]);
	s = warp_sum(s);
	if (i < n && lane == 0) dot[i] = s;
}
HN_KERNEL(flash_dot)

enum { flash_rows = 64 }; // of work in a block of the backward pass
struct flash_backward {
	b16 *dx;
	const b16 *x, *dout;
	const float *lse, *dot;
	const int *segs, *parent;
	int nsegs, hq, hkv, d;
	float scale;
};

// scores_of is the product of 16 rows, held as fragments, with N rows of a tile.
template <int D, int N> __device__ __forceinline__ void scores_of(float (*s)[4], const lanes<D> &ln, const u32 (*a)[4], const u8 *across, int from) {
	zeros<N / 8>(s);
#pragma unroll
	for (int k = 0; k < D / 16; k++)
#pragma unroll
		for (int n = 0; n < N / 16; n++) {
			u32 b[4];
			ln.across(b, across, from + 16 * n, k);
			mma(s[2 * n], a[k], b), mma(s[2 * n + 1], a[k], b + 2);
		}
}
// weighted adds the product of such scores with N rows of a tile.
template <int D, int N, int M> __device__ __forceinline__ void weighted(float (*acc)[D / 8][4], const lanes<D> &ln, float (*s)[N / 8][4], const u8 *tile, int from) {
#pragma unroll
	for (int n = 0; n < N / 16; n++) {
		u32 a[M][4];
#pragma unroll
		for (int i = 0; i < M; i++)
#pragma unroll
			for (int e = 0; e < 4; e++) a[i][e] = pack(s[i][2 * n + e / 2][e % 2 * 2], s[i][2 * n + e / 2][e % 2 * 2 + 1]);
#pragma unroll
		for (int k = 0; k < D / 16; k++) {
			u32 b[4];
			ln.along(b, tile, from + 16 * n, k);
#pragma unroll
			for (int i = 0; i < M; i++) mma(acc[i][2 * k], a[i], b), mma(acc[i][2 * k + 1], a[i], b + 2);
		}
	}
}
// stage rounds 16 rows of sums into a tile.
template <int D> __device__ __forceinline__ void stage(u8 *tile, int r, float (*acc)[4], float scale) {
	const int lane = threadIdx.x % 32;
#pragma unroll
	for (int n = 0; n < D / 8; n++)
#pragma unroll
		for (int h = 0; h < 2; h++) ((u32 *)chunk<D>(tile, r + 8 * h + lane / 4, n))[lane % 4] = pack(acc[n][2 * h] * scale, acc[n][2 * h + 1] * scale);
}

// dk and dv of 64 keys; a warp has 16 of them.
template <int D> __device__ __forceinline__ void flash_dkv(const flash_backward &a, u8 *shared, int block, int kv) {
	enum { tile = 64 * 2 * D };
	u8 *sk = shared, *sv = sk + tile, *sq = sv + tile; // Q and dO of one tile, Q and dO of the next
	float *sl = (float *)(sq + 4 * tile);              // lse and dot in the same order
	int *note = (int *)(sl + 4 * flash_rows);          // numbers of the block, to save registers
	const int d = a.d, w = (a.hq + 2 * a.hkv) * d, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
	const divide heads(a.hq / a.hkv);
	lanes<D> ln;
	const flash_tile at = tile_of<flash_keys>(a.segs, a.nsegs, block, 1);
	const int j0 = a.segs[at.s] + flash_keys * at.i, j1 = a.segs[at.s + 1];
	if (j0 >= j1) return;
	int f = at.s;
	while (f + 1 < a.nsegs && a.parent[f + 1] == at.s) f++;
	// Rows of work from the first key's token on, up to the last follower's end.
	const int m1 = (a.segs[f + 1] - j0) * heads.g, tiles = (m1 + flash_rows - 1) / flash_rows;
	if (threadIdx.x == 0) note[0] = j0, note[1] = j1, note[2] = m1;
	const bool idle = 16 * warp >= j1 - j0;
	chunks<D, flash_keys>(ln, d == D, [&](int r, int c) {
		const b16 *g = a.x + (min(j0 + r, j1 - 1) * w + (a.hq + kv) * d);
		load8<D>(chunk<D>(sk, r, c), g, c, j0 + r < j1, d);
		load8<D>(chunk<D>(sv, r, c), g + a.hkv * d, c, j0 + r < j1, d);
	});
	auto load = [&](int t, int j0, int m1) {
		u8 *s = sq + (t & 1) * 2 * tile;
		chunks<D, flash_rows>(ln, d == D, [&](int r, int c) {
			const int m = min(t * flash_rows + r, m1 - 1), i = heads(m), h = kv * heads.g + m - i * heads.g;
			load8<D>(chunk<D>(s, r, c), a.x + ((j0 + i) * w + h * d), c, t * flash_rows + r < m1, d);
			load8<D>(chunk<D>(s + tile, r, c), a.dout + ((j0 + i) * a.hq + h) * d, c, t * flash_rows + r < m1, d);
		});
		const int r = ln.thread % flash_rows, m = min(t * flash_rows + r, m1 - 1), i = heads(m);
		copy4(sl + (t & 1) * 2 * flash_rows + ln.thread, (ln.thread < flash_rows ? a.lse : a.dot) + (j0 + i) * a.hq + kv * heads.g + m - i * heads.g, t * flash_rows + r < m1);
		copy_commit();
	};
	load(0, j0, m1);
	const float c = a.scale * 1.44269504f;
	float dk[D / 8][4], dv[D / 8][4];
	u32 fk[D / 16][4]; // the warp's keys
	zeros<D / 8>(dk), zeros<D / 8>(dv);
	for (int t = 0; t < tiles; t++) {
		arrive();
		ln.again();
		if (t + 1 < tiles) load(t + 1, note[0], note[2]);
		if (t == 0)
#pragma unroll
			for (int k = 0; k < D / 16; k++) ln.left(fk[k], sk, 16 * warp, k);
		if (idle) continue;
		const u8 *q = sq + (t & 1) * 2 * tile, *dout = q + tile;
		const float *lse = sl + (t & 1) * 2 * flash_rows + 2 * (lane % 4), *dot = lse + flash_rows;
#pragma unroll 1
		for (int z = 0; z < flash_rows; z += 32) { // halves, to save registers
			float p[4][4], s[4][4];                // keys × rows of work
			scores_of<D, 32>(p, ln, fk, q, z);
			if (heads(t * flash_rows + z) < 16 * warp + 15) // some key is later than some token
#pragma unroll
				for (int n = 0; n < 4; n++)
#pragma unroll
					for (int e = 0; e < 4; e++)
						if (heads(t * flash_rows + z + 8 * n + 2 * (lane % 4) + (e & 1)) < 16 * warp + lane / 4 + 8 * (e >> 1)) p[n][e] = -1e30f;
#pragma unroll
			for (int n = 0; n < 4; n++) {
				const float2 l = *(const float2 *)(lse + z + 8 * n);
#pragma unroll
				for (int e = 0; e < 4; e++) p[n][e] = exp2_fast(p[n][e] * c - (e & 1 ? l.y : l.x) * 1.44269504f);
			}
			weighted<D, 32, 1>(&dv, ln, &p, dout, z);
			scores<D, 32, 1>(&s, ln, sv, 16 * warp, dout, z);
#pragma unroll
			for (int n = 0; n < 4; n++) {
				const float2 l = *(const float2 *)(dot + z + 8 * n);
#pragma unroll
				for (int e = 0; e < 4; e++) s[n][e] = p[n][e] * (s[n][e] - (e & 1 ? l.y : l.x));
			}
			weighted<D, 32, 1>(&dk, ln, &s, q, z);
		}
	}
	stage<D>(sk, 16 * warp, dk, a.scale), stage<D>(sv, 16 * warp, dv, 1);
	for (int z = 0; z < 2; z++)
		write_rows<D, 16>((z ? sv : sk) + 16 * warp * 2 * D, d, [&](int r) {
			const int j = note[0] + 16 * warp + r;
			return j < note[1] ? a.dx + ((size_t)j * w + (a.hq + z * a.hkv + kv) * d) : (b16 *)0;
		});
}

// dq of 128 rows of work; a warp has M times 16 of them. Tiles of 32 keys.
template <int D, int M> __device__ __forceinline__ void flash_dq(const flash_backward &a, u8 *shared, int block, int kv) {
	enum { rows = 64 * M, step = 32, tile = step * 2 * D };
	u8 *sq = shared, *so = sq + rows * 2 * D, *skv = so + rows * 2 * D; // K and V of one tile, K and V of the next
	flash_note *note = (flash_note *)(skv + 4 * tile);
	const int d = a.d, w = (a.hq + 2 * a.hkv) * d, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
	const divide heads(a.hq / a.hkv);
	lanes<D> ln;
	const flash_tile at = tile_of<rows>(a.segs, a.nsegs, block, heads.g);
	const flash_work v = work_of(a.segs, a.parent, at.s);
	const int m1 = v.len * heads.g, m0 = ((m1 + rows - 1) / rows - 1 - at.i) * rows; // longest first
	if (m0 < 0) return;
	const int keys = v.q + heads(min(m0 + (int)rows, m1) - 1) + 1;
	if (threadIdx.x == 0) note->work = v, note->heads = heads, note->m0 = m0, note->m1 = m1, note->keys = keys;
	chunks<D, rows>(ln, d == D, [&](int r, int c) {
		const int m = min(m0 + r, m1 - 1), i = heads(m), h = kv * heads.g + m - i * heads.g;
		load8<D>(chunk<D>(sq, r, c), a.x + ((v.b + i) * w + h * d), c, m0 + r < m1, d);
		load8<D>(chunk<D>(so, r, c), a.dout + ((v.b + i) * a.hq + h) * d, c, m0 + r < m1, d);
	});
	auto load = [&](int t, flash_work v, int keys) {
		u8 *s = skv + (t & 1) * 2 * tile;
		const b16 *k = a.x + (a.hq + kv) * d;
		chunks<D, step>(ln, d == D, [&](int r, int c) {
			const int j = t * step + r;
			const b16 *g = k + v.key(min(j, keys - 1)) * w;
			load8<D>(chunk<D>(s, r, c), g, c, j < keys, d);
			load8<D>(chunk<D>(s + tile, r, c), g + a.hkv * d, c, j < keys, d);
		});
		copy_commit();
	};
	load(0, v, keys);
	const float c = a.scale * 1.44269504f;
	const int mine = 16 * M * warp;
	float dq[M][D / 8][4], lse[M][2], dot[M][2];
#pragma unroll
	for (int i = 0; i < M; i++) {
		zeros<D / 8>(dq[i]);
#pragma unroll
		for (int h = 0; h < 2; h++) {
			const int m = m0 + mine + 16 * i + 8 * h + lane / 4, r = heads(m), at = (v.b + r) * a.hq + kv * heads.g + m - r * heads.g;
			lse[i][h] = m < m1 ? a.lse[at] * 1.44269504f : 0.0f, dot[i][h] = m < m1 ? a.dot[at] : 0.0f;
		}
	}
	// Last keys that some row of the warp sees, and that every row does.
	const int most = m0 + mine < m1 ? v.q + heads(m0 + mine + 16 * M - 1) : -1, least = v.q + heads(m0 + mine);
	for (int t = 0; t == 0 || t * step < note->keys; t++) {
		arrive();
		ln.again();
		if ((t + 1) * step < note->keys) load(t + 1, note->work, note->keys);
		const int j = t * step;
		if (most < j) continue;
		const u8 *k = skv + (t & 1) * 2 * tile;
		float p[M][step / 8][4], s[M][step / 8][4];
		scores<D, step, M>(p, ln, sq, mine, k, 0);
		if (least < j + step - 1)
#pragma unroll
			for (int i = 0; i < M; i++)
#pragma unroll
				for (int h = 0; h < 2; h++) {
					const int last = note->work.q + note->heads(note->m0 + mine + 16 * i + 8 * h + lane / 4) - j - 2 * (lane % 4); // key that the row sees
#pragma unroll
					for (int n = 0; n < step / 8; n++)
#pragma unroll
						for (int e = 0; e < 2; e++)
							if (8 * n + e > last) p[i][n][2 * h + e] = -1e30f;
				}
		scores<D, step, M>(s, ln, so, mine, k + tile, 0);
#pragma unroll
		for (int i = 0; i < M; i++)
#pragma unroll
			for (int n = 0; n < step / 8; n++)
#pragma unroll
				for (int e = 0; e < 4; e++) s[i][n][e] = exp2_fast(p[i][n][e] * c - lse[i][e / 2]) * (s[i][n][e] - dot[i][e / 2]);
		weighted<D, step, M>(dq, ln, s, k, 0);
	}
	if (note->m0 + mine >= note->m1) return;
#pragma unroll
	for (int i = 0; i < M; i++) stage<D>(sq, mine + 16 * i, dq[i], a.scale);
	write_rows<D, 16 * M>(sq + mine * 2 * D, d, [&](int r) {
		const int m = note->m0 + mine + r, i = note->heads(m);
		return m < note->m1 ? a.dx + ((size_t)(note->work.b + i) * w + (kv * note->heads.g + m - i * note->heads.g) * d) : (b16 *)0;
	});
}

// Blocks for keys come first, for they are longer and fewer: those for rows fill
// the gaps. Grid: (key heads, blocks for keys + blocks for rows).
#define FLASH_GRAD(name, D) \
	extern "C" __global__ void __launch_bounds__(flash_threads, 2) \
	    name(b16 *dx, const b16 *x, const int *segs, const int *parent, const float *lse, const b16 *dout, const float *dot, int nsegs, int t, int hq, int hkv, int d, float scale) { \
		HN_SHARED(shared); \
		const flash_backward a = {dx, x, dout, lse, dot, segs, parent, nsegs, hq, hkv, d, scale}; \
		const int block = blockIdx.y, kv = blockIdx.x, keys = t / flash_keys + nsegs; \
		if (block < keys) flash_dkv<D>(a, shared, block, kv); \
		else flash_dq<D, 2>(a, shared, block - keys, kv); \
	} \
	HN_KERNEL(name)
FLASH_GRAD(flash_grad_64, 64)
FLASH_GRAD(flash_grad_128, 128)

// Products of few rows, x (m×k, m ≤ 64) · wᵀ with w n×k, in bfloat16 with fp32
// sums: bound by reading w once. A block has a tile of 64 or 128 rows of w, all of
// x, and one of splits parts of k; it computes w·xᵀ, so that w is on the tensor
// core's larger side.
//
// A step is 8192 elements of w. A warp has 64 rows of the tile and 32 columns, which
// no other warp wants, in shared memory of its own: once read, the place is filled
// again without a barrier. All stages of w are in flight while a step waits; those
// of x, which all warps share, are one behind.
//
// Of several parts each leaves its sums in part, and the block that finds the
// others' done (count) adds them in order. Then the result is stored (few_store),
// added to what is there (few_add), or, where half of a tile are gates and half the
// ups of the same columns, becomes silu(gate)·up in bfloat16 (few_gate). With
// few_parts the parts are left to the kernel that comes next (decode_norm).
enum { few_rows = 64, few_threads = 128, few_step = 8192, few_shared = 96 << 10 };
enum { few_store, few_add, few_gate, few_parts };

// few_wait waits until x of step s is there, and with it w: s+1… may be on the way.
template <int STAGES> __device__ __forceinline__ void few_wait(int s) {
	if (s == 0) copy_wait<STAGES - 2>(); // all of w came first
	else if (s == 1) copy_wait<STAGES - 1>();
	else if (s == 2) copy_wait<STAGES < 4 ? 2 * STAGES - 3 : STAGES>();
	else copy_wait<2 * STAGES - 3>();
}

template <int TILE> __device__ __forceinline__ void few_product(void *out, float *part, int *count, const b16 *x, const b16 *w, int m, int n, int k, int per, int splits, int mode) {
	HN_SHARED(shared);
	__shared__ int last;
	enum { columns = few_step / TILE, groups = TILE / 64, turns = 4 / groups, row_bytes = 2 * columns, w_bytes = 2 * few_step, stage_bytes = w_bytes + few_rows * row_bytes, stages = few_shared / stage_bytes };
	const int tid = threadIdx.x, warp = tid / 32, lane = tid % 32, at = blockIdx.x, split = blockIdx.y;
	const int group = warp % groups, turn = warp / groups, g = lane / 4, t = lane % 4;
	const int k0 = split * per * columns, steps = min(per, (k + columns - 1) / columns - split * per);
	// A thread's rows of w. Rows past the last one and columns past k repeat the
	// last: sums of such rows are not stored, and x is zero at such columns.
	u32 from[8];
#pragma unroll
	for (int i = 0; i < 8; i++) {
		const int r = group * 64 + 8 * i + g;
		int row = min(at * TILE + r, n - 1);
		if (mode == few_gate) // n/2 gates, then n/2 ups
			row = min(at * (TILE / 2) + r % (TILE / 2), n / 2 - 1) + (r < TILE / 2 ? 0 : n / 2);
		from[i] = (u32)row * k;
	}
	auto load_w = [&](int s) {
		if (s < steps) {
			unsigned char *to = shared + s % stages * stage_bytes + warp * 4096 + g * 64 + (t ^ g / 2) * 16;
			const int c = min(k0 + s * columns + turn * 32 + t * 8, k - 8);
#pragma unroll
			for (int i = 0; i < 8; i++) stream16(to + i * 512, w + (size_t)(from[i] + c));
		}
		copy_commit(); // a group for each step of w, and of x
	};
	// Chunks of 16 bytes are permuted, so that a column of eight lies in all banks.
	auto chunk = [](int r, int c) { return r * row_bytes + (c ^ (r & 7)) * 16; };
	auto load_x = [&](int s) {
		if (s < steps) {
			enum { chunks = columns / 8, between = few_threads / chunks };
			unsigned char *to = shared + s % stages * stage_bytes + w_bytes;
			const int column = tid % chunks, c = k0 + s * columns + column * 8;
#pragma unroll
			for (int i = 0; i < few_rows / between; i++) {
				const int r = tid / chunks + between * i;
				copy16(to + chunk(r, column), x + (size_t)min(r, m - 1) * k + min(c, k - 8), c < k && r < m);
			}
		}
		copy_commit();
	};
	for (int s = 0; s < stages; s++) load_w(s); // weights are there before x is
	after_previous();
	for (int s = 0; s < stages - 1; s++) load_x(s);
	float acc[4][few_rows / 8][4];
#pragma unroll
	for (int a = 0; a < 4; a++)
#pragma unroll
		for (int b = 0; b < few_rows / 8; b++)
#pragma unroll
			for (int c = 0; c < 4; c++) acc[a][b][c] = 0;
	for (int s = 0; s < steps; s++) {
		few_wait<stages>(s);
#ifndef HN_PLANT_NO_FEW_BARRIER // a test removes it and must notice
		__syncthreads(); // x of step s is there for all, and that of s-1 was read
#endif
		load_x(s + stages - 1);
		const unsigned char *sw = shared + s % stages * stage_bytes + warp * 4096, *sx = shared + s % stages * stage_bytes + w_bytes;
		u32 fw[4][2][4], fx[2][4];
		const int i = lane / 8, r = lane % 8;
#pragma unroll
		for (int a = 0; a < 4; a++)
#pragma unroll
			for (int q = 0; q < 2; q++) load_matrices<false>(fw[a][q], sw + (16 * a + i % 2 * 8 + r) * 64 + ((2 * q + i / 2) ^ r / 2) * 16);
		load_matrices<false>(fx[0], sx + chunk(r, turn * 4 + i));
#pragma unroll
		for (int b = 0; b < few_rows / 8; b++) {
			if (b + 1 < few_rows / 8) load_matrices<false>(fx[(b + 1) % 2], sx + chunk(8 * (b + 1) + r, turn * 4 + i));
#pragma unroll
			for (int q = 0; q < 2; q++)
#pragma unroll
				for (int a = 0; a < 4; a++) mma(acc[a][b], fw[a][q], fx[b % 2] + 2 * q);
		}
		__syncwarp(); // all lanes have read w of step s
		load_w(s + stages);
	}
	copy_wait<0>();
	__syncthreads();
	// Sums of x's rows by w's, for each turn.
	enum { pitch = TILE + 4, quads = TILE / 4 };
	float *sums = (float *)shared;
#pragma unroll
	for (int a = 0; a < 4; a++)
#pragma unroll
		for (int b = 0; b < few_rows / 8; b++)
#pragma unroll
			for (int c = 0; c < 4; c++) sums[(turn * few_rows + 8 * b + 2 * t + c % 2) * pitch + group * 64 + 16 * a + g + c / 2 * 8] = acc[a][b][c];
	__syncthreads();
	auto sum4 = [&](int r, int c, int n) {
		float4 v = get4(sums + r * pitch + c);
		for (int p = 1; p < n; p++) {
			const float4 y = get4(sums + (p * few_rows + r) * pitch + c);
			v.x += y.x, v.y += y.y, v.z += y.z, v.w += y.w;
		}
		return v;
	};
	// From here on a thread has a column of four, and every few rows.
	enum { between = few_threads / quads };
	const int r0 = tid / quads, c0 = tid % quads * 4;
	int left = turns;
	if (splits > 1) {
		const size_t width = (size_t)gridDim.x * TILE;
		float *all = part + at * TILE + c0;
		for (int r = r0; r < m; r += between) put4(all + ((size_t)split * m + r) * width, sum4(r, c0, turns));
		if (mode == few_parts) return;
		__threadfence(); // the part is there before it is counted
		__syncthreads();
		if (tid == 0) {
			last = atomicAdd(&count[at], 1) == splits - 1;
			if (last) count[at] = 0;
		}
		__syncthreads();
		if (!last) return;
		__threadfence();
		for (int r = r0; r < m; r += 8 * between) {
			float4 v[8];
#pragma unroll
			for (int i = 0; i < 8; i++) v[i] = fresh4(all + (size_t)min(r + i * between, m - 1) * width);
#pragma unroll 2
			for (int p = 1; p < splits; p++)
#pragma unroll
				for (int i = 0; i < 8; i++) {
					const float4 y = fresh4(all + ((size_t)p * m + min(r + i * between, m - 1)) * width);
					v[i].x += y.x, v[i].y += y.y, v[i].z += y.z, v[i].w += y.w;
				}
#pragma unroll
			for (int i = 0; i < 8; i++)
				if (r + i * between < m) put4(sums + (r + i * between) * pitch + c0, v[i]);
		}
		left = 1;
		__syncthreads();
	}
	if (mode == few_gate) {
		for (int j = tid; j < m * quads / 2; j += few_threads) {
			const int r = j / (quads / 2), c = j % (quads / 2) * 4, col = at * (TILE / 2) + c;
			if (col >= n / 2) continue;
			const float4 a = sum4(r, c, left), u = sum4(r, TILE / 2 + c, left);
			put4((b16 *)out + (size_t)r * (n / 2) + col, make_float4(gated(a.x, u.x), gated(a.y, u.y), gated(a.z, u.z), gated(a.w, u.w)));
		}
		return;
	}
	const int col = at * TILE + c0;
	if (col >= n) return;
	for (int r = r0; r < m; r += between) {
		float4 v = sum4(r, c0, left);
		float *o = (float *)out + (size_t)r * n + col;
		if (mode == few_add) {
			const float4 y = get4(o);
			v.x += y.x, v.y += y.y, v.z += y.z, v.w += y.w;
		}
		put4(o, v);
	}
}

#define FEW_PRODUCT(name, TILE) \
	extern "C" __global__ void __launch_bounds__(few_threads, 2) name(void *out, float *part, int *count, const b16 *x, const b16 *w, int m, int n, int k, int per, int splits, int mode) { \
		few_product<TILE>(out, part, count, x, w, m, n, k, per, splits, mode); \
	}
FEW_PRODUCT(few_product_64, 64)
HN_KERNEL(few_product_64)
FEW_PRODUCT(few_product_128, 128)
HN_KERNEL(few_product_128)

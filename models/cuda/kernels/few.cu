// Products of few rows, x (m×k, m ≤ 64) · wᵀ with w n×k, in bfloat16 with fp32
// sums: bound by reading w once. A block has a tile of 64 or 128 rows of w, all of
// x, and one of splits parts of k; it computes w·xᵀ, so that w is on the tensor
// core's larger side. Four stages of 64 columns are in flight.
//
// Of several parts each leaves its sums in part, and the block that finds the
// others' done (count) adds them in order. Then the result is stored (few_store),
// added to what is there (few_add), or, where half of a tile are gates and half the
// ups of the same columns, becomes silu(gate)·up in bfloat16 (few_gate).
enum { few_rows = 64, few_stages = 4 };
enum { few_store, few_add, few_gate };

// The weight row of a tile's row, or -1.
template <int TILE> __device__ __forceinline__ int few_row(int tile_at, int r, int n, int mode) {
	if (mode == few_gate) { // n/2 gates, then n/2 ups
		const int c = tile_at * (TILE / 2) + r % (TILE / 2);
		return c >= n / 2 ? -1 : r < TILE / 2 ? c : n / 2 + c;
	}
	const int c = tile_at * TILE + r;
	return c < n ? c : -1;
}

// Rows of 64 elements lie in 8 chunks of 16 bytes, permuted so that eight rows
// of a column of chunks fall into different banks.
__device__ __forceinline__ int few_chunk(int row, int c) { return (row * 8 + (c ^ (row & 7))) * 16; }

template <int TILE> __device__ __forceinline__ void few_product(void *out, float *part, int *count, const b16 *x, const b16 *w, int m, int n, int k, int per, int splits, int mode) {
	HN_SHARED(shared);
	__shared__ int last;
	const int tid = threadIdx.x, warp = tid / 32, lane = tid % 32, at = blockIdx.x, split = blockIdx.y;
	const int k0 = split * per * 64, steps = min(per, (k + 63) / 64 - split * per);
	enum { stage_bytes = (TILE + few_rows) * 128, wt = TILE / 32, pitch = TILE + 4 };
	// A thread copies a column of chunks of w and x a stage: rows tid/8 + 16·i.
	const int column = tid % 8;
	auto load_w = [&](int s) {
		if (s >= steps) return;
		const int c = k0 + s * 64 + column * 8, inside = c < k;
		unsigned char *to = shared + s % few_stages * stage_bytes;
#pragma unroll
		for (int i = 0; i < TILE / 16; i++) {
			const int r = tid / 8 + 16 * i, row = few_row<TILE>(at, r, n, mode);
			copy16(to + few_chunk(r, column), w + (size_t)max(row, 0) * k + (inside ? c : 0), inside && row >= 0);
		}
	};
	auto load_x = [&](int s) {
		if (s < steps) {
			const int c = k0 + s * 64 + column * 8, inside = c < k;
			unsigned char *to = shared + s % few_stages * stage_bytes + TILE * 128;
#pragma unroll
			for (int i = 0; i < few_rows / 16; i++) {
				const int r = tid / 8 + 16 * i;
				copy16(to + few_chunk(r, column), x + (size_t)min(r, m - 1) * k + (inside ? c : 0), inside && r < m);
			}
		}
		copy_commit(); // a group for each stage
	};
	for (int s = 0; s < few_stages - 1; s++) load_w(s); // weights are there before x is
	after_previous();
	for (int s = 0; s < few_stages - 1; s++) load_x(s);
	// A warp has half of the tile and half of x.
	const int wr = warp / 2 * (TILE / 2), xr = warp % 2 * 32, i = lane / 8, r = lane % 8;
	float acc[wt][4][4];
#pragma unroll
	for (int a = 0; a < wt; a++)
#pragma unroll
		for (int b = 0; b < 4; b++)
#pragma unroll
			for (int c = 0; c < 4; c++) acc[a][b][c] = 0;
	for (int s = 0; s < steps; s++) {
		copy_wait<few_stages - 2>();
		__syncthreads(); // stage s is there, and s-1 is free
		load_w(s + few_stages - 1);
		load_x(s + few_stages - 1);
		const unsigned char *sw = shared + s % few_stages * stage_bytes, *sx = sw + TILE * 128;
#pragma unroll
		for (int q = 0; q < 4; q++) {
			u32 fw[wt][4], fx[2][4];
#pragma unroll
			for (int a = 0; a < wt; a++) load_matrices<false>(fw[a], sw + few_chunk(wr + 16 * a + i % 2 * 8 + r, 2 * q + i / 2));
#pragma unroll
			for (int a = 0; a < 2; a++) load_matrices<false>(fx[a], sx + few_chunk(xr + 16 * a + i / 2 * 8 + r, 2 * q + i % 2));
#pragma unroll
			for (int a = 0; a < wt; a++)
#pragma unroll
				for (int b = 0; b < 4; b++) mma(acc[a][b], fw[a], fx[b / 2] + b % 2 * 2);
		}
	}
	copy_wait<0>();
	__syncthreads();
	float *sums = (float *)shared; // (rows of x, pitch)
#pragma unroll
	for (int a = 0; a < wt; a++)
#pragma unroll
		for (int b = 0; b < 4; b++)
#pragma unroll
			for (int c = 0; c < 4; c++) sums[(xr + 8 * b + 2 * (lane % 4) + c % 2) * pitch + wr + 16 * a + lane / 4 + c / 2 * 8] = acc[a][b][c];
	__syncthreads();
	enum { quads = TILE / 4 };
	if (splits > 1) {
		float *own = part + ((size_t)at * splits + split) * TILE * few_rows;
		for (int j = tid; j < m * quads; j += 128) put4(own + 4 * j, get4(sums + j / quads * pitch + j % quads * 4));
		__threadfence();
		__syncthreads();
		if (tid == 0) {
			last = atomicAdd(&count[at], 1) == splits - 1;
			if (last) count[at] = 0;
		}
		__syncthreads();
		if (!last) return;
		__threadfence();
		const float *all = part + (size_t)at * splits * TILE * few_rows;
		enum { each = few_rows * quads / 128 }; // of a thread, all read at a time
		float4 v[each];
#pragma unroll
		for (int q = 0; q < each; q++) v[q] = make_float4(0, 0, 0, 0);
#pragma unroll 2
		for (int p = 0; p < splits; p++)
#pragma unroll
			for (int q = 0; q < each; q++) {
				const int j = tid + 128 * q;
				if (j >= m * quads) continue;
				const float4 y = fresh4(all + (size_t)p * TILE * few_rows + 4 * j);
				v[q].x += y.x, v[q].y += y.y, v[q].z += y.z, v[q].w += y.w;
			}
#pragma unroll
		for (int q = 0; q < each; q++) {
			const int j = tid + 128 * q;
			if (j < m * quads) put4(sums + j / quads * pitch + j % quads * 4, v[q]);
		}
		__syncthreads();
	}
	if (mode == few_gate) {
		for (int j = tid; j < m * quads / 2; j += 128) {
			const int row = j / (quads / 2), c = j % (quads / 2) * 4, col = at * (TILE / 2) + c;
			if (col >= n / 2) continue;
			const float4 g = get4(sums + row * pitch + c), u = get4(sums + row * pitch + TILE / 2 + c);
			put4((b16 *)out + (size_t)row * (n / 2) + col, make_float4(gated(g.x, u.x), gated(g.y, u.y), gated(g.z, u.z), gated(g.w, u.w)));
		}
		return;
	}
	for (int j = tid; j < m * quads; j += 128) {
		const int row = j / quads, col = at * TILE + j % quads * 4;
		if (col >= n) continue;
		float4 v = get4(sums + row * pitch + j % quads * 4);
		float *o = (float *)out + (size_t)row * n + col;
		if (mode == few_add) {
			const float4 y = get4(o);
			v.x += y.x, v.y += y.y, v.z += y.z, v.w += y.w;
		}
		put4(o, v);
	}
}

#define FEW_PRODUCT(name, TILE, blocks) \
	extern "C" __global__ void __launch_bounds__(128, blocks) name(void *out, float *part, int *count, const b16 *x, const b16 *w, int m, int n, int k, int per, int splits, int mode) { \
		few_product<TILE>(out, part, count, x, w, m, n, k, per, splits, mode); \
	}
FEW_PRODUCT(few_product_64, 64, 3)
HN_KERNEL(few_product_64)
FEW_PRODUCT(few_product_128, 128, 2)
HN_KERNEL(few_product_128)

// RMSNorm of t rows of d elements. A block has four rows: a warp each, which
// keeps its row in registers, where rows begin at 16 bytes and are short enough;
// else all threads go through them one after another.
enum { norm_rows = 4, row_parts = 8, row_max = 256 * row_parts };

template <class T> __device__ __forceinline__ bool fits_warp(const T *p, int d) { return whole(p, d) && d <= row_max; }

// A lane has the elements 8·(lane + 32·k) + e of a row; 0 beyond its end.
template <class T> __device__ __forceinline__ void load_row(float (*v)[8], const T *p, int d) {
#pragma unroll
	for (int k = 0; k < row_parts; k++) {
		const int c = 8 * (threadIdx.x % 32 + 32 * k);
		if (c < d) load8(v[k], p + c);
		else
#pragma unroll
			for (int e = 0; e < 8; e++) v[k][e] = 0;
	}
}
__device__ __forceinline__ float squares(const float (*v)[8]) {
	float s = 0;
#pragma unroll
	for (int k = 0; k < row_parts; k++)
#pragma unroll
		for (int e = 0; e < 8; e++) s += v[k][e] * v[k][e];
	return warp_sum(s);
}

template <class T> __device__ __forceinline__ float rstd_of(const T *x, int d, float eps) {
	float s = 0;
	for (int j = threadIdx.x; j < d; j += blockDim.x) s += wide(x[j]) * wide(x[j]);
	return 1.0f / sqrtf(block_sum(s) / d + eps);
}

template <class T> __device__ __forceinline__ void rmsnorm_of(T *y, const T *x, const float *gain, int t, int d, float eps) {
	const int first = blockIdx.x * norm_rows;
	if (fits_warp(x, d) && fits_warp(y, d) && fits_warp(gain, d)) {
		const int row = first + threadIdx.x / 32;
		if (row >= t) return;
		float v[row_parts][8];
		load_row(v, x + (size_t)row * d, d);
		const float r = 1.0f / sqrtf(squares(v) / d + eps);
#pragma unroll
		for (int k = 0; k < row_parts; k++) {
			const int c = 8 * (threadIdx.x % 32 + 32 * k);
			if (c >= d) break;
			float g[8];
			load8(g, gain + c);
#pragma unroll
			for (int e = 0; e < 8; e++) g[e] *= v[k][e] * r;
			store8(y + (size_t)row * d + c, g);
		}
		return;
	}
	for (int row = first; row < min(first + (int)norm_rows, t); row++) {
		const size_t at = (size_t)row * d;
		const float r = rstd_of(x + at, d, eps);
		for (int j = threadIdx.x; j < d; j += blockDim.x) y[at + j] = narrow<T>(wide(x[at + j]) * r * gain[j]);
	}
}
extern "C" __global__ void rmsnorm(float *y, const float *x, const float *gain, int t, int d, float eps) { rmsnorm_of(y, x, gain, t, d, eps); }
HN_KERNEL(rmsnorm)
extern "C" __global__ void rmsnorm_b16(b16 *y, const b16 *x, const float *gain, int t, int d, float eps) { rmsnorm_of(y, x, gain, t, d, eps); }
HN_KERNEL(rmsnorm_b16)

template <class T> __device__ __forceinline__ void rmsnorm_dx_of(T *dx, const T *x, const float *gain, const T *dy, int t, int d, float eps, int add) {
	const int first = blockIdx.x * norm_rows;
	if (fits_warp(x, d) && fits_warp(dx, d) && fits_warp(dy, d) && fits_warp(gain, d)) {
		const int row = first + threadIdx.x / 32;
		if (row >= t) return;
		const size_t at = (size_t)row * d;
		float v[row_parts][8], s = 0;
		load_row(v, x + at, d);
		const float r = 1.0f / sqrtf(squares(v) / d + eps);
#pragma unroll
		for (int k = 0; k < row_parts; k++) {
			const int c = 8 * (threadIdx.x % 32 + 32 * k);
			if (c >= d) break;
			float g[8], o[8];
			load8(g, gain + c), load8(o, dy + at + c);
#pragma unroll
			for (int e = 0; e < 8; e++) s += v[k][e] * g[e] * o[e];
		}
		s = warp_sum(s) * r * r / d;
#pragma unroll
		for (int k = 0; k < row_parts; k++) {
			const int c = 8 * (threadIdx.x % 32 + 32 * k);
			if (c >= d) break;
			float g[8], o[8], p[8];
			load8(g, gain + c), load8(o, dy + at + c);
			if (add) load8(p, dx + at + c);
#pragma unroll
			for (int e = 0; e < 8; e++) o[e] = r * (g[e] * o[e] - v[k][e] * s) + (add ? p[e] : 0.0f);
			store8(dx + at + c, o);
		}
		return;
	}
	for (int row = first; row < min(first + (int)norm_rows, t); row++) {
		const size_t at = (size_t)row * d;
		const float r = rstd_of(x + at, d, eps);
		float s = 0;
		for (int j = threadIdx.x; j < d; j += blockDim.x) s += wide(x[at + j]) * gain[j] * wide(dy[at + j]);
		s = block_sum(s) * r * r / d;
		for (int j = threadIdx.x; j < d; j += blockDim.x) store(dx + at + j, r * (gain[j] * wide(dy[at + j]) - wide(x[at + j]) * s), add);
	}
}
extern "C" __global__ void rmsnorm_dx(float *dx, const float *x, const float *gain, const float *dy, int t, int d, float eps, int add) { rmsnorm_dx_of(dx, x, gain, dy, t, d, eps, add); }
HN_KERNEL(rmsnorm_dx)
extern "C" __global__ void rmsnorm_dx_b16(b16 *dx, const b16 *x, const float *gain, const b16 *dy, int t, int d, float eps, int add) { rmsnorm_dx_of(dx, x, gain, dy, t, d, eps, add); }
HN_KERNEL(rmsnorm_dx_b16)

// The gradient of the gain in two passes: part[b][j] = Σ dy·x·r over the 24 rows
// of block b, then column_total. Warps take rows in turn; their sums are added in
// order.
enum { gain_rows = 24, gain_warps = 8 };
template <class T> __device__ __forceinline__ void rmsnorm_dg_of(float *part, const T *x, const T *dy, int t, int d, float eps) {
	__shared__ float sum[row_max];
	const int first = blockIdx.x * gain_rows, last = min(first + (int)gain_rows, t), warp = threadIdx.x / 32;
	part += (size_t)blockIdx.x * d;
	if (!(fits_warp(x, d) && fits_warp(dy, d))) {
		for (int j = threadIdx.x; j < d; j += blockDim.x) part[j] = 0;
		for (int row = first; row < last; row++) {
			const size_t at = (size_t)row * d;
			const float r = rstd_of(x + at, d, eps);
			for (int j = threadIdx.x; j < d; j += blockDim.x) part[j] += wide(dy[at + j]) * wide(x[at + j]) * r;
		}
		return;
	}
	float a[row_parts][8];
#pragma unroll
	for (int k = 0; k < row_parts; k++)
#pragma unroll
		for (int e = 0; e < 8; e++) a[k][e] = 0;
	for (int row = first + warp; row < last; row += gain_warps) {
		const size_t at = (size_t)row * d;
		float v[row_parts][8];
		load_row(v, x + at, d);
		const float r = 1.0f / sqrtf(squares(v) / d + eps);
#pragma unroll
		for (int k = 0; k < row_parts; k++) {
			const int c = 8 * (threadIdx.x % 32 + 32 * k);
			if (c >= d) break;
			float o[8];
			load8(o, dy + at + c);
#pragma unroll
			for (int e = 0; e < 8; e++) a[k][e] += o[e] * v[k][e] * r;
		}
	}
	for (int w = 0; w < gain_warps; w++) {
		if (w == warp)
#pragma unroll
			for (int k = 0; k < row_parts; k++) {
				const int c = 8 * (threadIdx.x % 32 + 32 * k);
				if (c >= d) break;
#pragma unroll
				for (int e = 0; e < 8; e++) sum[c + e] = w ? sum[c + e] + a[k][e] : a[k][e];
			}
		__syncthreads();
	}
	for (int j = threadIdx.x; j < d; j += blockDim.x) part[j] = sum[j];
}
extern "C" __global__ void __launch_bounds__(256) rmsnorm_dg(float *part, const float *x, const float *dy, int t, int d, float eps) { rmsnorm_dg_of(part, x, dy, t, d, eps); }
HN_KERNEL(rmsnorm_dg)
extern "C" __global__ void __launch_bounds__(256) rmsnorm_dg_b16(float *part, const b16 *x, const b16 *dy, int t, int d, float eps) { rmsnorm_dg_of(part, x, dy, t, d, eps); }
HN_KERNEL(rmsnorm_dg_b16)

// part[c][j] = Σ over chunk c of y.
enum { column_chunk = 64 };
template <class T> __device__ __forceinline__ void column_parts_of(float *part, const T *y, int t, int n) {
	const int j = blockIdx.x * blockDim.x + threadIdx.x;
	if (j >= n) return;
	const int lo = blockIdx.y * column_chunk, hi = min(lo + (int)column_chunk, t);
	float s = 0;
	for (int i = lo; i < hi; i++) s += wide(y[(size_t)i * n + j]);
	part[(size_t)blockIdx.y * n + j] = s;
}
extern "C" __global__ void column_parts(float *part, const float *y, int t, int n) { column_parts_of(part, y, t, n); }
HN_KERNEL(column_parts)
extern "C" __global__ void column_parts_b16(float *part, const b16 *y, int t, int n) { column_parts_of(part, y, t, n); }
HN_KERNEL(column_parts_b16)

// The parts in order: 32 columns a block, whose eight warps take parts in turn.
extern "C" __global__ void __launch_bounds__(256) column_total(float *out, const float *part, int parts, int n, int add) {
	__shared__ float sum[8][32];
	const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, j = blockIdx.x * 32 + lane;
	float s = 0;
	if (j < n)
		for (int p = warp; p < parts; p += 8) s += part[(size_t)p * n + j];
	sum[warp][lane] = s;
	__syncthreads();
	if (warp || j >= n) return;
	for (int w = 1; w < 8; w++) s += sum[w][lane];
	store(out + j, s, add);
}
HN_KERNEL(column_total)

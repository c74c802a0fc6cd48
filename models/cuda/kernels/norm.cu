// RMSNorm of rows of d elements, a block a row: eight elements a thread where rows
// begin at 16 bytes and the block is wide enough (normThreads in layer.go), so
// that a row is read once and all its loads are in flight at once.
template <class T> __device__ __forceinline__ bool fits_block(const T *p, int d) { return whole(p, d) && d <= 8 * (int)blockDim.x; }

// Two sums over the block with one pair of barriers.
__device__ __forceinline__ float2 block_sums(float a, float b) {
	__shared__ float2 part[32];
	a = warp_sum(a), b = warp_sum(b);
	if ((threadIdx.x & 31) == 0) part[threadIdx.x >> 5] = make_float2(a, b);
	__syncthreads();
	float2 s = part[0];
	for (int i = 1; i < (int)(blockDim.x >> 5); i++) s.x += part[i].x, s.y += part[i].y;
	return s;
}

template <class T> __device__ __forceinline__ float rstd_of(const T *x, int d, float eps) {
	float s = 0;
	for (int j = threadIdx.x; j < d; j += blockDim.x) s += wide(x[j]) * wide(x[j]);
	return 1.0f / sqrtf(block_sum(s) / d + eps);
}

template <class T> __device__ __forceinline__ void rmsnorm_of(T *y, const T *x, const float *gain, int d, float eps) {
	x += (size_t)blockIdx.x * d, y += (size_t)blockIdx.x * d;
	if (fits_block(x, d) && fits_block(y, d) && fits_block(gain, d)) {
		const int c = 8 * threadIdx.x;
		float v[8], g[8], s = 0;
		if (c < d) {
			load8(v, x + c), load8(g, gain + c);
			for (int e = 0; e < 8; e++) s += v[e] * v[e];
		}
		const float r = 1.0f / sqrtf(block_sums(s, 0).x / d + eps);
		if (c >= d) return;
		for (int e = 0; e < 8; e++) v[e] *= r * g[e];
		store8(y + c, v);
		return;
	}
	const float r = rstd_of(x, d, eps);
	for (int j = threadIdx.x; j < d; j += blockDim.x) y[j] = narrow<T>(wide(x[j]) * r * gain[j]);
}
extern "C" __global__ void rmsnorm(float *y, const float *x, const float *gain, int d, float eps) { rmsnorm_of(y, x, gain, d, eps); }
HN_KERNEL(rmsnorm)
extern "C" __global__ void rmsnorm_b16(b16 *y, const b16 *x, const float *gain, int d, float eps) { rmsnorm_of(y, x, gain, d, eps); }
HN_KERNEL(rmsnorm_b16)

template <class T> __device__ __forceinline__ void rmsnorm_dx_of(T *dx, const T *x, const float *gain, const T *dy, int d, float eps, int add) {
	const size_t at = (size_t)blockIdx.x * d;
	x += at, dx += at, dy += at;
	if (fits_block(x, d) && fits_block(dx, d) && fits_block(dy, d) && fits_block(gain, d)) {
		const int c = 8 * threadIdx.x;
		float v[8], g[8], o[8], p[8], q = 0, s = 0;
		if (c < d) {
			load8(v, x + c), load8(g, gain + c), load8(o, dy + c);
			if (add) load8(p, dx + c);
			for (int e = 0; e < 8; e++) o[e] *= g[e], q += v[e] * v[e], s += v[e] * o[e];
		}
		const float2 t = block_sums(q, s);
		const float r = 1.0f / sqrtf(t.x / d + eps), k = t.y * r * r / d;
		if (c >= d) return;
		for (int e = 0; e < 8; e++) v[e] = r * (o[e] - v[e] * k) + (add ? p[e] : 0.0f);
		store8(dx + c, v);
		return;
	}
	const float r = rstd_of(x, d, eps);
	float s = 0;
	for (int j = threadIdx.x; j < d; j += blockDim.x) s += wide(x[j]) * gain[j] * wide(dy[j]);
	s = block_sum(s) * r * r / d;
	for (int j = threadIdx.x; j < d; j += blockDim.x) store(dx + j, r * (gain[j] * wide(dy[j]) - wide(x[j]) * s), add);
}
extern "C" __global__ void rmsnorm_dx(float *dx, const float *x, const float *gain, const float *dy, int d, float eps, int add) { rmsnorm_dx_of(dx, x, gain, dy, d, eps, add); }
HN_KERNEL(rmsnorm_dx)
extern "C" __global__ void rmsnorm_dx_b16(b16 *dx, const b16 *x, const float *gain, const b16 *dy, int d, float eps, int add) { rmsnorm_dx_of(dx, x, gain, dy, d, eps, add); }
HN_KERNEL(rmsnorm_dx_b16)

// dx and the parts of the gain's gradient in one pass: R rows a block, whose loads
// are all in flight at once and whose sums share one barrier. Rows must fit the
// block.
template <class T, int R> __device__ __forceinline__ void rmsnorm_grad_of(T *dx, float *part, const T *x, const float *gain, const T *dy, int t, int d, float eps, int add) {
	__shared__ float2 sums[R][32];
	const int first = blockIdx.x * R, rows = min(R, t - first), c = 8 * threadIdx.x, warps = blockDim.x / 32;
	const size_t at = (size_t)first * d + c;
	packed8<T> px[R], py[R], pd[R];
	float g[8], a[8];
	for (int e = 0; e < 8; e++) a[e] = 0;
	if (c < d) {
		load8(g, gain + c);
#pragma unroll
		for (int i = 0; i < R; i++)
			if (i < rows) {
				px[i].load(x + at + (size_t)i * d), py[i].load(dy + at + (size_t)i * d);
				if (add) pd[i].load(dx + at + (size_t)i * d);
			}
	}
#pragma unroll
	for (int i = 0; i < R; i++) {
		float q = 0, s = 0;
		if (c < d && i < rows) {
			float v[8], o[8];
			px[i].to(v), py[i].to(o);
			for (int e = 0; e < 8; e++) q += v[e] * v[e], s += v[e] * (o[e] * g[e]);
		}
		q = warp_sum(q), s = warp_sum(s);
		if (threadIdx.x % 32 == 0) sums[i][threadIdx.x / 32] = make_float2(q, s);
	}
#ifndef HN_PLANT_NO_NORM_BARRIER // tests plant faults here
	__syncthreads();
#endif
	if (c >= d) return;
#pragma unroll
	for (int i = 0; i < R; i++) {
		if (i >= rows) break;
		float2 sum = sums[i][0];
		for (int w = 1; w < warps; w++) sum.x += sums[i][w].x, sum.y += sums[i][w].y;
		const float r = 1.0f / sqrtf(sum.x / d + eps), k = sum.y * r * r / d;
		float v[8], o[8], p[8];
		px[i].to(v), py[i].to(o);
		if (add) pd[i].to(p);
		for (int e = 0; e < 8; e++) {
			a[e] += o[e] * v[e] * r;
			v[e] = r * (o[e] * g[e] - v[e] * k) + (add ? p[e] : 0.0f);
		}
		store8(dx + at + (size_t)i * d, v);
	}
	store8(part + (size_t)blockIdx.x * d + c, a);
}
extern "C" __global__ void rmsnorm_grad(float *dx, float *part, const float *x, const float *gain, const float *dy, int t, int d, float eps, int add) { rmsnorm_grad_of<float, 2>(dx, part, x, gain, dy, t, d, eps, add); }
HN_KERNEL(rmsnorm_grad)
extern "C" __global__ void rmsnorm_grad_b16(b16 *dx, float *part, const b16 *x, const float *gain, const b16 *dy, int t, int d, float eps, int add) { rmsnorm_grad_of<b16, 4>(dx, part, x, gain, dy, t, d, eps, add); }
HN_KERNEL(rmsnorm_grad_b16)

// The gain's gradient alone, in two passes: part[b][j] = Σ dy·x·r over the rows of
// block b, then column_total. Warps find the rows' r in turn; then each thread
// has columns of its own.
enum { gain_rows = 16 };
template <class T> __device__ __forceinline__ void rmsnorm_dg_of(float *part, const T *x, const T *dy, int t, int d, float eps) {
	__shared__ float r[gain_rows];
	const int first = blockIdx.x * gain_rows, rows = min((int)gain_rows, t - first), vectors = whole(x, d) && whole(dy, d);
	x += (size_t)first * d, dy += (size_t)first * d, part += (size_t)blockIdx.x * d;
	for (int i = threadIdx.x / 32; i < rows; i += blockDim.x / 32) {
		float s = 0;
		if (vectors)
			for (int j = 8 * (threadIdx.x % 32); j < d; j += 256) {
				float v[8];
				load8(v, x + (size_t)i * d + j);
				for (int e = 0; e < 8; e++) s += v[e] * v[e];
			}
		else
			for (int j = threadIdx.x % 32; j < d; j += 32) s += wide(x[(size_t)i * d + j]) * wide(x[(size_t)i * d + j]);
		s = warp_sum(s);
		if (threadIdx.x % 32 == 0) r[i] = 1.0f / sqrtf(s / d + eps);
	}
	__syncthreads();
	if (!vectors) {
		for (int j = threadIdx.x; j < d; j += blockDim.x) {
			float s = 0;
			for (int i = 0; i < rows; i++) s += wide(dy[(size_t)i * d + j]) * wide(x[(size_t)i * d + j]) * r[i];
			part[j] = s;
		}
		return;
	}
	for (int j = 8 * threadIdx.x; j < d; j += 8 * blockDim.x) {
		float a[8];
		for (int e = 0; e < 8; e++) a[e] = 0;
#pragma unroll 4
		for (int i = 0; i < rows; i++) {
			float v[8], o[8];
			load8(v, x + (size_t)i * d + j), load8(o, dy + (size_t)i * d + j);
			for (int e = 0; e < 8; e++) a[e] += o[e] * v[e] * r[i];
		}
		store8(part + j, a);
	}
}
extern "C" __global__ void rmsnorm_dg(float *part, const float *x, const float *dy, int t, int d, float eps) { rmsnorm_dg_of(part, x, dy, t, d, eps); }
HN_KERNEL(rmsnorm_dg)
extern "C" __global__ void rmsnorm_dg_b16(float *part, const b16 *x, const b16 *dy, int t, int d, float eps) { rmsnorm_dg_of(part, x, dy, t, d, eps); }
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

// The parts in order: 32 columns a block, whose warps take parts in turn.
enum { total_warps = 32 };
extern "C" __global__ void __launch_bounds__(32 * total_warps, 1) column_total(float *out, const float *part, int parts, int n, int add) {
	__shared__ float sum[total_warps][32];
	const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, j = blockIdx.x * 32 + lane;
	float s = 0;
	if (j < n)
#pragma unroll 8
		for (int p = warp; p < parts; p += total_warps) s += part[(size_t)p * n + j];
	sum[warp][lane] = s;
	__syncthreads();
	if (warp || j >= n) return;
	for (int w = 1; w < total_warps; w++) s += sum[w][lane];
	store(out + j, s, add);
}
HN_KERNEL(column_total)

// RMSNorm of rows of d elements, one block a row, eight elements a thread at a
// time where rows begin at 16 bytes.
template <class T> __device__ __forceinline__ float rstd_of(const T *x, int d, float eps) {
	float s = 0;
	if (whole(x, d)) {
		for (int j = 8 * threadIdx.x; j < d; j += 8 * blockDim.x) {
			float v[8];
			load8(v, x + j);
			for (int e = 0; e < 8; e++) s += v[e] * v[e];
		}
	} else
		for (int j = threadIdx.x; j < d; j += blockDim.x) s += wide(x[j]) * wide(x[j]);
	return 1.0f / sqrtf(block_sum(s) / d + eps);
}

template <class T> __device__ __forceinline__ void rmsnorm_of(T *y, const T *x, const float *gain, int d, float eps) {
	x += (size_t)blockIdx.x * d, y += (size_t)blockIdx.x * d;
	const float r = rstd_of(x, d, eps);
	if (whole(x, d) && whole(y, d) && whole(gain, d))
		for (int j = 8 * threadIdx.x; j < d; j += 8 * blockDim.x) {
			float v[8], g[8];
			load8(v, x + j), load8(g, gain + j);
			for (int e = 0; e < 8; e++) v[e] *= r * g[e];
			store8(y + j, v);
		}
	else
		for (int j = threadIdx.x; j < d; j += blockDim.x) y[j] = narrow<T>(wide(x[j]) * r * gain[j]);
}
extern "C" __global__ void rmsnorm(float *y, const float *x, const float *gain, int d, float eps) { rmsnorm_of(y, x, gain, d, eps); }
HN_KERNEL(rmsnorm)
extern "C" __global__ void rmsnorm_b16(b16 *y, const b16 *x, const float *gain, int d, float eps) { rmsnorm_of(y, x, gain, d, eps); }
HN_KERNEL(rmsnorm_b16)

template <class T> __device__ __forceinline__ void rmsnorm_dx_of(T *dx, const T *x, const float *gain, const T *dy, int d, float eps, int add) {
	const size_t at = (size_t)blockIdx.x * d;
	x += at, dx += at, dy += at;
	const float r = rstd_of(x, d, eps);
	float s = 0;
	if (whole(x, d) && whole(dx, d) && whole(dy, d) && whole(gain, d)) {
		for (int j = 8 * threadIdx.x; j < d; j += 8 * blockDim.x) {
			float v[8], g[8], o[8];
			load8(v, x + j), load8(g, gain + j), load8(o, dy + j);
			for (int e = 0; e < 8; e++) s += v[e] * g[e] * o[e];
		}
		s = block_sum(s) * r * r / d;
		for (int j = 8 * threadIdx.x; j < d; j += 8 * blockDim.x) {
			float v[8], g[8], o[8], p[8];
			load8(v, x + j), load8(g, gain + j), load8(o, dy + j);
			if (add) load8(p, dx + j);
			for (int e = 0; e < 8; e++) v[e] = r * (g[e] * o[e] - v[e] * s) + (add ? p[e] : 0.0f);
			store8(dx + j, v);
		}
		return;
	}
	for (int j = threadIdx.x; j < d; j += blockDim.x) s += wide(x[j]) * gain[j] * wide(dy[j]);
	s = block_sum(s) * r * r / d;
	for (int j = threadIdx.x; j < d; j += blockDim.x) store(dx + j, r * (gain[j] * wide(dy[j]) - wide(x[j]) * s), add);
}
extern "C" __global__ void rmsnorm_dx(float *dx, const float *x, const float *gain, const float *dy, int d, float eps, int add) { rmsnorm_dx_of(dx, x, gain, dy, d, eps, add); }
HN_KERNEL(rmsnorm_dx)
extern "C" __global__ void rmsnorm_dx_b16(b16 *dx, const b16 *x, const float *gain, const b16 *dy, int d, float eps, int add) { rmsnorm_dx_of(dx, x, gain, dy, d, eps, add); }
HN_KERNEL(rmsnorm_dx_b16)

extern "C" __global__ void rstd(float *r, const float *x, int d, float eps) {
	const float v = rstd_of(x + (size_t)blockIdx.x * d, d, eps);
	if (threadIdx.x == 0) r[blockIdx.x] = v;
}
HN_KERNEL(rstd)
extern "C" __global__ void rstd_b16(float *r, const b16 *x, int d, float eps) {
	const float v = rstd_of(x + (size_t)blockIdx.x * d, d, eps);
	if (threadIdx.x == 0) r[blockIdx.x] = v;
}
HN_KERNEL(rstd_b16)

// Column sums in two passes: part[c][j] = Σ over chunk c of y, or of x·r·y for
// the gradient of the gain; then the parts in order.
enum { column_chunk = 64 };
template <class T> __device__ __forceinline__ void column_parts_of(float *part, const T *y, const T *x, const float *r, int t, int n) {
	const int j = blockIdx.x * blockDim.x + threadIdx.x;
	if (j >= n) return;
	const int lo = blockIdx.y * column_chunk, hi = min(lo + (int)column_chunk, t);
	float s = 0;
	for (int i = lo; i < hi; i++) {
		const float v = wide(y[(size_t)i * n + j]);
		s += x ? v * wide(x[(size_t)i * n + j]) * r[i] : v;
	}
	part[(size_t)blockIdx.y * n + j] = s;
}
extern "C" __global__ void column_parts(float *part, const float *y, const float *x, const float *r, int t, int n) { column_parts_of(part, y, x, r, t, n); }
HN_KERNEL(column_parts)
extern "C" __global__ void column_parts_b16(float *part, const b16 *y, const b16 *x, const float *r, int t, int n) { column_parts_of(part, y, x, r, t, n); }
HN_KERNEL(column_parts_b16)

extern "C" __global__ void column_total(float *out, const float *part, int parts, int n, int add) {
	const int j = blockIdx.x * blockDim.x + threadIdx.x;
	if (j >= n) return;
	float s = 0;
	for (int p = 0; p < parts; p++) s += part[(size_t)p * n + j];
	store(out + j, s, add);
}
HN_KERNEL(column_total)

// RMSNorm of rows of d elements, one block a row.
__device__ __forceinline__ float rstd_of(const float *x, int d, float eps) {
	float s = 0;
	for (int j = threadIdx.x; j < d; j += blockDim.x) s += x[j] * x[j];
	return 1.0f / sqrtf(block_sum(s) / d + eps);
}

extern "C" __global__ void rmsnorm(float *y, const float *x, const float *gain, int d, float eps) {
	x += (size_t)blockIdx.x * d, y += (size_t)blockIdx.x * d;
	const float r = rstd_of(x, d, eps);
	for (int j = threadIdx.x; j < d; j += blockDim.x) y[j] = x[j] * r * gain[j];
}
HN_KERNEL(rmsnorm)

extern "C" __global__ void rmsnorm_dx(float *dx, const float *x, const float *gain, const float *dy, int d, float eps, int add) {
	const size_t at = (size_t)blockIdx.x * d;
	x += at, dx += at, dy += at;
	const float r = rstd_of(x, d, eps);
	float s = 0;
	for (int j = threadIdx.x; j < d; j += blockDim.x) s += x[j] * gain[j] * dy[j];
	s = block_sum(s) * r * r / d;
	for (int j = threadIdx.x; j < d; j += blockDim.x) store(dx + j, r * (gain[j] * dy[j] - x[j] * s), add);
}
HN_KERNEL(rmsnorm_dx)

extern "C" __global__ void rstd(float *r, const float *x, int d, float eps) {
	const float v = rstd_of(x + (size_t)blockIdx.x * d, d, eps);
	if (threadIdx.x == 0) r[blockIdx.x] = v;
}
HN_KERNEL(rstd)

// Column sums in two passes: part[c][j] = Σ over chunk c of y, or of x·r·y for
// the gradient of the gain; then the parts in order.
enum { column_chunk = 64 };
extern "C" __global__ void column_parts(float *part, const float *y, const float *x, const float *r, int t, int n) {
	const int j = blockIdx.x * blockDim.x + threadIdx.x;
	if (j >= n) return;
	const int lo = blockIdx.y * column_chunk, hi = min(lo + (int)column_chunk, t);
	float s = 0;
	for (int i = lo; i < hi; i++) {
		const float v = y[(size_t)i * n + j];
		s += x ? v * x[(size_t)i * n + j] * r[i] : v;
	}
	part[(size_t)blockIdx.y * n + j] = s;
}
HN_KERNEL(column_parts)

extern "C" __global__ void column_total(float *out, const float *part, int parts, int n, int add) {
	const int j = blockIdx.x * blockDim.x + threadIdx.x;
	if (j >= n) return;
	float s = 0;
	for (int p = 0; p < parts; p++) s += part[(size_t)p * n + j];
	store(out + j, s, add);
}
HN_KERNEL(column_total)

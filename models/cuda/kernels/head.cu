// Between the last hidden state and the loss.

// x[i] = h[rows[i]]: the picked rows of a chunk.
template <class T> __device__ __forceinline__ void gather_of(T *x, const T *h, const int *rows, int d) {
	const size_t i = blockIdx.x, r = rows[i];
	for (int j = threadIdx.x; j < d; j += blockDim.x) x[i * d + j] = h[r * d + j];
}
extern "C" __global__ void gather(float *x, const float *h, const int *rows, int d) { gather_of(x, h, rows, d); }
HN_KERNEL(gather)
extern "C" __global__ void gather_b16(b16 *x, const b16 *h, const int *rows, int d) { gather_of(x, h, rows, d); }
HN_KERNEL(gather_b16)

// dh[rows[i]] += y[i].
extern "C" __global__ void __launch_bounds__(256) scatter(float *dh, const float *y, const int *rows, const int *first, const int *count, int n, int d) { add_same(dh, y, rows, first, count, n, d); }
HN_KERNEL(scatter)
extern "C" __global__ void __launch_bounds__(256) scatter_b16(b16 *dh, const b16 *y, const int *rows, const int *first, const int *count, int n, int d) { add_same(dh, y, rows, first, count, n, d); }
HN_KERNEL(scatter_b16)

// Of rows of v logits: lse = ln Σ exp(z), logp = z[id] - lse and, if wanted,
// the entropy lse - Σ p·z, in one pass: m is the largest so far, s = Σ exp(z-m)
// and w = Σ exp(z-m)·z. Merging two such triples is the same rule.
struct softsum {
	float m, s, w;
};
__device__ __forceinline__ void merge(softsum &a, const softsum &b) {
	const float m = fmaxf(a.m, b.m), fa = expf(a.m - m), fb = expf(b.m - m);
	a.s = a.s * fa + b.s * fb, a.w = a.w * fa + b.w * fb, a.m = m;
}
extern "C" __global__ void __launch_bounds__(512) log_prob(float *logp, float *lse, float *entropy, const float *z, const int *ids, int v) {
	__shared__ softsum part[16];
	z += (size_t)blockIdx.x * v;
	softsum a = {-1e30f, 0, 0};
	const int n = whole(z, 8) ? v / 8 * 8 : 0;
	for (int j = 8 * threadIdx.x; j < n; j += 8 * blockDim.x) {
		float x[8];
		load8(x, z + j);
		float m = x[0];
		for (int e = 1; e < 8; e++) m = fmaxf(m, x[e]);
		softsum b = {m, 0, 0};
		for (int e = 0; e < 8; e++) {
			const float p = expf(x[e] - m);
			b.s += p, b.w += p * x[e];
		}
		merge(a, b);
	}
	for (int j = n + threadIdx.x; j < v; j += blockDim.x) {
		const softsum b = {z[j], 1, z[j]};
		merge(a, b);
	}
	for (int o = 16; o; o >>= 1) {
		const softsum b = {__shfl_xor_sync(~0u, a.m, o), __shfl_xor_sync(~0u, a.s, o), __shfl_xor_sync(~0u, a.w, o)};
		merge(a, b);
	}
	if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = a;
	__syncthreads();
	if (threadIdx.x) return;
	for (int i = 1; i < (int)blockDim.x / 32; i++) merge(a, part[i]);
	const float l = a.m + logf(a.s);
	lse[blockIdx.x] = l, logp[blockIdx.x] = z[ids[blockIdx.x]] - l;
	if (entropy) entropy[blockIdx.x] = l - a.w / a.s;
}
HN_KERNEL(log_prob)

// o is the gradient of g·logp by the logits z; o may be z. Grid: stretches of
// 8·threads logits, picks.
template <class T> __device__ __forceinline__ void log_prob_grad_of(T *o, const float *z, const float *lse, const float *g, const int *ids, int v) {
	const size_t row = blockIdx.y, at = row * v;
	const float l = lse[row], w = g[row];
	const int id = ids[row], j = 8 * (blockIdx.x * blockDim.x + threadIdx.x);
	if (j >= v) return;
	z += at + j, o += at + j;
	if (whole(z, v) && whole(o, v)) {
		float x[8];
		load8(x, z);
		for (int e = 0; e < 8; e++) x[e] = (j + e == id ? w : 0.0f) - w * exponential<T>(x[e] - l);
		store8(o, x);
	} else
		for (int e = 0; e < min(8, v - j); e++) o[e] = narrow<T>((j + e == id ? w : 0.0f) - w * exponential<T>(z[e] - l));
}
extern "C" __global__ void log_prob_grad(float *o, const float *z, const float *lse, const float *g, const int *ids, int v) { log_prob_grad_of(o, z, lse, g, ids, v); }
HN_KERNEL(log_prob_grad)
extern "C" __global__ void log_prob_grad_b16(b16 *o, const float *z, const float *lse, const float *g, const int *ids, int v) { log_prob_grad_of(o, z, lse, g, ids, v); }
HN_KERNEL(log_prob_grad_b16)

// One thread a sequence, in the order of its picks.
extern "C" __global__ void seq_sum(float *out, const float *logp, const int *bounds, int n) {
	const int s = blockIdx.x * blockDim.x + threadIdx.x;
	if (s >= n) return;
	double sum = 0;
	for (int i = bounds[s]; i < bounds[s + 1]; i++) sum += logp[i];
	out[s] = (float)sum;
}
HN_KERNEL(seq_sum)

extern "C" __global__ void seq_sum_grad(float *out, const float *dsum, const int *bounds) {
	const int s = blockIdx.x;
	for (int i = bounds[s] + threadIdx.x; i < bounds[s + 1]; i += blockDim.x) out[i] = dsum[s];
}
HN_KERNEL(seq_sum_grad)

// The derivatives of a loss by n sequences' sums: see graph.Margins. table holds
// u and l of each sequence, then w and the weight of each pair. A margin that is
// not finite spoils them, so that the step is not taken.
extern "C" __global__ void margins(float *coef, const float *sums, const double *table, int n, int slope, double a, double b) {
	const int s = blockIdx.x * blockDim.x + threadIdx.x;
	if (s >= n) return;
	double d = table[2 * s + 1];
	if (slope) {
		const int c = s & ~1;
		const double *pair = table + 2 * n + c, m = table[2 * c] * sums[c] + table[2 * c + 2] * sums[c + 1] + pair[0];
		double f = 0;
		if (slope == 1) f = b / (1 + exp(-m)) - a / (1 + exp(m));
		else if (slope == 2) f = m < 1 ? -1 : 0;
		else f = 2 * m;
		d += pair[1] * f * table[2 * s] + (m - m);
	} else
		d += (double)sums[s] - sums[s];
	coef[s] = (float)d;
}
HN_KERNEL(margins)

// Between the last hidden state and the loss.

// x[i] = h[rows[i]]: the picked rows of a chunk.
extern "C" __global__ void gather(float *x, const float *h, const int *rows, int d) {
	const size_t i = blockIdx.x, r = rows[i];
	for (int j = threadIdx.x; j < d; j += blockDim.x) x[i * d + j] = h[r * d + j];
}
HN_KERNEL(gather)

// dh[rows[i]] += y[i]; the first pick of a row adds those of all.
extern "C" __global__ void scatter(float *dh, const float *y, const int *rows, int n, int d) {
	const int i = blockIdx.x, r = rows[i];
	for (int q = 0; q < i; q++)
		if (rows[q] == r) return;
	for (int j = threadIdx.x; j < d; j += blockDim.x) {
		float s = dh[(size_t)r * d + j];
		for (int q = i; q < n; q++)
			if (rows[q] == r) s += y[(size_t)q * d + j];
		dh[(size_t)r * d + j] = s;
	}
}
HN_KERNEL(scatter)

// lse = ln Σ exp(z), logp = z[id] - lse, of rows of v logits.
extern "C" __global__ void log_prob(float *logp, float *lse, const float *z, const int *ids, int v) {
	z += (size_t)blockIdx.x * v;
	float m = z[0], s = 0;
	for (int j = threadIdx.x; j < v; j += blockDim.x) m = fmaxf(m, z[j]);
	m = block_max(m);
	for (int j = threadIdx.x; j < v; j += blockDim.x) s += expf(z[j] - m);
	s = m + logf(block_sum(s));
	if (threadIdx.x == 0) lse[blockIdx.x] = s, logp[blockIdx.x] = z[ids[blockIdx.x]] - s;
}
HN_KERNEL(log_prob)

// The entropy of the softmax of rows of logits: lse - Σ p·z.
extern "C" __global__ void entropy(float *out, const float *z, const float *lse, int v) {
	z += (size_t)blockIdx.x * v;
	const float l = lse[blockIdx.x];
	float s = 0;
	for (int j = threadIdx.x; j < v; j += blockDim.x) s += expf(z[j] - l) * z[j];
	s = block_sum(s);
	if (threadIdx.x == 0) out[blockIdx.x] = l - s;
}
HN_KERNEL(entropy)

// z becomes the gradient of g·logp by the logits.
extern "C" __global__ void log_prob_grad(float *z, const float *lse, const float *g, const int *ids, int v) {
	z += (size_t)blockIdx.x * v;
	const float l = lse[blockIdx.x], w = g[blockIdx.x];
	const int id = ids[blockIdx.x];
	for (int j = threadIdx.x; j < v; j += blockDim.x) z[j] = (j == id ? w : 0.0f) - w * expf(z[j] - l);
}
HN_KERNEL(log_prob_grad)

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

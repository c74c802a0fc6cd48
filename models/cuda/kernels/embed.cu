// y[t] = w[tok[t]]. One block a row.
extern "C" __global__ void embed(float *y, const float *w, const int *tok, int d) {
	const size_t row = blockIdx.x, from = tok[row];
	for (int j = threadIdx.x; j < d; j += blockDim.x) y[row * d + j] = w[from * d + j];
}
HN_KERNEL(embed)

// dw[tok[t]] += dy[t]. The block of the first row with a token adds the rows of
// all, in their order: no atomics.
extern "C" __global__ void embed_grad(float *dw, const float *dy, const int *tok, int t, int d) {
	const int row = blockIdx.x, id = tok[row];
	int earlier = 0;
	for (int i = threadIdx.x; i < row; i += blockDim.x) earlier |= tok[i] == id;
	if (__syncthreads_or(earlier)) return;
	for (int j = threadIdx.x; j < d; j += blockDim.x) {
		float s = dw[(size_t)id * d + j];
		for (int i = row; i < t; i++)
			if (tok[i] == id) s += dy[(size_t)i * d + j];
		dw[(size_t)id * d + j] = s;
	}
}
HN_KERNEL(embed_grad)

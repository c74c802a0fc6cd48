// y[t] = w[tok[t]]. One block a row.
template <class T> __device__ __forceinline__ void embed_of(T *y, const T *w, const int *tok, int d) {
	const size_t row = blockIdx.x, from = tok[row];
	for (int j = threadIdx.x; j < d; j += blockDim.x) y[row * d + j] = w[from * d + j];
}
extern "C" __global__ void embed(float *y, const float *w, const int *tok, int d) { embed_of(y, w, tok, d); }
HN_KERNEL(embed)
extern "C" __global__ void embed_b16(b16 *y, const b16 *w, const int *tok, int d) { embed_of(y, w, tok, d); }
HN_KERNEL(embed_b16)

// dw[tok[t]] += dy[t]. The block of the first row with a token adds the rows of
// all, in their order: no atomics.
template <class T> __device__ __forceinline__ void embed_grad_of(float *dw, const T *dy, const int *tok, int t, int d) {
	__shared__ int same[256];
	const int row = blockIdx.x, id = tok[row];
	int earlier = 0;
	for (int i = threadIdx.x; i < row; i += blockDim.x) earlier |= tok[i] == id;
	if (__syncthreads_or(earlier)) return;
	dw += (size_t)id * d;
	for (int lo = row; lo < t; lo += blockDim.x) {
		const int i = lo + threadIdx.x, mine = i < t && tok[i] == id;
		if (!__syncthreads_or(mine)) continue;
		same[threadIdx.x] = mine;
		__syncthreads();
		for (int j = threadIdx.x; j < d; j += blockDim.x) {
			float s = dw[j];
			for (int e = 0; e < (int)blockDim.x; e++)
				if (same[e]) s += wide(dy[(size_t)(lo + e) * d + j]);
			dw[j] = s;
		}
	}
}
extern "C" __global__ void embed_grad(float *dw, const float *dy, const int *tok, int t, int d) { embed_grad_of(dw, dy, tok, t, d); }
HN_KERNEL(embed_grad)
extern "C" __global__ void embed_grad_b16(float *dw, const b16 *dy, const int *tok, int t, int d) { embed_grad_of(dw, dy, tok, t, d); }
HN_KERNEL(embed_grad_b16)

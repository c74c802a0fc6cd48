// y[t] = w[tok[t]]. One block a row.
template <class T> __device__ __forceinline__ void embed_of(T *y, const T *w, const int *tok, int d) {
	const size_t row = blockIdx.x, from = tok[row];
	for (int j = threadIdx.x; j < d; j += blockDim.x) y[row * d + j] = w[from * d + j];
}
extern "C" __global__ void embed(float *y, const float *w, const int *tok, int d) { embed_of(y, w, tok, d); }
HN_KERNEL(embed)
extern "C" __global__ void embed_b16(b16 *y, const b16 *w, const int *tok, int d) { embed_of(y, w, tok, d); }
HN_KERNEL(embed_b16)

// first[key] is the first of n places that hold a key, count[key] how many do:
// atomics of integers, whose order does not matter. Of other keys both stay
// as they are.
extern "C" __global__ void firsts_clear(int *first, int *count, const int *keys, int n) {
	const int i = blockIdx.x * blockDim.x + threadIdx.x;
	if (i < n) first[keys[i]] = n, count[keys[i]] = 0;
}
HN_KERNEL(firsts_clear)
extern "C" __global__ void firsts(int *first, int *count, const int *keys, int n) {
	const int i = blockIdx.x * blockDim.x + threadIdx.x;
	if (i >= n) return;
	atomicMin(first + keys[i], i);
	atomicAdd(count + keys[i], 1);
}
HN_KERNEL(firsts)

// to (+)= the rows of y whose key is that of this block's row, in their order;
// the block of the first of them adds all, and no other does.
template <class O, class T> __device__ __forceinline__ void add_same(O *to, const T *y, const int *keys, const int *first, const int *count, int n, int d) {
	__shared__ int same[256];
	const int row = blockIdx.x, key = keys[row];
	if (first[key] != row) return;
	to += (size_t)key * d;
	int left = count[key];
	if (left == 1) {
		for (int j = threadIdx.x; j < d; j += blockDim.x) store(to + j, wide(y[(size_t)row * d + j]), 1);
		return;
	}
	for (int lo = row; left > 0; lo += blockDim.x) {
		const int i = lo + threadIdx.x, mine = i < n && keys[i] == key;
		if (!__syncthreads_or(mine)) continue;
		same[threadIdx.x] = mine;
		__syncthreads();
		for (int e = 0; e < (int)blockDim.x; e++) left -= same[e];
		for (int j = threadIdx.x; j < d; j += blockDim.x) {
			float s = wide(to[j]);
			for (int e = 0; e < (int)blockDim.x; e++)
				if (same[e]) s += wide(y[(size_t)(lo + e) * d + j]);
			to[j] = narrow<O>(s);
		}
	}
}

// dw[tok[t]] += dy[t].
extern "C" __global__ void __launch_bounds__(256) embed_grad(float *dw, const float *dy, const int *tok, const int *first, const int *count, int t, int d) { add_same(dw, dy, tok, first, count, t, d); }
HN_KERNEL(embed_grad)
extern "C" __global__ void __launch_bounds__(256) embed_grad_b16(float *dw, const b16 *dy, const int *tok, const int *first, const int *count, int t, int d) { add_same(dw, dy, tok, first, count, t, d); }
HN_KERNEL(embed_grad_b16)

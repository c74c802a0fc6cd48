// Elementwise sums and conversions of flat vectors.
template <class T> __device__ __forceinline__ void add_of(T *o, const T *x, const T *y, long long n, int add) {
	const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
	if (i < n) store(o + i, wide(x[i]) + wide(y[i]), add);
}
extern "C" __global__ void add(float *o, const float *x, const float *y, long long n, int add) { add_of(o, x, y, n, add); }
HN_KERNEL(add)
extern "C" __global__ void add_b16(b16 *o, const b16 *x, const b16 *y, long long n, int add) { add_of(o, x, y, n, add); }
HN_KERNEL(add_b16)

// The bfloat16 copy of a vector, eight elements a thread; both begin at 16 bytes.
extern "C" __global__ void to_b16(b16 *y, const float *x, long long n) {
	const long long i = 8 * ((long long)blockIdx.x * blockDim.x + threadIdx.x);
	if (i + 8 <= n) {
		float v[8];
		load8(v, x + i);
		store8(y + i, v);
	} else
		for (long long j = i; j < n; j++) y[j] = narrow<b16>(x[j]);
}
HN_KERNEL(to_b16)

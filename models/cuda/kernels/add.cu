// o = x + y, or o += x + y.
extern "C" __global__ void add(float *o, const float *x, const float *y, long long n, int acc) {
	const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
	if (i < n) store(o + i, x[i] + y[i], acc);
}
HN_KERNEL(add)

// o += x.
extern "C" __global__ void accumulate(float *o, const float *x, long long n) {
	const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
	if (i < n) o[i] += x[i];
}
HN_KERNEL(accumulate)

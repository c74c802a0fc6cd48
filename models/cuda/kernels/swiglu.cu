// y = silu(gate)·up, rows of gate‖up of 2f elements. A thread an element.
extern "C" __global__ void swiglu(float *y, const float *gu, int t, int f) {
	const size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
	if (i >= (size_t)t * f) return;
	const size_t row = i / f, j = i % f;
	const float g = gu[row * 2 * f + j], u = gu[row * 2 * f + f + j];
	y[i] = g / (1.0f + expf(-g)) * u;
}
HN_KERNEL(swiglu)

// dgu may be gu itself: a thread reads both its elements before it writes them.
extern "C" __global__ void swiglu_grad(float *dgu, const float *gu, const float *dy, int t, int f) {
	const size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
	if (i >= (size_t)t * f) return;
	const size_t at = i / f * 2 * f + i % f;
	const float g = gu[at], u = gu[at + f], d = dy[i], s = 1.0f / (1.0f + expf(-g));
	dgu[at] = d * u * s * (1.0f + g * (1.0f - s));
	dgu[at + f] = d * g * s;
}
HN_KERNEL(swiglu_grad)

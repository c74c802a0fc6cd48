// y = silu(gate)·up, rows of gate‖up of 2f elements. A block is a row's stretch
// of 8 columns a thread.
template <class T> __device__ __forceinline__ void swiglu_of(T *y, const T *gu, int f) {
	const int j = 8 * (blockIdx.x * blockDim.x + threadIdx.x);
#ifndef HN_PLANT_OUT_OF_BOUNDS // a test removes it and must notice
	if (j >= f) return;
#endif
	const T *gate = gu + (size_t)blockIdx.y * 2 * f + j, *up = gate + f;
	y += (size_t)blockIdx.y * f + j;
	if (whole(gate, f) && whole(y, f)) {
		float g[8], u[8];
		load8(g, gate), load8(u, up);
		for (int e = 0; e < 8; e++) g[e] = g[e] / (1.0f + exponential<T>(-g[e])) * u[e];
		store8(y, g);
		return;
	}
#ifdef HN_PLANT_OUT_OF_BOUNDS
	y[f] = gate[0];
#endif
	for (int e = 0; e < min(8, f - j); e++) {
		const float g = wide(gate[e]);
		y[e] = narrow<T>(g / (1.0f + expf(-g)) * wide(up[e]));
	}
}
extern "C" __global__ void swiglu(float *y, const float *gu, int f) { swiglu_of(y, gu, f); }
HN_KERNEL(swiglu)
extern "C" __global__ void swiglu_b16(b16 *y, const b16 *gu, int f) { swiglu_of(y, gu, f); }
HN_KERNEL(swiglu_b16)

// dgu may be gu itself: a thread reads both its elements before it writes them.
template <class T> __device__ __forceinline__ void swiglu_grad_of(T *dgu, const T *gu, const T *dy, int f) {
	const int j = 8 * (blockIdx.x * blockDim.x + threadIdx.x);
	if (j >= f) return;
	const size_t at = (size_t)blockIdx.y * 2 * f + j;
	const T *gate = gu + at, *up = gate + f;
	T *dgate = dgu + at, *dup = dgate + f;
	dy += (size_t)blockIdx.y * f + j;
	if (whole(gate, f) && whole(dgate, f) && whole(dy, f)) {
		float g[8], u[8], d[8];
		load8(g, gate), load8(u, up), load8(d, dy);
		for (int e = 0; e < 8; e++) {
			const float s = 1.0f / (1.0f + exponential<T>(-g[e])), v = g[e];
			g[e] = d[e] * u[e] * s * (1.0f + v * (1.0f - s));
			u[e] = d[e] * v * s;
		}
		store8(dgate, g), store8(dup, u);
		return;
	}
	for (int e = 0; e < min(8, f - j); e++) {
		const float g = wide(gate[e]), u = wide(up[e]), d = wide(dy[e]), s = 1.0f / (1.0f + expf(-g));
		dgate[e] = narrow<T>(d * u * s * (1.0f + g * (1.0f - s)));
		dup[e] = narrow<T>(d * g * s);
	}
}
extern "C" __global__ void swiglu_grad(float *dgu, const float *gu, const float *dy, int f) { swiglu_grad_of(dgu, gu, dy, f); }
HN_KERNEL(swiglu_grad)
extern "C" __global__ void swiglu_grad_b16(b16 *dgu, const b16 *gu, const b16 *dy, int f) { swiglu_grad_of(dgu, gu, dy, f); }
HN_KERNEL(swiglu_grad_b16)

// Put before every kernel. Kernels are compiled by NVRTC for a GPU and, behind
// models/cuda/emu/src/hostcuda.h, by a host compiler for tests.
#ifndef HN_KERNEL
#define HN_KERNEL(name) // lets the emulator find a kernel by name
#endif
typedef unsigned short u16;
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

// All threads of a block are here when these are called. The order of additions
// depends on the shape alone.
__device__ __forceinline__ float warp_sum(float v) {
	for (int o = 16; o; o >>= 1) v += __shfl_xor_sync(0xffffffffu, v, o);
	return v;
}
__device__ __forceinline__ double warp_sum(double v) {
	for (int o = 16; o; o >>= 1) v += __shfl_xor_sync(0xffffffffu, v, o);
	return v;
}
__device__ __forceinline__ float warp_max(float v) {
	for (int o = 16; o; o >>= 1) v = fmaxf(v, __shfl_xor_sync(0xffffffffu, v, o));
	return v;
}
__device__ __forceinline__ float max_of(float a, float b) { return fmaxf(a, b); }
template <class T> __device__ __forceinline__ T block_sum(T v) {
	__shared__ T part[32];
	v = warp_sum(v);
	__syncthreads(); // part may still be read from the call before
	if ((threadIdx.x & 31) == 0) part[threadIdx.x >> 5] = v;
	__syncthreads();
	T s = 0;
	for (int i = 0; i < (int)(blockDim.x >> 5); i++) s += part[i];
	return s;
}
__device__ __forceinline__ float block_max(float v) {
	__shared__ float part[32];
	v = warp_max(v);
	__syncthreads();
	if ((threadIdx.x & 31) == 0) part[threadIdx.x >> 5] = v;
	__syncthreads();
	float s = part[0];
	for (int i = 1; i < (int)(blockDim.x >> 5); i++) s = fmaxf(s, part[i]);
	return s;
}

// store writes v, or adds it to what is there.
__device__ __forceinline__ void store(float *p, float v, int add) { *p = add ? *p + v : v; }

// bf16 rounds to the nearest bfloat16, ties to even.
__device__ __forceinline__ float bf16(float f) {
	u32 u = __float_as_uint(f);
	return __uint_as_float((u + 0x7fff + (u >> 16 & 1)) & 0xffff0000u);
}

// b16 is a bfloat16. Kernels that exist for both types are templates over the
// type of the activations, with a name of their own for each.
struct __align__(2) b16 {
	u16 bits;
};
__device__ __forceinline__ float wide(float x) { return x; }
__device__ __forceinline__ float wide(b16 x) { return __uint_as_float((u32)x.bits << 16); }
// pack rounds two numbers to bfloat16; the first lies in the lower half.
__device__ __forceinline__ u32 pack(float lo, float hi) {
#ifdef HN_HOST
	return __float_as_uint(bf16(lo)) >> 16 | (__float_as_uint(bf16(hi)) & 0xffff0000u);
#else
	u32 r;
	asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(hi), "f"(lo));
	return r;
#endif
}
__device__ __forceinline__ float low(u32 v) { return __uint_as_float(v << 16); }
__device__ __forceinline__ float high(u32 v) { return __uint_as_float(v & 0xffff0000u); }
template <class T> __device__ __forceinline__ T narrow(float x);
template <> __device__ __forceinline__ float narrow<float>(float x) { return x; }
template <> __device__ __forceinline__ b16 narrow<b16>(float x) {
	b16 r = {(u16)(pack(x, 0.0f) & 0xffff)};
	return r;
}
__device__ __forceinline__ void store(b16 *p, float v, int add) { *p = narrow<b16>(add ? wide(*p) + v : v); }

// segment_of is the segment of a row: the last that begins at or before it.
__device__ __forceinline__ int segment_of(const int *segs, int n, int row) {
	int lo = 0, hi = n;
	while (hi - lo > 1) {
		int mid = (lo + hi) / 2;
		if (segs[mid] <= row) lo = mid;
		else hi = mid;
	}
	return lo;
}

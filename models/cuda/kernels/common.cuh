// Put before every kernel. Kernels are compiled by NVRTC for a GPU and, behind
// models/cuda/emu/src/hostcuda.h, by a host compiler for tests.
#ifndef HN_KERNEL
#define HN_KERNEL(name) // lets the emulator find a kernel by name
#endif
typedef unsigned short u16;
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

// A kernel may start before the one before it on the stream has ended
// (launchAs): all that it reads or writes for others comes after this, which also
// lets the next kernel start.
__device__ __forceinline__ void after_previous() {
#if defined(HN_HOST)
	hn::followed++;
#elif __CUDA_ARCH__ >= 900
	asm volatile("griddepcontrol.wait;\n\tgriddepcontrol.launch_dependents;" ::: "memory");
#endif
}

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

// exponential is as exact as its type: bfloat16 needs no more than the fast one.
template <class T> __device__ __forceinline__ float exponential(float x) { return sizeof(T) == 2 ? __expf(x) : expf(x); }

// whole reports whether rows of n elements from p on can be read in vectors of 8.
template <class T> __device__ __forceinline__ bool whole(const T *p, int n) { return ((size_t)p & 15) == 0 && n % 8 == 0; }
__device__ __forceinline__ void load8(float *v, const float *p) {
	const float4 a = ((const float4 *)p)[0], b = ((const float4 *)p)[1];
	v[0] = a.x, v[1] = a.y, v[2] = a.z, v[3] = a.w, v[4] = b.x, v[5] = b.y, v[6] = b.z, v[7] = b.w;
}
__device__ __forceinline__ void load8(float *v, const b16 *p) {
	const uint4 a = *(const uint4 *)p;
	v[0] = low(a.x), v[1] = high(a.x), v[2] = low(a.y), v[3] = high(a.y), v[4] = low(a.z), v[5] = high(a.z), v[6] = low(a.w), v[7] = high(a.w);
}
__device__ __forceinline__ void store8(float *p, const float *v) {
	((float4 *)p)[0] = make_float4(v[0], v[1], v[2], v[3]);
	((float4 *)p)[1] = make_float4(v[4], v[5], v[6], v[7]);
}
__device__ __forceinline__ void store8(b16 *p, const float *v) {
	*(uint4 *)p = make_uint4(pack(v[0], v[1]), pack(v[2], v[3]), pack(v[4], v[5]), pack(v[6], v[7]));
}

// packed8 holds eight elements as they lie in memory: what is loaded so needs few
// registers until it is used.
template <class T> struct packed8;
template <> struct packed8<float> {
	float4 a, b;
	__device__ __forceinline__ void load(const float *p) { a = ((const float4 *)p)[0], b = ((const float4 *)p)[1]; }
	__device__ __forceinline__ void to(float *v) const { v[0] = a.x, v[1] = a.y, v[2] = a.z, v[3] = a.w, v[4] = b.x, v[5] = b.y, v[6] = b.z, v[7] = b.w; }
};
template <> struct packed8<b16> {
	uint4 a;
	__device__ __forceinline__ void load(const b16 *p) { a = *(const uint4 *)p; }
	__device__ __forceinline__ void to(float *v) const {
		v[0] = low(a.x), v[1] = high(a.x), v[2] = low(a.y), v[3] = high(a.y);
		v[4] = low(a.z), v[5] = high(a.z), v[6] = low(a.w), v[7] = high(a.w);
	}
};

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

// segment_of_warp is the same for a row that all lanes of a warp ask about: they
// probe 32 places at once.
__device__ __forceinline__ int segment_of_warp(const int *segs, int n, int row) {
	int lo = 0;
	for (int step = (n + 31) / 32;; step = (step + 31) / 32) {
		const int i = lo + step * (int)(threadIdx.x % 32);
		lo += step * (__popc(__ballot_sync(~0u, i < n && segs[i] <= row)) - 1);
		if (step == 1) return lo;
	}
}

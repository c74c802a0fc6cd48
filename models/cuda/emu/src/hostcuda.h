// Put before a kernel source when a host compiler builds it: CUDA's words as
// host code. Every CUDA thread is a fiber (hostcuda.cpp).
#pragma once
#define HN_HOST 1
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <type_traits>
#include <utility>
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#define __restrict__ __restrict
#define __shared__ static // one block runs at a time: a static is the block's memory

namespace hn {
struct dim {
	unsigned x, y, z;
};
struct fiber {
	void *sp;
	dim tid;
	int state, lane, warp;
	char *stack;
};
extern dim bidx, bdim, gdim;
extern fiber *cur;
extern uint64_t exchanged[32][32]; // by warp and lane
extern int votes;
extern int followed; // threads that called after_previous
extern unsigned parts[32][32][8]; // operands of the tensor cores, by warp and lane
extern const void *rows[32][32];
extern unsigned char dynamic_shared[];
void barrier_block();
void barrier_warp();

template <class... A, size_t... I> void call_(void (*k)(A...), void **p, std::index_sequence<I...>) {
	k(*(std::remove_cv_t<std::remove_reference_t<A>> *)p[I]...);
}
template <class... A> void call(void (*k)(A...), void **p) { call_(k, p, std::index_sequence_for<A...>{}); }

template <class... A> int count(void (*)(A...)) { return sizeof...(A); }

// Every lane of the warp takes part.
template <class T> T exchange(T v, int from) {
	static_assert(sizeof(T) <= 8, "a shuffle moves 8 bytes at most");
	uint64_t u = 0;
	memcpy(&u, &v, sizeof v);
	exchanged[cur->warp][cur->lane] = u;
	barrier_warp();
	T r;
	memcpy(&r, &exchanged[cur->warp][from & 31], sizeof r);
	barrier_warp();
	return r;
}
} // namespace hn

// The memory that a launch asks for beyond what a kernel declares.
#define HN_SHARED(name) unsigned char *name = hn::dynamic_shared

struct alignas(8) uint2 {
	unsigned x, y;
};
struct alignas(16) uint4 {
	unsigned x, y, z, w;
};
struct alignas(8) float2 {
	float x, y;
};
struct alignas(16) float4 {
	float x, y, z, w;
};
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

#define threadIdx (hn::cur->tid)
#define blockIdx (hn::bidx)
#define blockDim (hn::bdim)
#define gridDim (hn::gdim)
template <class T> T min(T a, T b) { return a < b ? a : b; }
template <class T> T max(T a, T b) { return a > b ? a : b; }
inline void __syncthreads() { hn::barrier_block(); }
inline void __syncwarp(unsigned = ~0u) { hn::barrier_warp(); }
inline int __syncthreads_or(int v) {
	hn::barrier_block();
	hn::votes = 0;
	hn::barrier_block();
	hn::votes |= v != 0;
	hn::barrier_block();
	int r = hn::votes;
	hn::barrier_block();
	return r;
}
// Fibers switch at barriers only, so that a sum is as good as an atomic one.
template <class T> T atomicAdd(T *p, T v) {
	T old = *p;
	*p += v;
	return old;
}
inline void __threadfence() {}
template <class T> T __shfl_xor_sync(unsigned, T v, int o) { return hn::exchange(v, hn::cur->lane ^ o); }
template <class T> T __shfl_sync(unsigned, T v, int s) { return hn::exchange(v, s); }
inline float __uint_as_float(unsigned u) {
	float f;
	memcpy(&f, &u, 4);
	return f;
}
inline unsigned __float_as_uint(float f) {
	unsigned u;
	memcpy(&u, &f, 4);
	return u;
}
inline float __expf(float x) { return expf(x); }
template <class T> T __shfl_up_sync(unsigned, T v, int o) { return hn::exchange(v, max(hn::cur->lane - o, 0)); }
inline unsigned __ballot_sync(unsigned, int v) {
	unsigned r = 0;
	for (int i = 0; i < 32; i++) r |= (unsigned)(hn::exchange(v != 0, i)) << i;
	return r;
}
inline int atomicMin(int *p, int v) {
	const int old = *p;
	return *p = min(old, v), old;
}
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
#define HN_KERNEL(name) \
	extern "C" void hn_thunk_##name(void **p) { hn::call(name, p); } \
	extern "C" int hn_count_##name() { return hn::count(name); }

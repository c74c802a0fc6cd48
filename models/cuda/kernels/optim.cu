// Norm and AdamW over flat vectors.
enum { square_chunk = 1 << 16 };

extern "C" __global__ void square_parts(double *part, const float *x, long long n) {
	const long long lo = (long long)blockIdx.x * square_chunk, hi = lo + square_chunk < n ? lo + square_chunk : n;
	double s = 0;
	if (((size_t)x & 15) == 0 && hi - lo == square_chunk)
		for (long long i = lo + 4 * threadIdx.x; i < hi; i += 4 * blockDim.x) {
			const float4 v = *(const float4 *)(x + i);
			s += (double)v.x * v.x + (double)v.y * v.y + (double)v.z * v.z + (double)v.w * v.w;
		}
	else
		for (long long i = lo + threadIdx.x; i < hi; i += blockDim.x) s += (double)x[i] * x[i];
	s = block_sum(s);
	if (threadIdx.x == 0) part[blockIdx.x] = s;
}
HN_KERNEL(square_parts)

// One block.
extern "C" __global__ void square_total(double *out, const double *part, int n) {
	double s = 0;
	for (int i = threadIdx.x; i < n; i += blockDim.x) s += part[i];
	s = block_sum(s);
	if (threadIdx.x == 0) *out = s;
}
HN_KERNEL(square_total)

// clipped is the factor of the gradients: scale, or what brings their norm, the
// root of *square, down to clip; false where that is not finite.
__device__ __forceinline__ bool clipped(float *scale, const double *square, double clip) {
	if (!square) return true;
	const double norm = sqrt(*square);
	if (!(norm < 1e300)) return false;
	if (clip > 0) *scale = (float)min(1.0, clip / (norm + 1e-6));
	return true;
}

struct adam {
	float keep, scale, b1, c1, b2, c2, rate, root, eps;
};
__device__ __forceinline__ void adam_element(const adam &k, float *p, float g, float *m, float *v) {
	g *= k.scale;
	*m = k.b1 * *m + k.c1 * g;
	*v = k.b2 * *v + k.c2 * g * g;
	*p = *p * k.keep - k.rate * *m / (sqrtf(*v) * k.root + k.eps);
}

// Four elements a thread. copy is the bfloat16 copy of the parameters, or null.
extern "C" __global__ void adamw(float *p, const float *g, float *m, float *v, b16 *copy, const double *square, double clip, long long n, float keep, float scale, float b1, float c1, float b2, float c2, float rate, float root, float eps) {
	const long long i = 4 * ((long long)blockIdx.x * blockDim.x + threadIdx.x);
	if (!clipped(&scale, square, clip)) return;
	const adam k = {keep, scale, b1, c1, b2, c2, rate, root, eps};
	if (i + 4 <= n && (((size_t)p | (size_t)g | (size_t)m | (size_t)v | 2 * (size_t)copy) & 15) == 0) {
		float4 x = *(float4 *)(p + i), y = *(const float4 *)(g + i), u = *(float4 *)(m + i), w = *(float4 *)(v + i);
		adam_element(k, &x.x, y.x, &u.x, &w.x);
		adam_element(k, &x.y, y.y, &u.y, &w.y);
		adam_element(k, &x.z, y.z, &u.z, &w.z);
		adam_element(k, &x.w, y.w, &u.w, &w.w);
		*(float4 *)(p + i) = x, *(float4 *)(m + i) = u, *(float4 *)(v + i) = w;
		if (copy) *(uint2 *)(copy + i) = make_uint2(pack(x.x, x.y), pack(x.z, x.w));
		return;
	}
	for (long long j = i; j < min(i + 4, n); j++) {
		adam_element(k, p + j, g[j], m + j, v + j);
		if (copy) copy[j] = narrow<b16>(p[j]);
	}
}
HN_KERNEL(adamw)

// The random bits of models/cpu: 32 for an element of a step.
__device__ __forceinline__ u32 noise(u64 step, u64 i) {
	u64 z = step * 0x9E3779B97F4A7C15ull + i * 0xBF58476D1CE4E5B9ull;
	z = (z ^ z >> 30) * 0x94D049BB133111EBull;
	return (u32)(z >> 32);
}

// Moments as bfloat16, rounded at random.
extern "C" __global__ void adamw16(float *p, const float *g, u16 *m, u16 *v, b16 *copy, const double *square, double clip, long long n, float keep, float scale, float b1, float c1, float b2, float c2, float rate, float root, float eps, long long step, long long offset) {
	const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
	if (i >= n || !clipped(&scale, square, clip)) return;
	const adam k = {keep, scale, b1, c1, b2, c2, rate, root, eps};
	float mf = __uint_as_float((u32)m[i] << 16), vf = __uint_as_float((u32)v[i] << 16);
	adam_element(k, p + i, g[i], &mf, &vf);
	if (copy) copy[i] = narrow<b16>(p[i]);
	const u32 r = noise(step, offset + i);
	m[i] = (u16)((__float_as_uint(mf) + (r & 0xffff)) >> 16);
	v[i] = (u16)((__float_as_uint(vf) + (r >> 16)) >> 16);
}
HN_KERNEL(adamw16)

// 8-bit floats below the largest of a block of 256: see models/cpu/adamw.go.
enum { code_of_one = 127 << 3, code_shift = 20 };
__device__ __forceinline__ float small(int c, int top) { return c ? __uint_as_float((u32)(code_of_one - top + c) << code_shift) : 0.0f; }
__device__ __forceinline__ int code(float x, float scale, int top, u32 r) {
	if (x == 0 || scale == 0) return 0;
	const u32 bits = __float_as_uint(x / scale) & 0x7fffffffu;
	const int c = (int)((bits + (r & ((1u << code_shift) - 1))) >> code_shift) - code_of_one + top;
	return c < 1 ? 1 : c > top ? top : c;
}

// One block of 256 threads for each block of moments.
extern "C" __global__ void adamw8(float *p, const float *g, u8 *m, u8 *v, b16 *copy, float *sm, float *sv, const double *square, double clip, long long n, float keep, float scale, float b1, float c1, float b2, float c2, float rate, float root, float eps, long long step, long long offset) {
	const long long i = (long long)blockIdx.x * 256 + threadIdx.x;
	if (!clipped(&scale, square, clip)) return;
	const adam k = {keep, scale, b1, c1, b2, c2, rate, root, eps};
	float mf = 0, vf = 0;
	if (i < n) {
		mf = small(m[i] & 127, 127) * sm[blockIdx.x];
		if (m[i] > 127) mf = -mf;
		vf = small(v[i], 255) * sv[blockIdx.x];
		adam_element(k, p + i, g[i], &mf, &vf);
		if (copy) copy[i] = narrow<b16>(p[i]);
	}
	const float am = block_max(fabsf(mf)), av = block_max(vf);
	if (threadIdx.x == 0) sm[blockIdx.x] = am, sv[blockIdx.x] = av;
	if (i >= n) return;
	const u32 r = noise(step, offset + i);
	m[i] = (u8)(code(mf, am, 127, r) | (mf < 0 ? 128 : 0));
	v[i] = (u8)code(vf, av, 255, r >> 12);
}
HN_KERNEL(adamw8)

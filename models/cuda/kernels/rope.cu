// Bias and rotation of q‖k‖v rows of w elements: heads·dim of them, the queries
// and keys, are turned by angles of the row's position; dir -1 turns back. cos
// and sin hold half = dim/2 values a position. One block a row; y may be x.
template <class T> __device__ __forceinline__ void turn(T *y, const T *x, const float *bias, const float *c, const float *z, int at, int j, int half, float dir) {
	const float a = wide(x[at]) + (bias ? bias[at] : 0.0f), b = wide(x[at + half]) + (bias ? bias[at + half] : 0.0f);
	y[at] = narrow<T>(a * c[j] - b * z[j] * dir);
	y[at + half] = narrow<T>(b * c[j] + a * z[j] * dir);
}
template <class T> __device__ __forceinline__ void rope_of(T *y, const T *x, const float *bias, const int *segs, const int *parent, const float *cosines, const float *sines, int nsegs, int w, int heads, int half, float dir) {
	const int row = blockIdx.x, s = segment_of(segs, nsegs, row);
	int pos = row - segs[s];
	if (parent[s] >= 0) pos += segs[parent[s] + 1] - segs[parent[s]];
	const float *c = cosines + (size_t)pos * half, *z = sines + (size_t)pos * half;
	x += (size_t)row * w, y += (size_t)row * w;
	const int rotated = heads * half;
	if (sizeof(T) == 2 && half % 8 == 0 && w % 8 == 0 && ((size_t)x & 15) == 0 && ((size_t)y & 15) == 0) {
		for (int i = 8 * threadIdx.x; i < rotated; i += 8 * blockDim.x) {
			const int at = i / half * 2 * half + i % half, j = i % half;
			float a[8], b[8];
			load8(a, x + at), load8(b, x + at + half);
			for (int e = 0; e < 8; e++) {
				const float u = a[e] + (bias ? bias[at + e] : 0.0f), v = b[e] + (bias ? bias[at + half + e] : 0.0f);
				a[e] = u * c[j + e] - v * z[j + e] * dir;
				b[e] = v * c[j + e] + u * z[j + e] * dir;
			}
			store8(y + at, a), store8(y + at + half, b);
		}
		for (int i = 2 * rotated + 8 * threadIdx.x; i < w; i += 8 * blockDim.x) {
			float a[8];
			load8(a, x + i);
			if (bias)
				for (int e = 0; e < 8; e++) a[e] += bias[i + e];
			store8(y + i, a);
		}
		return;
	}
	for (int i = threadIdx.x; i < rotated; i += blockDim.x) turn(y, x, bias, c, z, i / half * 2 * half + i % half, i % half, half, dir);
	for (int i = 2 * rotated + threadIdx.x; i < w; i += blockDim.x) y[i] = narrow<T>(wide(x[i]) + (bias ? bias[i] : 0.0f));
}
extern "C" __global__ void rope(float *y, const float *x, const float *bias, const int *segs, const int *parent, const float *cosines, const float *sines, int nsegs, int w, int heads, int half, float dir) { rope_of(y, x, bias, segs, parent, cosines, sines, nsegs, w, heads, half, dir); }
HN_KERNEL(rope)
extern "C" __global__ void rope_b16(b16 *y, const b16 *x, const float *bias, const int *segs, const int *parent, const float *cosines, const float *sines, int nsegs, int w, int heads, int half, float dir) { rope_of(y, x, bias, segs, parent, cosines, sines, nsegs, w, heads, half, dir); }
HN_KERNEL(rope_b16)

// Bias and rotation of q‖k‖v rows of w elements: heads·dim of them, the queries
// and keys, are turned by angles of the row's position; dir -1 turns back. cos
// and sin hold half = dim/2 values a position. A warp a row; y may be x.
enum { rope_rows = 4 };
template <class T> __device__ __forceinline__ void rope_of(T *y, const T *x, const float *bias, const int *segs, const int *parent, const float *cosines, const float *sines, int nsegs, int w, int heads, int half, float dir) {
	const int row = blockIdx.x * rope_rows + threadIdx.x / 32, lane = threadIdx.x % 32;
	if (row >= segs[nsegs]) return;
	const int s = segment_of_warp(segs, nsegs, row);
	int pos = row - segs[s];
	if (parent[s] >= 0) pos += segs[parent[s] + 1] - segs[parent[s]];
	const float *c = cosines + (size_t)pos * half, *z = sines + (size_t)pos * half;
	x += (size_t)row * w, y += (size_t)row * w;
	const int rotated = heads * half;
	if (half % 8 == 0 && whole(x, w) && whole(y, w)) {
		for (int i = 8 * lane; i < rotated; i += 256) {
			const int j = i % half, at = 2 * i - j;
			float a[8], b[8], u[8], v[8];
			load8(a, x + at), load8(b, x + at + half), load8(u, c + j), load8(v, z + j);
			for (int e = 0; e < 8; e++) {
				const float p = a[e] + (bias ? bias[at + e] : 0.0f), q = b[e] + (bias ? bias[at + half + e] : 0.0f);
				a[e] = p * u[e] - q * v[e] * dir;
				b[e] = q * u[e] + p * v[e] * dir;
			}
			store8(y + at, a), store8(y + at + half, b);
		}
		for (int i = 2 * rotated + 8 * lane; i < w; i += 256) {
			float a[8];
			load8(a, x + i);
			if (bias)
				for (int e = 0; e < 8; e++) a[e] += bias[i + e];
			store8(y + i, a);
		}
		return;
	}
	for (int i = lane; i < rotated; i += 32) {
		const int j = i % half, at = 2 * i - j;
		const float a = wide(x[at]) + (bias ? bias[at] : 0.0f), b = wide(x[at + half]) + (bias ? bias[at + half] : 0.0f);
		y[at] = narrow<T>(a * c[j] - b * z[j] * dir);
		y[at + half] = narrow<T>(b * c[j] + a * z[j] * dir);
	}
	for (int i = 2 * rotated + lane; i < w; i += 32) y[i] = narrow<T>(wide(x[i]) + (bias ? bias[i] : 0.0f));
}
extern "C" __global__ void rope(float *y, const float *x, const float *bias, const int *segs, const int *parent, const float *cosines, const float *sines, int nsegs, int w, int heads, int half, float dir) { rope_of(y, x, bias, segs, parent, cosines, sines, nsegs, w, heads, half, dir); }
HN_KERNEL(rope)
extern "C" __global__ void rope_b16(b16 *y, const b16 *x, const float *bias, const int *segs, const int *parent, const float *cosines, const float *sines, int nsegs, int w, int heads, int half, float dir) { rope_of(y, x, bias, segs, parent, cosines, sines, nsegs, w, heads, half, dir); }
HN_KERNEL(rope_b16)

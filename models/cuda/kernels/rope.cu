// Bias and rotation of q‖k‖v rows of w elements: heads·dim of them, the queries
// and keys, are turned by angles of the row's position; dir -1 turns back. cos
// and sin hold half = dim/2 values a position. One block a row; y may be x.
extern "C" __global__ void rope(float *y, const float *x, const float *bias, const int *segs, const int *parent, const float *cosines, const float *sines, int nsegs, int w, int heads, int half, float dir) {
	const int row = blockIdx.x, s = segment_of(segs, nsegs, row);
	int pos = row - segs[s];
	if (parent[s] >= 0) pos += segs[parent[s] + 1] - segs[parent[s]];
	const float *c = cosines + (size_t)pos * half, *z = sines + (size_t)pos * half;
	x += (size_t)row * w, y += (size_t)row * w;
	const int rotated = heads * half;
	for (int i = threadIdx.x; i < rotated; i += blockDim.x) {
		const int at = i / half * 2 * half + i % half, j = i % half;
		const float a = x[at] + (bias ? bias[at] : 0.0f), b = x[at + half] + (bias ? bias[at + half] : 0.0f);
		y[at] = a * c[j] - b * z[j] * dir;
		y[at + half] = b * c[j] + a * z[j] * dir;
	}
	for (int i = 2 * rotated + threadIdx.x; i < w; i += blockDim.x) y[i] = x[i] + (bias ? bias[i] : 0.0f);
}
HN_KERNEL(rope)

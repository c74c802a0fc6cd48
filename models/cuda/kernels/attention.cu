// Causal grouped-query attention over packed segments (see graph.Rope). Version
// 1 of the ladder: fp32, a warp for each query (or key, in dkv), tiles of 32
// rows in shared memory, online softmax. head dimensions up to 128.
enum { warps = 8, width = 32, dim_max = 128, per_lane = dim_max / 32 };

struct place {
	int b, p, q; // first row of the own segment, rows of the parent
};
__device__ __forceinline__ place place_of(const int *segs, const int *parent, int n, int row) {
	const int s = segment_of(segs, n, row), f = parent[s];
	place r = {segs[s], 0, 0};
	if (f >= 0) r.p = segs[f], r.q = segs[f + 1];
	return r;
}
__device__ __forceinline__ int sees(const place &a, int i, int j) { return (j >= a.p && j < a.q) || (j >= a.b && j <= i); }

// load copies rows j0 to j0+32 (below t) of a head of d columns.
__device__ __forceinline__ void load(float (*s)[dim_max + 1], const float *x, int j0, int t, int ld, int d) {
	for (int e = threadIdx.x; e < width * d; e += blockDim.x) {
		const int r = e / d, c = e % d;
		s[r][c] = j0 + r < t ? x[(size_t)(j0 + r) * ld + c] : 0.0f;
	}
}

// Grid: (rows/8, query heads). Each warp has one query.
extern "C" __global__ void __launch_bounds__(256) attn(float *o, float *lse, const float *x, const int *segs, const int *parent, int nsegs, int t, int hq, int hkv, int d, float scale) {
	__shared__ float sk[width][dim_max + 1], sq[warps][dim_max], sp[warps][width];
	const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, h = blockIdx.y, kv = h / (hq / hkv), w = (hq + 2 * hkv) * d;
	const int i = blockIdx.x * warps + warp, live = i < t, first = blockIdx.x * warps, last = min(first + (int)warps, t) - 1;
	const place a = place_of(segs, parent, nsegs, live ? i : last), a0 = place_of(segs, parent, nsegs, first);
	for (int c = lane; c < d; c += 32) sq[warp][c] = live ? x[(size_t)i * w + h * d + c] : 0.0f;
	float m = -1e30f, sum = 0, acc[per_lane];
	for (int c = 0; c < per_lane; c++) acc[c] = 0;
	// Rows of a block are neighbours: the first sees the earliest key.
	for (int j0 = a0.q > a0.p ? a0.p : a0.b; j0 <= last; j0 += width) {
		int any = 0;
		for (int e = 0; e < width; e++) any |= live && sees(a, i, j0 + e);
		if (!__syncthreads_or(any)) continue;
		load(sk, x + (hq + kv) * d, j0, t, w, d);
		__syncthreads();
		float s = -1e30f;
		if (live && sees(a, i, j0 + lane)) {
			s = 0;
			for (int c = 0; c < d; c++) s += sq[warp][c] * sk[lane][c];
			s *= scale;
		}
		const float mx = fmaxf(m, warp_max(s)), fix = expf(m - mx), p = s > -1e29f ? expf(s - mx) : 0.0f;
		sp[warp][lane] = p;
		sum = sum * fix + warp_sum(p);
		m = mx;
		__syncthreads();
		load(sk, x + (hq + hkv + kv) * d, j0, t, w, d);
		__syncthreads();
		for (int c = 0; c < per_lane; c++) {
			acc[c] *= fix;
			if (c * 32 + lane < d)
				for (int e = 0; e < width; e++) acc[c] += sp[warp][e] * sk[e][c * 32 + lane];
		}
		__syncthreads();
	}
	if (!live) return;
	for (int c = 0; c < per_lane; c++)
		if (c * 32 + lane < d) o[((size_t)i * hq + h) * d + c * 32 + lane] = acc[c] / sum;
	if (lane == 0) lse[(size_t)i * hq + h] = m + logf(sum);
}
HN_KERNEL(attn)

// dot[i][h] = Σ o·do, a warp each.
extern "C" __global__ void attn_dot(float *dot, const float *o, const float *dout, int n, int d) {
	const int i = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
	float s = 0;
	if (i < n)
		for (int c = lane; c < d; c += 32) s += o[(size_t)i * d + c] * dout[(size_t)i * d + c];
	s = warp_sum(s);
	if (i < n && lane == 0) dot[i] = s;
}
HN_KERNEL(attn_dot)

// dq: grid and warps as in attn.
extern "C" __global__ void __launch_bounds__(256) attn_dq(float *dx, const float *x, const int *segs, const int *parent, const float *lse, const float *dout, const float *dot, int nsegs, int t, int hq, int hkv, int d, float scale) {
	__shared__ float sk[width][dim_max + 1], sq[warps][dim_max], so[warps][dim_max], sp[warps][width];
	const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, h = blockIdx.y, kv = h / (hq / hkv), w = (hq + 2 * hkv) * d;
	const int i = blockIdx.x * warps + warp, live = i < t, first = blockIdx.x * warps, last = min(first + (int)warps, t) - 1;
	const place a = place_of(segs, parent, nsegs, live ? i : last), a0 = place_of(segs, parent, nsegs, first);
	const float l = live ? lse[(size_t)i * hq + h] : 0.0f, own = live ? dot[(size_t)i * hq + h] : 0.0f;
	for (int c = lane; c < d; c += 32) {
		sq[warp][c] = live ? x[(size_t)i * w + h * d + c] : 0.0f;
		so[warp][c] = live ? dout[((size_t)i * hq + h) * d + c] : 0.0f;
	}
	float acc[per_lane];
	for (int c = 0; c < per_lane; c++) acc[c] = 0;
	for (int j0 = a0.q > a0.p ? a0.p : a0.b; j0 <= last; j0 += width) {
		int any = 0;
		for (int e = 0; e < width; e++) any |= live && sees(a, i, j0 + e);
		if (!__syncthreads_or(any)) continue;
		const int seen = live && sees(a, i, j0 + lane);
		load(sk, x + (hq + hkv + kv) * d, j0, t, w, d);
		__syncthreads();
		float dp = 0;
		for (int c = 0; c < d; c++) dp += so[warp][c] * sk[lane][c];
		__syncthreads();
		load(sk, x + (hq + kv) * d, j0, t, w, d);
		__syncthreads();
		float s = 0;
		for (int c = 0; c < d; c++) s += sq[warp][c] * sk[lane][c];
		sp[warp][lane] = seen ? expf(s * scale - l) * (dp - own) * scale : 0.0f;
		__syncwarp();
		for (int c = 0; c < per_lane; c++)
			if (c * 32 + lane < d)
				for (int e = 0; e < width; e++) acc[c] += sp[warp][e] * sk[e][c * 32 + lane];
		__syncthreads();
	}
	if (!live) return;
	for (int c = 0; c < per_lane; c++)
		if (c * 32 + lane < d) dx[(size_t)i * w + h * d + c * 32 + lane] = acc[c];
}
HN_KERNEL(attn_dq)

// dk and dv: grid (rows/8, key heads), a warp for each key, which sums over the
// queries that see it: its own segment's from its row on, and those of segments
// that follow a parent, which are the rows right after.
extern "C" __global__ void __launch_bounds__(256) attn_dkv(float *dx, const float *x, const int *segs, const int *parent, const float *lse, const float *dout, const float *dot, int nsegs, int t, int hq, int hkv, int d, float scale) {
	__shared__ float sq[width][dim_max + 1], sk[warps][dim_max], sv[warps][dim_max], sp[warps][width], ss[warps][width];
	const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, kv = blockIdx.y, group = hq / hkv, w = (hq + 2 * hkv) * d;
	const int j = blockIdx.x * warps + warp, live = j < t, first = blockIdx.x * warps;
	int end = j;
	if (live) {
		int s = segment_of(segs, nsegs, j), f = s;
		while (f + 1 < nsegs && parent[f + 1] == s) f++;
		end = segs[f + 1];
	}
	for (int c = lane; c < d; c += 32) {
		sk[warp][c] = live ? x[(size_t)j * w + (hq + kv) * d + c] : 0.0f;
		sv[warp][c] = live ? x[(size_t)j * w + (hq + hkv + kv) * d + c] : 0.0f;
	}
	float dk[per_lane], dv[per_lane];
	for (int c = 0; c < per_lane; c++) dk[c] = dv[c] = 0;
	for (int h = kv * group; h < (kv + 1) * group; h++)
		for (int i0 = first; __syncthreads_or(i0 < end); i0 += width) {
			const int i = i0 + lane, seen = live && i >= j && i < end;
			load(sq, dout + h * d, i0, t, hq * d, d);
			__syncthreads();
			float dp = 0;
			for (int c = 0; c < d; c++) dp += sv[warp][c] * sq[lane][c];
			__syncthreads();
			load(sq, x + h * d, i0, t, w, d);
			__syncthreads();
			float s = 0;
			for (int c = 0; c < d; c++) s += sk[warp][c] * sq[lane][c];
			const float p = seen ? expf(s * scale - lse[(size_t)i * hq + h]) : 0.0f;
			sp[warp][lane] = p;
			ss[warp][lane] = seen ? p * (dp - dot[(size_t)i * hq + h]) * scale : 0.0f;
			__syncwarp();
			for (int c = 0; c < per_lane; c++)
				if (c * 32 + lane < d)
					for (int e = 0; e < width; e++) dk[c] += ss[warp][e] * sq[e][c * 32 + lane];
			__syncthreads();
			load(sq, dout + h * d, i0, t, hq * d, d);
			__syncthreads();
			for (int c = 0; c < per_lane; c++)
				if (c * 32 + lane < d)
					for (int e = 0; e < width; e++) dv[c] += sp[warp][e] * sq[e][c * 32 + lane];
			__syncthreads();
		}
	if (!live) return;
	for (int c = 0; c < per_lane; c++)
		if (c * 32 + lane < d) {
			dx[(size_t)j * w + (hq + kv) * d + c * 32 + lane] = dk[c];
			dx[(size_t)j * w + (hq + hkv + kv) * d + c * 32 + lane] = dv[c];
		}
}
HN_KERNEL(attn_dkv)

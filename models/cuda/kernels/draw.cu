// The next token of each row from its logits, by the rules of models/sample:
// temperature, then top-k, top-p, min-p, each by a threshold on the weights
// exp((z-top)/temperature), ties with it staying; the first token in order of ids
// whose running sum exceeds u·sum. u is draw i of the row's key (fixtures/seed).
//
// Sums of weights are integers, weights times 2^44: exact and the same in any
// order, so that histograms may use atomics.
//
// Two kernels: draw_parts reads all logits once, with many blocks a row; draw
// ends a row, reading one chunk of logits more, or all again for top-k and top-p.
enum { draw_chunk = 4096, draw_chunks = 128, draw_threads = 1024, draw_copies = 4 };

struct draw_part {
	float top;  // greatest logit of the chunk
	int at;     // the first id that has it
	float sum;  // Σ exp((z-top)/temperature)
	float sum1; // Σ exp(z-top)
};
struct draw_params {
	double inverse; // 1/temperature; 0: greedy
	double k, p, min_p; // 0: off
};
#define LOG2E 1.4426950408889634f

__device__ __forceinline__ int idle_record(const int *record) { return record[1] < 0 || record[1] >= record[3]; }

extern "C" __global__ void __launch_bounds__(256) draw_parts(draw_part *parts, const float *z, const int *records, int stride, const draw_params *params, int v) {
	const int row = blockIdx.y, lo = blockIdx.x * draw_chunk, n = min((int)draw_chunk, v - lo), tid = threadIdx.x;
	after_previous();
	if (idle_record(records + (size_t)row * stride)) return;
	z += (size_t)row * v + lo;
	enum { each = draw_chunk / 256 };
	float x[each];
	if (v % 4 == 0) {
#pragma unroll
		for (int i = 0; i < each; i += 4) {
			const int j = 4 * tid + i * 256;
			const float4 q = j < n ? get4(z + j) : make_float4(-3e38f, -3e38f, -3e38f, -3e38f);
			x[i] = q.x, x[i + 1] = q.y, x[i + 2] = q.z, x[i + 3] = q.w;
		}
	} else {
#pragma unroll
		for (int i = 0; i < each; i++) {
			const int j = 4 * tid + i / 4 * 4 * 256 + i % 4;
			x[i] = j < n ? z[j] : -3e38f;
		}
	}
	float m = x[0];
#pragma unroll
	for (int i = 1; i < each; i++) m = fmaxf(m, x[i]);
	m = block_max(m);
	int at = 0x7fffffff;
	float sum = 0, sum1 = 0;
	const float scale = (float)params->inverse * LOG2E;
#pragma unroll
	for (int i = 0; i < each; i++) {
		const int j = 4 * tid + i / 4 * 4 * 256 + i % 4;
		if (j >= n) continue;
		if (x[i] == m) at = min(at, j);
		sum += exp2_fast((x[i] - m) * scale);
		sum1 += exp2_fast((x[i] - m) * LOG2E);
	}
	for (int o = 16; o; o >>= 1) at = min(at, __shfl_xor_sync(0xffffffffu, at, o));
	__shared__ int first[8];
	if (tid % 32 == 0) first[tid / 32] = at;
	sum = block_sum(sum);
	sum1 = block_sum(sum1);
	if (tid) return;
	for (int i = 0; i < 8; i++) at = min(at, first[i]);
	draw_part *p = parts + (size_t)row * draw_chunks + blockIdx.x;
	p->top = m, p->at = lo + at, p->sum = sum, p->sum1 = sum1;
}
HN_KERNEL(draw_parts)

__device__ __forceinline__ u64 fixed(double w) { return (u64)(w * 17592186044416.0); }
__device__ __forceinline__ u64 fixed(float w) { return (u64)(w * 17592186044416.0f); }

// logits gives f the id and the logit of all or a part of a row, a thread at a time.
template <class F> __device__ __forceinline__ void each_logit(const float *z, int lo, int hi, int v, int thread, int threads, F f) {
	if (v % 4 == 0) {
#pragma unroll 2
		for (int j = lo + 4 * thread; j < hi; j += 4 * threads) {
			const float4 q = get4(z + j);
			f(j, q.x), f(j + 1, q.y), f(j + 2, q.z), f(j + 3, q.w);
		}
		return;
	}
	for (int j = lo + thread; j < hi; j += threads) f(j, z[j]);
}

__device__ __forceinline__ u64 warp_sum(u64 v) {
	for (int o = 16; o; o >>= 1) v += __shfl_xor_sync(0xffffffffu, v, o);
	return v;
}

// running is the sum of v over threads up to this one; total that of all.
__device__ __forceinline__ u64 running(u64 v, u64 *scratch, u64 *total) {
	const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
	for (int o = 1; o < 32; o *= 2) {
		const u64 b = __shfl_up_sync(0xffffffffu, v, o);
		if (lane >= o) v += b;
	}
	__syncthreads();
	if (lane == 31) scratch[warp] = v;
	__syncthreads();
	u64 before = 0, all = 0;
	for (int i = 0; i < draw_threads / 32; i++) {
		if (i < warp) before += scratch[i];
		all += scratch[i];
	}
	*total = all;
	return v + before;
}

// A row's weights.
struct weights_of {
	const float *z;
	int v;
	float top, scale;
	__device__ __forceinline__ float operator()(float x) const { return exp2_fast((x - top) * scale); }
};

// A thread's share of a histogram: the last bins that it met, an even and an odd
// one. Where many weights share few bins, few additions reach the histogram.
struct tally {
	int even, odd;
	u64 sum0, sum1;
	static __device__ __forceinline__ void add_to(int &bin, u64 &sum, u64 *hist, int b, u64 v) {
		if (bin != b) {
			if (sum) atomicAdd(&hist[bin], sum);
			bin = b, sum = 0;
		}
		sum += v;
	}
	__device__ __forceinline__ void add(u64 *hist, int b, u64 v) {
		if (b & 1) add_to(odd, sum1, hist, b, v);
		else add_to(even, sum0, hist, b, v);
	}
	// Lanes that share a bin add up first, for the two bins that come first.
	static __device__ __forceinline__ void flush(int bin, u64 sum, u64 *hist) {
		for (int i = 0; i < 2; i++) {
			const u32 some = __ballot_sync(0xffffffffu, sum != 0);
			if (!some) break;
			const int b = __shfl_sync(0xffffffffu, bin, __ffs(some) - 1), mine = bin == b;
			const u64 all = warp_sum(mine ? sum : (u64)0);
			if (mine) sum = 0;
			if (threadIdx.x % 32 == 0) atomicAdd(&hist[b], all);
		}
		if (sum) atomicAdd(&hist[bin], sum);
	}
};

// cut is the largest threshold (a weight's bits, at least least) such that the
// weights from it on number, or sum to, need or more; least where all do not.
// Bits of positive floats are ordered as the floats are: ten at a time, from the
// top, in copies by lane. Weights below from cannot be the threshold.
__device__ __forceinline__ u32 cut(const weights_of &w, u64 *hist, u64 *scratch, u32 least, u32 from, u64 need, int counts) {
	__shared__ int found;
	__shared__ u64 above;
	u32 prefix = 0;
	for (int shift = 20; shift >= 0; shift -= 10) {
		__syncthreads();
		for (int q = 0; q < draw_copies; q++) hist[q * 1024 + threadIdx.x] = 0;
		if (threadIdx.x == 0) found = -1;
		__syncthreads();
		tally mine = {0, 1, 0, 0};
		u64 *share = hist + threadIdx.x % draw_copies * 1024;
		each_logit(w.z, 0, w.v, w.v, threadIdx.x, draw_threads, [&](int, float x) {
			const float f = w(x);
			const u32 b = __float_as_uint(f);
			if (b < least || b < from || (shift < 20 && b >> (shift + 10) != prefix)) return;
			mine.add(share, b >> shift & 1023, counts ? (u64)1 : fixed(f));
		});
		tally::flush(mine.even, mine.sum0, share);
		tally::flush(mine.odd, mine.sum1, share);
		__syncthreads();
		// Thread t looks at bucket 1023-t: the sum from the top down.
		u64 total;
		u64 own = 0;
		for (int q = 0; q < draw_copies; q++) own += hist[q * 1024 + 1023 - threadIdx.x];
		const u64 upto = running(own, scratch, &total);
		if (upto >= need && upto - own < need) found = 1023 - threadIdx.x, above = upto - own;
		__syncthreads();
		if (found < 0) return least;
		need -= above;
		prefix = prefix << 10 | found;
	}
	return max(prefix, least);
}

// masses adds up the weights from least on: of each chunk, and of all.
__device__ __forceinline__ u64 masses(const weights_of &w, u64 *mass, u32 least) {
	const int lane = threadIdx.x % 32;
	__syncthreads();
	for (int c = threadIdx.x / 32; c * draw_chunk < w.v; c += draw_threads / 32) {
		u64 s = 0;
		each_logit(w.z, c * draw_chunk, min((c + 1) * draw_chunk, w.v), w.v, lane, 32, [&](int, float x) {
			const float f = w(x);
			if (__float_as_uint(f) >= least) s += fixed(f);
		});
		s = warp_sum(s);
		if (lane == 0) mass[c] = s;
	}
	__syncthreads();
	u64 s = 0;
	for (int c = 0; c * draw_chunk < w.v; c++) s += mass[c];
	return s;
}

// pick is the first id whose running sum exceeds target; the last that has any
// weight where rounding leaves none.
__device__ __forceinline__ int pick(const weights_of &w, const u64 *mass, u64 *scratch, u32 least, u64 target) {
	__shared__ int chosen, last;
	int c = 0;
	for (; (c + 1) * draw_chunk < w.v && target >= mass[c]; c++) target -= mass[c];
	while (c > 0 && mass[c] == 0) c--, target = ~0ull; // past the end: the last chunk with weights
	if (threadIdx.x == 0) chosen = -1, last = c * draw_chunk;
	const int lo = c * draw_chunk + 4 * threadIdx.x, hi = min(lo + 4, w.v);
	u64 own[4], sum = 0, total;
	for (int j = 0; j < 4; j++) {
		const float f = lo + j < hi ? w(w.z[lo + j]) : 0.0f;
		own[j] = __float_as_uint(f) >= least ? fixed(f) : 0;
		sum += own[j];
	}
	u64 at = running(sum, scratch, &total) - sum; // a barrier: chosen and last are set
	for (int j = 0; j < 4; j++) {
		if (target >= at && target - at < own[j]) chosen = lo + j;
		at += own[j];
		if (own[j] && at == total) last = lo + j;
	}
	__syncthreads();
	return chosen >= 0 ? chosen : last;
}

// uniform is draw i of a key: seed.Key.Float.
__device__ __forceinline__ double uniform(u64 key, u64 i) {
	u64 z = key + (i + 1) * 0x9E3779B97F4A7C15ull;
	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ z >> 27) * 0x94D049BB133111EBull;
	z ^= z >> 31;
	return (double)(z >> 11) * 1.1102230246251565e-16;
}

// A block a row: token and log-probability into ids and logps, and the row's
// record one position on. The token is -1 for an idle row, -2 where logits are
// not finite.
extern "C" __global__ void __launch_bounds__(draw_threads, 1) draw(int *ids, float *logps, const float *z, const draw_part *parts, int *records, int stride, const draw_params *params, int v) {
	__shared__ u64 hist[draw_copies * 1024], mass[draw_chunks], scratch[32];
	__shared__ double terms[draw_chunks];
	__shared__ float tops[draw_chunks];
	const int row = blockIdx.x, tid = threadIdx.x, chunks = (v + draw_chunk - 1) / draw_chunk;
	int *record = records + (size_t)row * stride;
	after_previous();
	if (idle_record(record)) {
		if (tid == 0) ids[row] = -1, logps[row] = 0;
		return;
	}
	parts += (size_t)row * draw_chunks;
	const draw_params p = *params;
	if (tid < chunks) tops[tid] = parts[tid].top;
	__syncthreads();
	float top = tops[0];
	int best = 0;
	for (int c = 1; c < chunks; c++)
		if (tops[c] > top) top = tops[c], best = c;
	int id = parts[best].at;
	if (id < 0 || id >= v) id = 0; // no logit is a number
	const weights_of w = {z + (size_t)row * v, v, top, (float)p.inverse * LOG2E};
	if (tid < chunks) {
		const draw_part q = parts[tid];
		terms[tid] = (double)q.sum1 * exp2_fast((q.top - top) * LOG2E);
		mass[tid] = fixed((double)q.sum * exp2_fast((q.top - top) * w.scale));
	}
	__syncthreads();
	if (p.inverse > 0) {
		u64 total = 0;
		for (int c = 0; c < chunks; c++) total += mass[c];
		u32 least = 0;
#pragma unroll 1
		for (int what = 0; what < 3; what++) { // top-k, top-p, min-p
			if (what == 0 ? p.k <= 0 || p.k >= v : what == 1 ? p.p <= 0 || p.p >= 1 : __float_as_uint((float)p.min_p) <= least) continue;
			if (what == 2) least = __float_as_uint((float)p.min_p);
			else {
				// Weights below from sum to less than what top-p leaves out.
				const float from = what ? (float)((1 - p.p) * (double)total / 17592186044416.0 / v * 0.999) : 0.0f;
				least = cut(w, hist, scratch, least, __float_as_uint(from), what ? max((u64)1, (u64)(p.p * (double)total)) : (u64)p.k, what == 0);
			}
			total = masses(w, mass, least);
		}
		const double u = uniform((u64)(u32)record[4] | (u64)(u32)record[5] << 32, (u64)record[6]);
		id = pick(w, mass, scratch, least, (u64)(u * (double)total));
	}
	__syncthreads();
	if (tid) return;
	double sum = 0;
	for (int c = 0; c < chunks; c++) sum += terms[c];
	ids[row] = sum < 1e300 ? id : -2; // false for what is no number
	logps[row] = (float)((double)(w.z[id] - top) - log(sum));
	record[0] = id, record[1]++, record[6]++;
}
HN_KERNEL(draw)

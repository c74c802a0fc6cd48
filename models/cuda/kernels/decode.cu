// Generation: one pass of the network over n tokens, each of a sequence of its
// own (decoding) or of the same few (a chunk of prompts), with keys and values
// in pages. Operands of products and the cache have type T; everything between
// is fp32.
//
// A record is stride ints: token, position, shared, end, key (two), drawn, one
// spare, and the pages. Positions below shared lie in the first pages, the
// others in those after, from a new page on. Decoding takes token and position
// from record i; a chunk from spans: n tokens, n positions, n record numbers.
// A token without a position (negative, or at the end) is idle.
enum { page_tokens = 64, split_pages = 4, split_tokens = page_tokens * split_pages, record_pages = 8 };

struct seat {
	const int *record;
	int token, pos; // pos < 0: idle
};
__device__ __forceinline__ seat seat_of(const int *records, int stride, const int *spans, int n, int i) {
	seat s;
	if (spans) {
		s.record = records + (size_t)spans[2 * n + i] * stride;
		s.token = spans[i], s.pos = spans[n + i];
		return s;
	}
	s.record = records + (size_t)i * stride;
	s.token = s.record[0], s.pos = s.record[1];
	if (s.pos >= s.record[3]) s.pos = -1;
	return s;
}

// slot_of is where position p lies: a page's number times page_tokens, plus the
// place in it.
__device__ __forceinline__ long long slot_of(const int *record, int p) {
	const int shared = record[2];
	int page = p / page_tokens, at = p % page_tokens;
	if (p >= shared) page = (shared + page_tokens - 1) / page_tokens + (p - shared) / page_tokens, at = (p - shared) % page_tokens;
	return (long long)record[record_pages + page] * page_tokens + at;
}

// A page holds, for each layer, the keys of each key head as [width/e][tokens][e]
// with e elements in 16 bytes, so that neighbouring threads read neighbouring
// tokens; then the values of each head as [tokens][width]. width is the head's
// dimension rounded up to 8, filled with zeros.
struct cache_shape {
	int layers, heads, width;
};
__device__ __forceinline__ size_t page_at(const cache_shape &c, int page, int layer, int values, int head) {
	return ((((size_t)page * c.layers + layer) * 2 + values) * c.heads + head) * page_tokens * c.width;
}

template <class T> struct vector;
template <> struct vector<float> {
	enum { size = 4 };
	static __device__ __forceinline__ void load(float *r, const float *p) {
		const float4 v = *(const float4 *)p;
		r[0] = v.x, r[1] = v.y, r[2] = v.z, r[3] = v.w;
	}
};
template <> struct vector<b16> {
	enum { size = 8 };
	static __device__ __forceinline__ void load(float *r, const b16 *p) {
		const uint4 v = *(const uint4 *)p;
		r[0] = low(v.x), r[1] = high(v.x), r[2] = low(v.y), r[3] = high(v.y);
		r[4] = low(v.z), r[5] = high(v.z), r[6] = low(v.w), r[7] = high(v.w);
	}
};

// put4 stores four numbers as T at an address divisible by their size.
__device__ __forceinline__ void put4(float *p, float4 v) { *(float4 *)p = v; }
__device__ __forceinline__ void put4(b16 *p, float4 v) { *(uint2 *)p = make_uint2(pack(v.x, v.y), pack(v.z, v.w)); }
__device__ __forceinline__ float4 get4(const float *p) { return *(const float4 *)p; }
__device__ __forceinline__ float4 get4(const b16 *p) {
	const uint2 v = *(const uint2 *)p;
	return make_float4(low(v.x), high(v.x), low(v.y), high(v.y));
}

// Rows enter: x = embedding of the token. d is divisible by 4.
template <class T> __device__ __forceinline__ void enter(float *x, const T *embed, const int *records, int stride, const int *spans, int n, int d) {
	const int i = blockIdx.x;
	const seat s = seat_of(records, stride, spans, n, i);
	const size_t from = s.pos < 0 ? 0 : (size_t)s.token * d;
	for (int j = 4 * threadIdx.x; j < d; j += 4 * blockDim.x) put4(x + (size_t)i * d + j, get4(embed + from + j));
}
extern "C" __global__ void decode_enter_f32(float *x, const float *embed, const int *records, int stride, const int *spans, int n, int d) { enter(x, embed, records, stride, spans, n, d); }
HN_KERNEL(decode_enter_f32)
extern "C" __global__ void decode_enter_b16(float *x, const b16 *embed, const int *records, int stride, const int *spans, int n, int d) { enter(x, embed, records, stride, spans, n, d); }
HN_KERNEL(decode_enter_b16)

// h = RMSNorm(x)·gain, a block a row; d is divisible by 4.
template <class T> __device__ __forceinline__ void norm_row(T *h, const float *x, const float *gain, int d, float eps) {
	x += (size_t)blockIdx.x * d, h += (size_t)blockIdx.x * d;
	float s = 0;
	for (int j = 4 * threadIdx.x; j < d; j += 4 * blockDim.x) {
		const float4 v = get4(x + j);
		s += v.x * v.x + v.y * v.y + v.z * v.z + v.w * v.w;
	}
	const float r = 1.0f / sqrtf(block_sum(s) / d + eps);
	for (int j = 4 * threadIdx.x; j < d; j += 4 * blockDim.x) {
		const float4 v = get4(x + j), g = get4(gain + j);
		put4(h + j, make_float4(v.x * r * g.x, v.y * r * g.y, v.z * r * g.z, v.w * r * g.w));
	}
}
extern "C" __global__ void decode_norm_f32(float *h, const float *x, const float *gain, int d, float eps) { norm_row(h, x, gain, d, eps); }
HN_KERNEL(decode_norm_f32)
extern "C" __global__ void decode_norm_b16(b16 *h, const float *x, const float *gain, int d, float eps) { norm_row(h, x, gain, d, eps); }
HN_KERNEL(decode_norm_b16)

// Bias and rotation: queries in place, keys and values into the cache. A block a row.
template <class T> __device__ __forceinline__ void append(float *x, T *cache, const float *bias, const float *cosines, const float *sines, const int *records, int stride, const int *spans, int n, int layer, int layers, int hq, int hkv, int d) {
	const int i = blockIdx.x, half = d / 2, e = vector<T>::size;
	const seat s = seat_of(records, stride, spans, n, i);
	if (s.pos < 0) return;
	const cache_shape shape = {layers, hkv, (d + 7) / 8 * 8};
	const long long slot = slot_of(s.record, s.pos);
	const int page = (int)(slot / page_tokens), at = (int)(slot % page_tokens);
	const float *c = cosines + (size_t)s.pos * half, *z = sines + (size_t)s.pos * half;
	x += (size_t)i * (hq + 2 * hkv) * d;
	for (int j = threadIdx.x; j < (hq + hkv) * half; j += blockDim.x) {
		const int h = j / half, k = j % half, p = h * d + k;
		const float a = x[p] + bias[p], b = x[p + half] + bias[p + half];
		const float ra = a * c[k] - b * z[k], rb = b * c[k] + a * z[k];
		if (h < hq) {
			x[p] = ra, x[p + half] = rb;
			continue;
		}
		T *keys = cache + page_at(shape, page, layer, 0, h - hq);
		keys[k / e * page_tokens * e + at * e + k % e] = narrow<T>(ra);
		keys[(k + half) / e * page_tokens * e + at * e + (k + half) % e] = narrow<T>(rb);
	}
	for (int j = threadIdx.x; j < hkv * d; j += blockDim.x) {
		const int h = j / d, p = (hq + hkv) * d + j;
		cache[page_at(shape, page, layer, 1, h) + (size_t)at * shape.width + j % d] = narrow<T>(x[p] + bias[p]);
	}
	const int pad = shape.width - d;
	for (int j = threadIdx.x; j < hkv * pad; j += blockDim.x) {
		const int h = j / pad, k = d + j % pad;
		cache[page_at(shape, page, layer, 0, h) + k / e * page_tokens * e + at * e + k % e] = narrow<T>(0);
		cache[page_at(shape, page, layer, 1, h) + (size_t)at * shape.width + k] = narrow<T>(0);
	}
}
extern "C" __global__ void decode_append_f32(float *x, float *cache, const float *bias, const float *cosines, const float *sines, const int *records, int stride, const int *spans, int n, int layer, int layers, int hq, int hkv, int d) {
	append(x, cache, bias, cosines, sines, records, stride, spans, n, layer, layers, hq, hkv, d);
}
HN_KERNEL(decode_append_f32)
extern "C" __global__ void decode_append_b16(float *x, b16 *cache, const float *bias, const float *cosines, const float *sines, const int *records, int stride, const int *spans, int n, int layer, int layers, int hq, int hkv, int d) {
	append(x, cache, bias, cosines, sines, records, stride, spans, n, layer, layers, hq, hkv, d);
}
HN_KERNEL(decode_append_b16)

// reach is how a query sees the cache.
struct reach {
	int shared, own, shared_pages, pages; // tokens, pages of each kind, of both
};
__device__ __forceinline__ reach reach_of(const seat &s) {
	reach r;
	const int len = s.pos + 1;
	r.shared = min(s.record[2], len);
	r.own = len - r.shared;
	r.shared_pages = (r.shared + page_tokens - 1) / page_tokens;
	r.pages = r.shared_pages + (r.own + page_tokens - 1) / page_tokens;
	return r;
}

// Attention of one token's G query heads over a split of the cache, keys and
// values read once for all of them. Grid: (n, key heads × splits), 128 threads: a
// thread for each of 2 slots in the scores, then for 16 bytes of a value row. A
// sequence of one split writes o, others their part: max, sum, and G rows of o.
enum { attend_threads = 128, attend_slots = split_tokens / attend_threads };
template <class T, int G> __device__ __forceinline__ void attend(T *o, float *part, const float *x, const T *cache, const int *records, int stride, const int *spans, int n, int layer, int layers, int hq, int hkv, int d, int splits, float scale) {
	enum { e = vector<T>::size, gp = (G + 3) / 4 * 4, d_max = 128 };
	__shared__ __align__(16) float sq[G][d_max];
	__shared__ __align__(16) float sp[split_tokens][gp];
	__shared__ float top[attend_threads / 32][G], sums[attend_threads / 32][G];
	__shared__ __align__(16) float fold[attend_threads / 2 * G * e];
	const int i = blockIdx.x, kv = blockIdx.y % hkv, split = blockIdx.y / hkv, tid = threadIdx.x, group = hq / hkv;
	const seat s = seat_of(records, stride, spans, n, i);
	if (s.pos < 0) return;
	const reach r = reach_of(s);
	const int page0 = split * split_pages;
	if (page0 >= r.pages) return;
	const cache_shape shape = {layers, hkv, (d + 7) / 8 * 8};
	const int w = shape.width;
	x += (size_t)i * (hq + 2 * hkv) * d + kv * group * d;
	for (int j = tid; j < G * w; j += attend_threads) {
		const int g = j / w, c = j % w;
		sq[g][c] = g < group && c < d ? x[g * d + c] * scale : 0.0f;
	}
	// A slot's page and whether it holds a token that is seen.
	int live[attend_slots];
	const T *keys[attend_slots];
#pragma unroll
	for (int u = 0; u < attend_slots; u++) {
		const int j = tid + u * attend_threads, page = page0 + j / page_tokens, at = j % page_tokens;
		live[u] = page < r.shared_pages ? page * page_tokens + at < r.shared : (page - r.shared_pages) * page_tokens + at < r.own;
		keys[u] = cache + at * e;
		if (live[u]) keys[u] += page_at(shape, s.record[record_pages + page], layer, 0, kv);
	}
	__syncthreads();
	float score[attend_slots][G];
#pragma unroll
	for (int u = 0; u < attend_slots; u++)
#pragma unroll
		for (int g = 0; g < G; g++) score[u][g] = 0;
	for (int c = 0; c < w; c += e) {
		float k[attend_slots][e];
#pragma unroll
		for (int u = 0; u < attend_slots; u++)
			if (live[u]) vector<T>::load(k[u], keys[u] + c * page_tokens);
#pragma unroll
		for (int g = 0; g < G; g++)
#pragma unroll
			for (int b = 0; b < e; b += 4) {
				const float4 q = get4(&sq[g][c + b]);
#pragma unroll
				for (int u = 0; u < attend_slots; u++)
					if (live[u]) score[u][g] += q.x * k[u][b] + q.y * k[u][b + 1] + q.z * k[u][b + 2] + q.w * k[u][b + 3];
			}
	}
#pragma unroll
	for (int g = 0; g < G; g++) {
		float m = -1e30f;
#pragma unroll
		for (int u = 0; u < attend_slots; u++) m = live[u] ? fmaxf(m, score[u][g]) : m;
		m = warp_max(m);
		if (tid % 32 == 0) top[tid / 32][g] = m;
	}
	__syncthreads();
#pragma unroll
	for (int g = 0; g < G; g++) {
		float m = top[0][g], l = 0;
		for (int k = 1; k < attend_threads / 32; k++) m = fmaxf(m, top[k][g]);
#pragma unroll
		for (int u = 0; u < attend_slots; u++) {
			const float p = live[u] ? exp2_fast(score[u][g] - m) : 0.0f;
			sp[tid + u * attend_threads][g] = p;
			l += p;
		}
		l = warp_sum(l);
		if (tid % 32 == 0) sums[tid / 32][g] = l;
	}
	__syncthreads();
	// Values: chunks threads for a row, and as many rows at a time as fit.
	const int chunks = w / e, streams = attend_threads / chunks, stream = tid / chunks, c = tid % chunks * e;
	float acc[G][e];
#pragma unroll
	for (int g = 0; g < G; g++)
#pragma unroll
		for (int b = 0; b < e; b++) acc[g][b] = 0;
	if (stream < streams)
		for (int page = page0; page < min(page0 + (int)split_pages, r.pages); page++) {
			const int tokens = min((int)page_tokens, page < r.shared_pages ? r.shared - page * page_tokens : r.own - (page - r.shared_pages) * page_tokens);
			const T *values = cache + page_at(shape, s.record[record_pages + page], layer, 1, kv) + c;
#pragma unroll 4
			for (int t = stream; t < tokens; t += streams) {
				float v[e];
				vector<T>::load(v, values + t * w);
				const float *p = sp[(page - page0) * page_tokens + t];
#pragma unroll
				for (int g = 0; g < G; g++)
#pragma unroll
					for (int b = 0; b < e; b++) acc[g][b] += p[g] * v[b];
			}
		}
	for (int left = streams; left > 1;) { // fold the upper half of the streams onto the lower
		const int half = (left + 1) / 2;
		__syncthreads();
		if (stream >= half && stream < left)
#pragma unroll
			for (int g = 0; g < G; g++)
#pragma unroll
				for (int b = 0; b < e; b++) fold[((stream - half) * G + g) * w + c + b] = acc[g][b];
		__syncthreads();
		if (stream < left - half)
#pragma unroll
			for (int g = 0; g < G; g++)
#pragma unroll
				for (int b = 0; b < e; b++) acc[g][b] += fold[(stream * G + g) * w + c + b];
		left = half;
	}
	if (stream > 0) return;
	const int alone = r.pages <= split_pages;
#pragma unroll
	for (int g = 0; g < G; g++) {
		if (g >= group) break;
		float l = 0, m = top[0][g];
		for (int k = 0; k < attend_threads / 32; k++) l += sums[k][g], m = fmaxf(m, top[k][g]);
		const int head = kv * group + g;
		if (alone) {
#pragma unroll
			for (int b = 0; b < e; b++)
				if (c + b < d) o[((size_t)i * hq + head) * d + c + b] = narrow<T>(acc[g][b] / l);
			continue;
		}
		float *out = part + (((size_t)i * hq + head) * splits + split) * (w + 2);
		if (c == 0) out[w] = m, out[w + 1] = l;
#pragma unroll
		for (int b = 0; b < e; b++) out[c + b] = acc[g][b];
	}
}

#define DECODE_ATTEND(name, T, G) \
	extern "C" __global__ void __launch_bounds__(attend_threads, G > 6 ? 3 : 4) name(T *o, float *part, const float *x, const T *cache, const int *records, int stride, const int *spans, int n, int layer, int layers, int hq, int hkv, int d, int splits, float scale) { \
		attend<T, G>(o, part, x, cache, records, stride, spans, n, layer, layers, hq, hkv, d, splits, scale); \
	}
DECODE_ATTEND(decode_attend1_f32, float, 1)
HN_KERNEL(decode_attend1_f32)
DECODE_ATTEND(decode_attend2_f32, float, 2)
HN_KERNEL(decode_attend2_f32)
DECODE_ATTEND(decode_attend4_f32, float, 4)
HN_KERNEL(decode_attend4_f32)
DECODE_ATTEND(decode_attend6_f32, float, 6)
HN_KERNEL(decode_attend6_f32)
DECODE_ATTEND(decode_attend8_f32, float, 8)
HN_KERNEL(decode_attend8_f32)
DECODE_ATTEND(decode_attend1_b16, b16, 1)
HN_KERNEL(decode_attend1_b16)
DECODE_ATTEND(decode_attend2_b16, b16, 2)
HN_KERNEL(decode_attend2_b16)
DECODE_ATTEND(decode_attend4_b16, b16, 4)
HN_KERNEL(decode_attend4_b16)
DECODE_ATTEND(decode_attend6_b16, b16, 6)
HN_KERNEL(decode_attend6_b16)
DECODE_ATTEND(decode_attend8_b16, b16, 8)
HN_KERNEL(decode_attend8_b16)

// The parts of sequences of several splits, in their order. Grid: (n, query heads).
template <class T> __device__ __forceinline__ void combine(T *o, const float *part, const int *records, int stride, const int *spans, int n, int hq, int d, int splits) {
	const int i = blockIdx.x, head = blockIdx.y, w = (d + 7) / 8 * 8;
	const seat s = seat_of(records, stride, spans, n, i);
	if (s.pos < 0) return;
	const reach r = reach_of(s);
	if (r.pages <= split_pages) return;
	const int live = (r.pages + split_pages - 1) / split_pages;
	part += ((size_t)i * hq + head) * splits * (w + 2);
	float m = part[w];
	for (int k = 1; k < live; k++) m = fmaxf(m, part[k * (w + 2) + w]);
	for (int c = threadIdx.x; c < d; c += blockDim.x) {
		float l = 0, v = 0;
		for (int k = 0; k < live; k++) {
			const float *p = part + k * (w + 2), f = exp2_fast(p[w] - m);
			l += f * p[w + 1], v += f * p[c];
		}
		o[((size_t)i * hq + head) * d + c] = narrow<T>(v / l);
	}
}
extern "C" __global__ void decode_combine_f32(float *o, const float *part, const int *records, int stride, const int *spans, int n, int hq, int d, int splits) { combine(o, part, records, stride, spans, n, hq, d, splits); }
HN_KERNEL(decode_combine_f32)
extern "C" __global__ void decode_combine_b16(b16 *o, const float *part, const int *records, int stride, const int *spans, int n, int hq, int d, int splits) { combine(o, part, records, stride, spans, n, hq, d, splits); }
HN_KERNEL(decode_combine_b16)

// y = silu(gate)·up: four elements a thread; f is divisible by 4.
__device__ __forceinline__ float gated(float g, float u) { return g / (1.0f + __expf(-g)) * u; }
template <class T> __device__ __forceinline__ void gate(T *y, const T *gu, int n, int f) {
	const size_t i = 4 * ((size_t)blockIdx.x * blockDim.x + threadIdx.x);
	if (i >= (size_t)n * f) return;
	const size_t at = i / f * 2 * f + i % f;
	const float4 g = get4(gu + at), u = get4(gu + at + f);
	put4(y + i, make_float4(gated(g.x, u.x), gated(g.y, u.y), gated(g.z, u.z), gated(g.w, u.w)));
}
extern "C" __global__ void decode_gate_f32(float *y, const float *gu, int n, int f) { gate(y, gu, n, f); }
HN_KERNEL(decode_gate_f32)
extern "C" __global__ void decode_gate_b16(b16 *y, const b16 *gu, int n, int f) { gate(y, gu, n, f); }
HN_KERNEL(decode_gate_b16)

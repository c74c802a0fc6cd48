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
	after_previous();
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
	after_previous();
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
#define DECODE_NORM(name, T) \
	extern "C" __global__ void __launch_bounds__(512) name(T *h, const float *x, const float *gain, int d, float eps) { norm_row(h, x, gain, d, eps); }
DECODE_NORM(decode_norm_f32, float)
HN_KERNEL(decode_norm_f32)
DECODE_NORM(decode_norm_b16, b16)
HN_KERNEL(decode_norm_b16)

// rotated is element c of a head after bias and rotation; c and z hold the
// cosines and sines of the position.
__device__ __forceinline__ float rotated(const float *x, const float *bias, const float *c, const float *z, int half, int k) {
	const int j = k < half ? k : k - half;
	const float a = x[j] + bias[j], b = x[j + half] + bias[j + half];
	return k < half ? a * c[j] - b * z[j] : b * c[j] + a * z[j];
}

struct heads_of {
	int layer, layers, q, kv, dim; // the layer, and how many layers and heads there are
};

// append stores a token's keys and values of head h, an element a thread: x is
// its row of q‖k‖v.
template <class T> __device__ __forceinline__ void append(T *cache, const float *x, const float *bias, const float *cosines, const float *sines, const seat &s, const heads_of &m, int h) {
	const int half = m.dim / 2, e = vector<T>::size;
	const cache_shape shape = {m.layers, m.kv, (m.dim + 7) / 8 * 8};
	const long long slot = slot_of(s.record, s.pos);
	const int page = (int)(slot / page_tokens), at = (int)(slot % page_tokens), k = (m.q + h) * m.dim, v = k + m.kv * m.dim;
	T *keys = cache + page_at(shape, page, m.layer, 0, h), *values = cache + page_at(shape, page, m.layer, 1, h) + (size_t)at * shape.width;
	const int j = threadIdx.x;
	if (j >= shape.width) return;
	const int live = j < m.dim;
	keys[j / e * page_tokens * e + at * e + j % e] = narrow<T>(live ? rotated(x + k, bias + k, cosines + (size_t)s.pos * half, sines + (size_t)s.pos * half, half, j) : 0.0f);
	values[j] = narrow<T>(live ? x[v + j] + bias[v + j] : 0.0f);
}

// Keys and values of a chunk of prompts. Grid: (n, key heads).
#define DECODE_APPEND(name, T) \
	extern "C" __global__ void name(T *cache, const float *x, const float *bias, const float *cosines, const float *sines, const int *records, int stride, const int *spans, int n, int layer, int layers, int hq, int hkv, int d) { \
		after_previous(); \
		const seat s = seat_of(records, stride, spans, n, blockIdx.x); \
		const heads_of m = {layer, layers, hq, hkv, d}; \
		if (s.pos >= 0) append(cache, x + (size_t)blockIdx.x * (hq + 2 * hkv) * d, bias, cosines, sines, s, m, blockIdx.y); \
	}
DECODE_APPEND(decode_append_f32, float)
HN_KERNEL(decode_append_f32)
DECODE_APPEND(decode_append_b16, b16)
HN_KERNEL(decode_append_b16)

// The same of whole prompts, whose rows of q‖k‖v have their bias and rotation.
extern "C" __global__ void decode_keep(b16 *cache, const b16 *x, const int *records, int stride, const int *spans, int n, int layer, int layers, int hq, int hkv, int d) {
	after_previous();
	const seat s = seat_of(records, stride, spans, n, blockIdx.x);
	const cache_shape shape = {layers, hkv, (d + 7) / 8 * 8};
	const int h = blockIdx.y, j = threadIdx.x, e = vector<b16>::size;
	if (s.pos < 0 || j >= shape.width) return;
	const long long slot = slot_of(s.record, s.pos);
	const int page = (int)(slot / page_tokens), at = (int)(slot % page_tokens);
	x += (size_t)blockIdx.x * (hq + 2 * hkv) * d + (size_t)(hq + h) * d + j;
	const b16 zero = {0};
	cache[page_at(shape, page, layer, 0, h) + j / e * page_tokens * e + at * e + j % e] = j < d ? x[0] : zero;
	cache[page_at(shape, page, layer, 1, h) + (size_t)at * shape.width + j] = j < d ? x[hkv * d] : zero;
}
HN_KERNEL(decode_keep)

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

// fetch_page asks for the first tokens of a page, so that they are on their way
// from memory before they are read: lines of 128 bytes, a thread each.
template <class T> __device__ __forceinline__ void fetch_page(const T *cache, const cache_shape &c, int page, int layer, int head, int tokens) {
	const char *keys = (const char *)(cache + page_at(c, page, layer, 0, head)), *values = (const char *)(cache + page_at(c, page, layer, 1, head));
	const int row = c.width * (int)sizeof(T);
	for (int l = threadIdx.x; l * 128 < page_tokens * row; l += blockDim.x) {
		if (l % 8 * 8 < tokens) fetch(keys + l * 128); // 8 tokens a line
		if (l * 128 < tokens * row) fetch(values + l * 128);
	}
}

// Attention of one token's G query heads over a split of the cache, keys and
// values read once for all of them. Grid: (n, key heads × splits), 128 threads: a
// thread for each of 2 slots in the scores, then for 16 bytes of a value row.
//
// Decoding, the block of the last split stores the token's own key and value
// first; a chunk's lie in the cache already. A sequence of one split writes o;
// of several, each leaves its part, G rows of o with their max and sum, and the
// block that finds all others' done (count) puts the parts together, in order.
enum { attend_threads = 128, attend_slots = split_tokens / attend_threads };
template <class T, int G> __device__ __forceinline__ void attend(T *o, float *part, int *count, T *cache, const float *x, const float *bias, const float *cosines, const float *sines, const int *records, int stride, const int *spans, int n, const heads_of &m, int splits, float scale) {
	enum { e = vector<T>::size, gp = (G + 3) / 4 * 4, d_max = 128 };
	__shared__ __align__(16) float sq[G][d_max];
	__shared__ __align__(16) float sp[split_tokens][gp];
	__shared__ float top[attend_threads / 32][G], sums[attend_threads / 32][G];
	__shared__ __align__(16) float fold[attend_threads / 2 * G * e];
	__shared__ int last;
	const int i = blockIdx.x, kv = blockIdx.y % m.kv, split = blockIdx.y / m.kv, tid = threadIdx.x, group = m.q / m.kv, d = m.dim;
	const cache_shape shape = {m.layers, m.kv, (d + 7) / 8 * 8};
	const int w = shape.width, half = d / 2;
	// Records, and what earlier steps left in the cache, are there already.
	const seat s = seat_of(records, stride, spans, n, i);
	const reach r = reach_of(s);
	const int page0 = split * split_pages, live_splits = s.pos < 0 ? 0 : (r.pages + split_pages - 1) / split_pages;
	int number[split_pages], tokens[split_pages];
#pragma unroll
	for (int q = 0; q < split_pages; q++) {
		const int page = page0 + q;
		number[q] = split < live_splits && page < r.pages ? s.record[record_pages + page] : 0;
		tokens[q] = split >= live_splits ? 0 : min((int)page_tokens, max(0, page < r.shared_pages ? r.shared - page * page_tokens : r.own - (page - r.shared_pages) * page_tokens));
	}
#pragma unroll
	for (int q = 0; q < split_pages; q++) fetch_page(cache, shape, number[q], m.layer, kv, tokens[q]);
	after_previous();
	if (split >= live_splits) return;
	x += (size_t)i * (m.q + 2 * m.kv) * d;
	const float *co = cosines + (size_t)s.pos * half, *si = sines + (size_t)s.pos * half;
#pragma unroll 4
	for (int j = tid; j < group * half; j += attend_threads) { // a pair of elements at a time, many on their way
		const int g = j / half, c = j % half, p = (kv * group + g) * d + c;
		const float a = x[p] + bias[p], b = x[p + half] + bias[p + half], f = co[c], z = si[c];
		sq[g][c] = (a * f - b * z) * scale, sq[g][c + half] = (b * f + a * z) * scale;
	}
	for (int j = tid; (group < G || d < w) && j < G * w; j += attend_threads) // what no head or no dimension fills
		if (j / w >= group || j % w >= d) sq[j / w][j % w] = 0;
	if (!spans && split == live_splits - 1) append(cache, x, bias, cosines, sines, s, m, kv);
	// A slot's keys, and whether it holds a token that is seen.
	int live[attend_slots];
	const T *keys[attend_slots];
#pragma unroll
	for (int u = 0; u < attend_slots; u++) {
		const int odd = tid >= page_tokens, at = tid % page_tokens;
		live[u] = at < (odd ? tokens[2 * u + 1] : tokens[2 * u]);
		keys[u] = cache + page_at(shape, odd ? number[2 * u + 1] : number[2 * u], m.layer, 0, kv) + at * e;
	}
	__syncthreads();
	float score[attend_slots][G];
#pragma unroll
	for (int u = 0; u < attend_slots; u++)
#pragma unroll
		for (int g = 0; g < G; g++) score[u][g] = 0;
#pragma unroll 4
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
		float t = -1e30f;
#pragma unroll
		for (int u = 0; u < attend_slots; u++) t = live[u] ? fmaxf(t, score[u][g]) : t;
		t = warp_max(t);
		if (tid % 32 == 0) top[tid / 32][g] = t;
	}
	__syncthreads();
#pragma unroll
	for (int g = 0; g < G; g++) {
		float t = top[0][g], l = 0;
		for (int k = 1; k < attend_threads / 32; k++) t = fmaxf(t, top[k][g]);
#pragma unroll
		for (int u = 0; u < attend_slots; u++) {
			const float p = live[u] ? exp2_fast(score[u][g] - t) : 0.0f;
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
#pragma unroll
		for (int q = 0; q < split_pages; q++) {
			const T *values = cache + page_at(shape, number[q], m.layer, 1, kv) + c;
#pragma unroll 4
			for (int t = stream; t < tokens[q]; t += streams) {
				float v[e];
				vector<T>::load(v, values + t * w);
				const float *p = sp[q * page_tokens + t];
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
	part += ((size_t)i * m.q + kv * group) * splits * (w + 2);
	o += ((size_t)i * m.q + kv * group) * d;
	if (stream == 0)
#pragma unroll
		for (int g = 0; g < G; g++) {
			if (g >= group) break;
			float l = 0, t = top[0][g];
			for (int k = 0; k < attend_threads / 32; k++) l += sums[k][g], t = fmaxf(t, top[k][g]);
			float *out = part + (g * splits + split) * (w + 2);
			if (live_splits > 1 && c == 0) out[w] = t, out[w + 1] = l;
#pragma unroll
			for (int b = 0; b < e; b++) {
				if (live_splits > 1) out[c + b] = acc[g][b];
				else if (c + b < d) o[g * d + c + b] = narrow<T>(acc[g][b] / l);
			}
		}
	if (live_splits == 1) return;
	__threadfence(); // the part is there before it is counted
	__syncthreads();
	if (tid == 0) {
		last = atomicAdd(&count[i * m.kv + kv], 1) == live_splits - 1;
		if (last) count[i * m.kv + kv] = 0;
	}
	__syncthreads();
	if (!last) return;
	__threadfence();
	for (int j = tid; j < group * d; j += attend_threads) {
		const int g = j / d;
		const volatile float *p = part + g * splits * (w + 2);
		float t = p[w], l = 0, v = 0;
		for (int k = 1; k < live_splits; k++) t = fmaxf(t, p[k * (w + 2) + w]);
		for (int k = 0; k < live_splits; k++) {
			const volatile float *y = p + k * (w + 2);
			const float f = exp2_fast(y[w] - t);
			l += f * y[w + 1], v += f * y[j % d];
		}
		o[j] = narrow<T>(v / l);
	}
}

#define DECODE_ATTEND(name, T, G) \
	extern "C" __global__ void __launch_bounds__(attend_threads, G > 6 ? 3 : 4) name(T *o, float *part, int *count, T *cache, const float *x, const float *bias, const float *cosines, const float *sines, const int *records, int stride, const int *spans, int n, int layer, int layers, int hq, int hkv, int d, int splits, float scale) { \
		const heads_of m = {layer, layers, hq, hkv, d}; \
		attend<T, G>(o, part, count, cache, x, bias, cosines, sines, records, stride, spans, n, m, splits, scale); \
	}
DECODE_ATTEND(decode_attend2_f32, float, 2)
HN_KERNEL(decode_attend2_f32)
DECODE_ATTEND(decode_attend8_f32, float, 8)
HN_KERNEL(decode_attend8_f32)
DECODE_ATTEND(decode_attend2_b16, b16, 2)
HN_KERNEL(decode_attend2_b16)
DECODE_ATTEND(decode_attend4_b16, b16, 4)
HN_KERNEL(decode_attend4_b16)
DECODE_ATTEND(decode_attend6_b16, b16, 6)
HN_KERNEL(decode_attend6_b16)
DECODE_ATTEND(decode_attend8_b16, b16, 8)
HN_KERNEL(decode_attend8_b16)

// y = silu(gate)·up: four elements a thread; f is divisible by 4.
__device__ __forceinline__ float gated(float g, float u) { return g / (1.0f + __expf(-g)) * u; }
template <class T> __device__ __forceinline__ void gate(T *y, const T *gu, int n, int f) {
	after_previous();
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

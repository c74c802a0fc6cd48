// C (m×n, ldc elements a row) = alpha·A·B (+ residual, + C), A and B with a step
// for each index, so that one kernel serves x·wᵀ, dy·w and dyᵀ·x, where cublasLt
// is missing or has no plan. Version 1 of the ladder: 64×64 tiles in shared
// memory, 4×4 sums a thread, sums in fp32.
enum { tile = 64, depth = 16 };

template <class T> __device__ __forceinline__ void fill(float (*s)[tile + 4], const T *g, int rows, int k, int row0, int k0, long long step, long long kstep) {
	// Neighbouring threads read neighbouring addresses, whichever index that is.
	for (int e = threadIdx.x; e < tile * depth; e += blockDim.x) {
		const int r = kstep == 1 ? e / depth : e % tile, p = kstep == 1 ? e % depth : e / tile;
		s[p][r] = row0 + r < rows && k0 + p < k ? wide(g[(row0 + r) * step + (k0 + p) * kstep]) : 0.0f;
	}
}

template <class O, class T> __device__ __forceinline__ void matmul_of(O *c, const T *a, const T *b, const O *residual, int m, int n, int k, long long ar, long long ac, long long br, long long bc, long long ldc, float alpha, int add) {
	__shared__ float sa[depth][tile + 4], sb[depth][tile + 4];
	const int m0 = blockIdx.y * tile, n0 = blockIdx.x * tile, ty = threadIdx.x / 16 * 4, tx = threadIdx.x % 16 * 4;
	float sum[4][4];
	for (int i = 0; i < 4; i++)
		for (int j = 0; j < 4; j++) sum[i][j] = 0;
	for (int k0 = 0; k0 < k; k0 += depth) {
		__syncthreads();
		fill(sa, a, m, k, m0, k0, ar, ac);
		fill(sb, b, n, k, n0, k0, bc, br);
#ifndef HN_PLANT_NO_BARRIER // a test removes it and must notice
		__syncthreads();
#endif
		for (int p = 0; p < depth; p++)
			for (int i = 0; i < 4; i++)
				for (int j = 0; j < 4; j++) sum[i][j] += sa[p][ty + i] * sb[p][tx + j];
	}
	for (int i = 0; i < 4; i++)
		for (int j = 0; j < 4; j++) {
			const int row = m0 + ty + i, col = n0 + tx + j;
			if (row >= m || col >= n) continue;
			float v = alpha * sum[i][j];
			if (residual) v += wide(residual[row * ldc + col]);
			store(c + row * ldc + col, v, add);
		}
}
#define HN_MATMUL(name, O, T) \
	extern "C" __global__ void __launch_bounds__(256) name(O *c, const T *a, const T *b, const O *residual, int m, int n, int k, long long ar, long long ac, long long br, long long bc, long long ldc, float alpha, int add) { matmul_of(c, a, b, residual, m, n, k, ar, ac, br, bc, ldc, alpha, add); } \
	HN_KERNEL(name)
HN_MATMUL(matmul, float, float)
HN_MATMUL(matmul_b16, b16, b16)
HN_MATMUL(matmul_b16_wide, float, b16) // gradients of parameters, logits

// C (m×n, ldc elements a row) = alpha·A·B (+ residual, + C), A and B with a step
// for each index, so that one kernel serves x·wᵀ, dy·w and dyᵀ·x. Version 1 of
// the ladder: 64×64 tiles in shared memory, 4×4 sums a thread, fp32. round makes
// the operands bfloat16, as the CPU's bf16 products do.
enum { tile = 64, depth = 16 };

__device__ __forceinline__ void fill(float (*s)[tile + 4], const float *g, int rows, int k, int row0, int k0, long long step, long long kstep, int round) {
	// Neighbouring threads read neighbouring addresses, whichever index that is.
	for (int e = threadIdx.x; e < tile * depth; e += blockDim.x) {
		const int r = kstep == 1 ? e / depth : e % tile, p = kstep == 1 ? e % depth : e / tile;
		float v = row0 + r < rows && k0 + p < k ? g[(row0 + r) * step + (k0 + p) * kstep] : 0.0f;
		s[p][r] = round ? bf16(v) : v;
	}
}

extern "C" __global__ void __launch_bounds__(256) matmul(float *c, const float *a, const float *b, const float *residual, int m, int n, int k, long long ar, long long ac, long long br, long long bc, long long ldc, float alpha, int add, int round) {
	__shared__ float sa[depth][tile + 4], sb[depth][tile + 4];
	const int m0 = blockIdx.y * tile, n0 = blockIdx.x * tile, ty = threadIdx.x / 16 * 4, tx = threadIdx.x % 16 * 4;
	float sum[4][4];
	for (int i = 0; i < 4; i++)
		for (int j = 0; j < 4; j++) sum[i][j] = 0;
	for (int k0 = 0; k0 < k; k0 += depth) {
		__syncthreads();
		fill(sa, a, m, k, m0, k0, ar, ac, round);
		fill(sb, b, n, k, n0, k0, bc, br, round);
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
			if (residual) v += residual[row * ldc + col];
			store(c + row * ldc + col, v, add);
		}
}
HN_KERNEL(matmul)

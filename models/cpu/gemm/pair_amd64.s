#include "textflag.h"

// func pair2x32(k int64, a0, a1, b0, b1, c0, c1 *float32, acc int64)
//
// Two rows of A times two panels of B, k ≥ 1: eight accumulators, which is what
// two fused multiply-adds a cycle of four cycles' latency need.
TEXT ·pair2x32(SB), NOSPLIT, $0-64
	MOVQ   k+0(FP), CX
	MOVQ   a0+8(FP), SI
	MOVQ   a1+16(FP), DI
	MOVQ   b0+24(FP), R8
	MOVQ   b1+32(FP), R9
	MOVQ   c0+40(FP), R10
	MOVQ   c1+48(FP), R11
	MOVQ   acc+56(FP), AX
	SUBQ   R8, R9
	XORQ   BX, BX
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7

loop:
	VBROADCASTSS (SI)(BX*4), Y8
	VBROADCASTSS (DI)(BX*4), Y9
	VMOVUPS      (R8), Y10
	VMOVUPS      32(R8), Y11
	VMOVUPS      (R8)(R9*1), Y12
	VMOVUPS      32(R8)(R9*1), Y13
	VFMADD231PS  Y10, Y8, Y0
	VFMADD231PS  Y11, Y8, Y1
	VFMADD231PS  Y12, Y8, Y2
	VFMADD231PS  Y13, Y8, Y3
	VFMADD231PS  Y10, Y9, Y4
	VFMADD231PS  Y11, Y9, Y5
	VFMADD231PS  Y12, Y9, Y6
	VFMADD231PS  Y13, Y9, Y7
	ADDQ         $64, R8
	INCQ         BX
	CMPQ         BX, CX
	JNE          loop

	TESTQ  AX, AX
	JZ     store
	VADDPS (R10), Y0, Y0
	VADDPS 32(R10), Y1, Y1
	VADDPS 64(R10), Y2, Y2
	VADDPS 96(R10), Y3, Y3
	VADDPS (R11), Y4, Y4
	VADDPS 32(R11), Y5, Y5
	VADDPS 64(R11), Y6, Y6
	VADDPS 96(R11), Y7, Y7

store:
	VMOVUPS    Y0, (R10)
	VMOVUPS    Y1, 32(R10)
	VMOVUPS    Y2, 64(R10)
	VMOVUPS    Y3, 96(R10)
	VMOVUPS    Y4, (R11)
	VMOVUPS    Y5, 32(R11)
	VMOVUPS    Y6, 64(R11)
	VMOVUPS    Y7, 96(R11)
	VZEROUPPER
	RET

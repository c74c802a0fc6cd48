//go:build gpu && linux && (amd64 || arm64)

/* One jump through hn_slot for each driver function: arguments stay where the
   caller put them. A linker that puts names here satisfies gorgonia.org/cu
   without libcuda. */
#if defined(__x86_64__)
#define HN(i, name) .globl name; .type name, @function; name: jmp *(hn_slot + 8 * i)(%rip);
#elif defined(__aarch64__)
#define HN(i, name) .globl name; .type name, %function; name: adrp x16, hn_slot + 8 * i; ldr x16, [x16, :lo12:hn_slot + 8 * i]; br x16;
#endif
	.text
#include "names.h"
	.section .note.GNU-stack, "", %progbits

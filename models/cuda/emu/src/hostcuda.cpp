// The scheduler of the emulator: runs the threads of a block as fibers.
#include "hostcuda.h"
#include <sys/mman.h>
#include <vector>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace hn {
dim bidx, bdim, gdim;
fiber *cur;
uint64_t exchanged[32][32];
int votes, followed;
unsigned parts[32][32][8];
const void *rows[32][32];
alignas(128) unsigned char dynamic_shared[227 << 10];

enum { ready, at_block, at_warp, done };
enum { stack_size = 64 << 10 };
static std::vector<fiber> fibers;
static void (*thunk)(void **);
static void **arguments;
static size_t asked_shared;
static bool early; // every thread must call after_previous

#if defined(__x86_64__)
// hn_switch keeps the callee-saved registers on the old stack and goes on with
// the new one.
extern "C" void hn_switch(void **save, void *to);
asm(R"(
	.text
	.globl hn_switch
	.hidden hn_switch
hn_switch:
	pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp
	ret
)");
static void *scheduler;
static void leave(fiber *f) { hn_switch(&f->sp, scheduler); }
static void enter(fiber *f) { hn_switch(&scheduler, f->sp); }
#else
static ucontext_t scheduler;
static void leave(fiber *f) { swapcontext((ucontext_t *)f->sp, &scheduler); }
static void enter(fiber *f) { swapcontext(&scheduler, (ucontext_t *)f->sp); }
#endif

static void wait(int state) {
	fiber *f = cur;
	f->state = state;
	leave(f);
}
void barrier_block() { wait(at_block); }
void barrier_warp() { wait(at_warp); }

static void entry() {
	thunk(arguments);
	wait(done);
	__builtin_trap();
}

static void prepare(fiber &f) {
#if defined(__x86_64__)
	void **sp = (void **)(f.stack + stack_size);
	*--sp = 0;
	*--sp = (void *)entry;
	for (int k = 0; k < 6; k++) *--sp = 0;
	f.sp = sp;
#else
	if (!f.sp) f.sp = new ucontext_t;
	ucontext_t *u = (ucontext_t *)f.sp;
	getcontext(u);
	u->uc_stack.ss_sp = f.stack;
	u->uc_stack.ss_size = stack_size;
	u->uc_link = nullptr;
	makecontext(u, entry, 0);
#endif
}

static unsigned draw() {
	static uint64_t s = 88172645463325252ull;
	s ^= s << 13, s ^= s >> 7, s ^= s << 17;
	return s >> 11;
}

// release lets warps go on whose living lanes all wait at a warp barrier.
static bool release_warps(int n) {
	bool any = false;
	for (int w = 0; w < n; w += 32) {
		int end = w + 32 < n ? w + 32 : n, waiting = 0, living = 0;
		for (int i = w; i < end; i++) waiting += fibers[i].state == at_warp, living += fibers[i].state != done;
		if (!waiting || waiting != living) continue;
		for (int i = w; i < end; i++)
			if (fibers[i].state == at_warp) fibers[i].state = ready;
		any = true;
	}
	return any;
}

// block runs one block; 0, or 719 (launch failure) for a deadlock.
static int block(int n, bool shuffle) {
	static std::vector<int> order;
	order.resize(n);
	memset(dynamic_shared, 0xff, asked_shared); // shared memory holds anything
	followed = 0;
	for (int i = 0; i < n; i++) {
		fiber &f = fibers[i];
		f.state = ready, f.warp = i / 32, f.lane = i % 32, order[i] = i;
		f.tid = {i % bdim.x, i / bdim.x % bdim.y, i / (bdim.x * bdim.y)};
		prepare(f);
	}
	for (;;) {
		if (shuffle)
			for (int i = n - 1; i > 0; i--) std::swap(order[i], order[draw() % (i + 1)]);
		const unsigned held = shuffle ? draw() : 0; // warps that stay behind for once
		bool left = false;
		for (int i : order) {
			if (fibers[i].state != ready) continue;
			if (held >> fibers[i].warp & 1) left = true;
			else cur = &fibers[i], enter(cur);
		}
		if (release_warps(n) || left) continue;
		int waiting = 0, living = 0;
		for (int i = 0; i < n; i++) waiting += fibers[i].state == at_block, living += fibers[i].state != done;
		if (!living && early && followed != n) {
			fprintf(stderr, "emu: a kernel that was launched early does not wait for the one before it\n");
			return 719;
		}
		if (!living) return 0;
		if (waiting != n) { // CUDA wants every thread of the block at the barrier
			fprintf(stderr, "emu: block %u,%u,%u: %d of %d threads wait at a barrier, %d have ended\n", bidx.x, bidx.y, bidx.z, waiting, n, n - living);
			return 719;
		}
		for (int i = 0; i < n; i++) fibers[i].state = ready;
	}
}

static int launch(dim g, dim b, size_t shared, void (*t)(void **), void **p) {
	int n = b.x * b.y * b.z;
	asked_shared = shared;
	thunk = t, arguments = p, bdim = b, gdim = g;
	while ((int)fibers.size() < n) {
		fiber f{};
		f.stack = (char *)mmap(0, stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		fibers.push_back(f);
	}
	const char *s = getenv("HARDNEG_EMU_SCHEDULE");
	bool shuffle = s && *s == 'r';
	for (bidx.z = 0; bidx.z < g.z; bidx.z++)
		for (bidx.y = 0; bidx.y < g.y; bidx.y++)
			for (bidx.x = 0; bidx.x < g.x; bidx.x++)
				if (int rc = block(n, shuffle)) return rc;
	return 0;
}
} // namespace hn

extern "C" int hn_launch(void (*t)(void **), const unsigned *g, void **p) {
	hn::early = g[7];
	return hn::launch({g[0], g[1], g[2]}, {g[3], g[4], g[5]}, g[6], t, p);
}

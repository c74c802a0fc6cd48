// A stand-in for libcuda.so.1: host memory plays the device, streams are
// synchronous, and a module is a host library named by its image.
#include <dlfcn.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

typedef unsigned long long ptr;
typedef int (*launcher)(void (*)(void **), const unsigned *, void **);

struct function {
	void (*thunk)(void **);
	launcher launch;
	int params;
	unsigned shared; // dynamic bytes that a launch may ask for
};

enum { ok = 0, invalid_value = 1, out_of_memory = 2, invalid_image = 200, not_found = 500, not_permitted = 800, invalidated = 901 };

// A graph is what a stream was given while it recorded.
typedef std::vector<std::function<int()>> graph;
static graph *recording;
static bool spoilt; // by a call that would have waited for the stream
static const size_t memory = 1ull << 30;
static size_t used;
static std::mutex mutex;

// queue does f now, or when the graph is launched that records.
static int queue(std::function<int()> f) {
	if (!recording) return f();
	return recording->push_back(f), ok;
}
static int waits(void) {
	if (recording) spoilt = true;
	return recording ? not_permitted : ok;
}

extern "C" {
// For the other stand-ins: work of theirs on a stream.
void emu_queue(int (*f)(void *), void *p, void (*drop)(void *)) {
	if (recording) recording->push_back([=] { return f(p); }); // p is kept: graphs are few
	else f(p), drop(p);
}
int cuStreamBeginCapture_v2(void *, int mode) {
	if (recording || mode != 2) return invalid_value;
	return recording = new graph, spoilt = false, ok;
}
int cuStreamEndCapture(void *, void **g) {
	if (!recording) return invalid_value;
	*g = recording, recording = nullptr;
	return spoilt ? invalidated : ok;
}
int cuGraphInstantiateWithFlags(void **e, void *g, unsigned long long) { return *e = new graph(*(graph *)g), ok; }
int cuGraphDestroy(void *g) { return delete (graph *)g, ok; }
int cuGraphExecDestroy(void *g) { return delete (graph *)g, ok; }
int cuGraphLaunch(void *e, void *) {
	for (auto &f : *(graph *)e)
		if (int rc = f()) return rc;
	return ok;
}
int cuInit(unsigned) { return ok; }
int cuDriverGetVersion(int *v) { return *v = 12090, ok; }
int cuDeviceGetCount(int *n) { return *n = 1, ok; }
int cuDeviceGet(int *d, int i) { return *d = 0, i ? 101 : ok; }
int cuDeviceGetName(char *s, int n, int) { return snprintf(s, n, "emulator"), ok; }
int cuDeviceTotalMem_v2(size_t *b, int) { return *b = memory, ok; }
int cuDeviceGetAttribute(int *v, int a, int) {
	switch (a) {
	case 75: *v = 9; break; // compute capability 9.0
	case 16: *v = 1; break; // multiprocessors
	default: *v = 0;
	}
	return ok;
}
int cuDevicePrimaryCtxRetain(void **c, int) { return *c = (void *)1, ok; }
int cuDevicePrimaryCtxRelease_v2(int) { return ok; }
int cuCtxSetCurrent(void *) { return ok; }
int cuCtxSynchronize(void) { return ok; }
int cuMemGetInfo_v2(size_t *f, size_t *t) { return *f = memory - used, *t = memory, ok; }

// Each allocation has its size before it, and is filled with NaN: memory of a
// device holds anything.
int cuMemAlloc_v2(ptr *p, size_t n) {
	std::lock_guard<std::mutex> lock(mutex);
	if (n == 0) return invalid_value;
	if (used + n > memory) return out_of_memory;
	char *a; // no larger than asked for: the address sanitizer knows its end
	if (posix_memalign((void **)&a, 256, n + 256)) return out_of_memory;
	*(size_t *)a = n, used += n;
	memset(a + 256, 0xff, n);
	return *p = (ptr)(a + 256), ok;
}
int cuMemFree_v2(ptr p) {
	std::lock_guard<std::mutex> lock(mutex);
	char *a = (char *)p - 256;
	used -= *(size_t *)a;
	free(a);
	return ok;
}
int cuMemHostAlloc(void **p, size_t n, unsigned) { return *p = malloc(n), *p ? ok : out_of_memory; }
int cuMemFreeHost(void *p) { return free(p), ok; }
int cuMemcpyHtoD_v2(ptr d, const void *s, size_t n) { return memcpy((void *)d, s, n), ok; }
int cuMemcpyDtoH_v2(void *d, ptr s, size_t n) { return memcpy(d, (void *)s, n), ok; }
int cuMemcpyHtoDAsync_v2(ptr d, const void *s, size_t n, void *) {
	return queue([=] { return memcpy((void *)d, s, n), ok; });
}
int cuMemcpyDtoHAsync_v2(void *d, ptr s, size_t n, void *) {
	return queue([=] { return memcpy(d, (void *)s, n), ok; });
}
int cuMemcpyDtoDAsync_v2(ptr d, ptr s, size_t n, void *) {
	return queue([=] { return memmove((void *)d, (void *)s, n), ok; });
}
int cuMemsetD8Async(ptr d, unsigned char v, size_t n, void *) {
	return queue([=] { return memset((void *)d, v, n), ok; });
}
int cuStreamCreate(void **s, unsigned) { return *s = (void *)2, ok; }
int cuStreamSynchronize(void *) { return waits(); }
int cuStreamDestroy_v2(void *) { return ok; }
int cuEventCreate(void **e, unsigned) { return *e = (void *)3, ok; }
int cuEventRecord(void *, void *) { return ok; }
int cuEventSynchronize(void *) { return ok; }
int cuEventElapsedTime(float *ms, void *, void *) { return *ms = 0, ok; }
int cuEventDestroy_v2(void *) { return ok; }

int cuModuleLoadData(void **m, const void *image) {
	const char *s = (const char *)image;
	if (strncmp(s, "EMU:", 4)) return invalid_image;
	*m = dlopen(s + 4, RTLD_NOW | RTLD_LOCAL);
	if (!*m) fprintf(stderr, "emu: %s\n", dlerror());
	return *m ? ok : invalid_image;
}
int cuModuleUnload(void *) { return ok; }
int cuModuleGetFunction(void **f, void *m, const char *name) {
	const std::string n = name;
	function *r = new function{(void (*)(void **))dlsym(m, ("hn_thunk_" + n).c_str()), (launcher)dlsym(m, "hn_launch"), 0, 48 << 10};
	if (auto count = (int (*)())dlsym(m, ("hn_count_" + n).c_str())) r->params = count();
	*f = r;
	return r->thunk && r->launch ? ok : not_found;
}
int cuFuncSetAttribute(void *f, int attribute, int v) {
	if (attribute != 8 || v > 227 << 10) return invalid_value;
	return ((function *)f)->shared = v, ok;
}
static int launch(void *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, void **p, unsigned early);
int cuLaunchKernel(void *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, void *, void **p, void **) {
	return launch(f, gx, gy, gz, bx, by, bz, shared, p, 0);
}
struct config {
	unsigned gx, gy, gz, bx, by, bz, shared;
	void *stream;
	struct {
		int id, pad, serialization;
		char rest[60];
	} *attributes;
	unsigned n;
};
int cuLaunchKernelEx(const config *c, void *f, void **p, void **) {
	if (c->n != 1 || c->attributes->id != 6 || c->attributes->serialization != 1) return invalid_value;
	return launch(f, c->gx, c->gy, c->gz, c->bx, c->by, c->bz, c->shared, p, 1);
}
static int launch(void *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, void **p, unsigned early) {
	if (!gx || !gy || !gz || gy > 65535 || gz > 65535 || !bx || !by || !bz || bx * by * bz > 1024) return invalid_value;
	function *k = (function *)f;
	if (shared > k->shared) return invalid_value;
	std::vector<unsigned long long> args(k->params); // 8 bytes each, as cu gives them
	for (int i = 0; i < k->params; i++) memcpy(&args[i], p[i], 8);
	return queue([=]() mutable {
		std::lock_guard<std::mutex> lock(mutex);
		const unsigned g[8] = {gx, gy, gz, bx, by, bz, shared, early};
		std::vector<void *> at(args.size());
		for (size_t i = 0; i < args.size(); i++) at[i] = &args[i];
		return k->launch(k->thunk, g, at.data());
	});
}
}

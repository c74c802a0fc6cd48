//go:build gpu && linux && (amd64 || arm64)

#include "lazy.h"
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

enum { not_initialized = 3, slots = 192 }; /* CUDA_ERROR_NOT_INITIALIZED */

static int hn_missing(void) { return not_initialized; }

typedef int (*entry)(void);

/* Every slot starts at hn_missing: a call before hn_open fails, it does not crash. */
__attribute__((visibility("hidden"))) entry hn_slot[slots] = {[0 ... slots - 1] = hn_missing};

static const char *const name[] = {
#define HN(i, n) [i] = #n,
#include "names.h"
#undef HN
};
enum { names = sizeof name / sizeof *name };
_Static_assert(names <= slots, "slots");

static void *lib;
static char error[512];

const char *hn_open(const char *path) {
	if (lib) return NULL;
	lib = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
	if (!lib) {
		snprintf(error, sizeof error, "%s", dlerror());
		return error;
	}
	for (int i = 0; i < names; i++) {
		entry p = (entry)dlsym(lib, name[i]);
		if (p) hn_slot[i] = p;
	}
	return NULL;
}

const char *hn_unbound(int i) {
	for (int k = 0; k < names; k++)
		if (hn_slot[k] == hn_missing && i-- == 0) return name[k];
	return NULL;
}

void *hn_symbol(const char *n) { return lib ? dlsym(lib, n) : NULL; }

/* gorgonia.org/cu calls cuInit when its package is initialized, and ends the
   process if that fails. This answers for it; hn_init is the real one. */
int cuInit(unsigned flags) { return 0 * flags; }

int hn_init(void) {
	int (*f)(unsigned) = (int (*)(unsigned))hn_symbol("cuInit");
	return f ? f(0) : not_initialized;
}

int hn_host_alloc(void **p, size_t n) {
	int (*f)(void **, size_t, unsigned) = (int (*)(void **, size_t, unsigned))hn_symbol("cuMemHostAlloc");
	return f ? f(p, n, 0) : not_initialized;
}

int hn_func_attribute(void *fn, int attribute, int value) {
	int (*f)(void *, int, int) = (int (*)(void *, int, int))hn_symbol("cuFuncSetAttribute");
	return f ? f(fn, attribute, value) : not_initialized;
}

int hn_capture_begin(void *stream) {
	int (*f)(void *, int) = (int (*)(void *, int))hn_symbol("cuStreamBeginCapture_v2");
	return f ? f(stream, 2) : not_initialized; /* relaxed: any thread may go on, others may allocate */
}

int hn_capture_end(void *stream, void **exec) {
	int (*end)(void *, void **) = (int (*)(void *, void **))hn_symbol("cuStreamEndCapture");
	int (*make)(void **, void *, unsigned long long) = (int (*)(void **, void *, unsigned long long))hn_symbol("cuGraphInstantiateWithFlags");
	int (*drop)(void *) = (int (*)(void *))hn_symbol("cuGraphDestroy");
	void *graph = NULL;
	int rc;
	if (!end || !make || !drop) return not_initialized;
	if ((rc = end(stream, &graph))) return rc;
	rc = make(exec, graph, 0);
	drop(graph);
	return rc;
}

int hn_graph_launch(void *exec, void *stream) {
	int (*f)(void *, void *) = (int (*)(void *, void *))hn_symbol("cuGraphLaunch");
	return f ? f(exec, stream) : not_initialized;
}

int hn_graph_close(void *exec) {
	int (*f)(void *) = (int (*)(void *))hn_symbol("cuGraphExecDestroy");
	return f ? f(exec) : not_initialized;
}

/* CUlaunchConfig and CUlaunchAttribute. */
typedef struct {
	int id;
	char pad[4];
	union {
		char size[64];
		int serialization;
	} value;
} attribute;
typedef struct {
	unsigned gx, gy, gz, bx, by, bz, shared;
	void *stream;
	attribute *attributes;
	unsigned n;
} config;
_Static_assert(sizeof(attribute) == 72 && sizeof(config) == 56, "layout of the driver");

int hn_launch_early(void *fn, unsigned gx, unsigned gy, unsigned threads, unsigned shared, void *stream, unsigned long long *args, int n) {
	static int (*f)(const config *, void *, void **, void **);
	void *params[32];
	if (!f) f = (int (*)(const config *, void *, void **, void **))hn_symbol("cuLaunchKernelEx");
	if (n > 32) return 1; /* invalid value */
	for (int i = 0; i < n; i++) params[i] = args + i;
	attribute a = {.id = 6, .value = {.serialization = 1}}; /* programmatic stream serialization */
	config c = {gx, gy, 1, threads, 1, 1, shared, stream, &a, 1};
	return f ? f(&c, fn, params, NULL) : not_initialized;
}

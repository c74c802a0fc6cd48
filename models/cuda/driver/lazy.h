#include <stddef.h>

/* hn_open loads the driver and binds what it has; NULL, or why it failed. */
const char *hn_open(const char *path);
/* hn_unbound is the i-th function that the loaded driver lacks, or NULL. */
const char *hn_unbound(int i);
/* hn_symbol is a function of the driver that gorgonia.org/cu does not know. */
void *hn_symbol(const char *name);
/* hn_init is the driver's cuInit. */
int hn_init(void);
/* Wrappers of cuMemHostAlloc and cuFuncSetAttribute. */
int hn_host_alloc(void **p, size_t n);
int hn_func_attribute(void *fn, int attribute, int value);
/* hn_launch_early launches a kernel that may start before the one before it on
   the stream has ended: it waits for it itself (griddepcontrol.wait). */
int hn_launch_early(void *fn, unsigned gx, unsigned gy, unsigned threads, unsigned shared, void *stream, unsigned long long *args, int n);
/* hn_capture_begin and _end record a stream's work as a graph ready to launch. */
int hn_capture_begin(void *stream);
int hn_capture_end(void *stream, void **exec);
int hn_graph_launch(void *exec, void *stream);
int hn_graph_close(void *exec);

//go:build gpu && linux && (amd64 || arm64)

package rtc

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>

typedef struct {
	void *lib;
	int (*version)(int *, int *);
	const char *(*text)(int);
	int (*create)(void **, const char *, const char *, int, const char *const *, const char *const *);
	int (*destroy)(void **);
	int (*compile)(void *, int, const char *const *);
	int (*log_size)(void *, size_t *);
	int (*log)(void *, char *);
	int (*cubin_size)(void *, size_t *);
	int (*cubin)(void *, char *);
} nvrtc;

static void *hn_load(const char *path) { return dlopen(path, RTLD_NOW | RTLD_GLOBAL); }
static char *hn_why(void) { return dlerror(); }

// bind returns the name of a function that the library lacks, or NULL.
static const char *hn_bind(nvrtc *n, void *lib) {
	n->lib = lib;
#define F(field, name) if (!(*(void **)&n->field = dlsym(lib, name))) return name;
	F(version, "nvrtcVersion") F(text, "nvrtcGetErrorString") F(create, "nvrtcCreateProgram")
	F(destroy, "nvrtcDestroyProgram") F(compile, "nvrtcCompileProgram") F(log_size, "nvrtcGetProgramLogSize")
	F(log, "nvrtcGetProgramLog") F(cubin_size, "nvrtcGetCUBINSize") F(cubin, "nvrtcGetCUBIN")
#undef F
	return NULL;
}
static int hn_version(nvrtc *n, int *a, int *b) { return n->version(a, b); }
static const char *hn_text(nvrtc *n, int rc) { return n->text(rc); }
static int hn_compile(nvrtc *n, void **p, const char *src, const char *name, int argc, char **argv) {
	int rc = n->create(p, src, name, 0, NULL, NULL);
	return rc ? rc : n->compile(*p, argc, (const char *const *)argv);
}
static void hn_destroy(nvrtc *n, void **p) { if (*p) n->destroy(p); }
static char *hn_log(nvrtc *n, void *p) {
	size_t z = 0;
	char *s;
	if (!p || n->log_size(p, &z) || !(s = calloc(z + 1, 1))) return NULL;
	n->log(p, s);
	return s;
}
static char *hn_cubin(nvrtc *n, void *p, size_t *z) {
	char *s;
	if (n->cubin_size(p, z) || !*z || !(s = malloc(*z))) return NULL;
	if (n->cubin(p, s)) { free(s); return NULL; }
	return s;
}
*/
import "C"

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unsafe"
)

// ErrNotFound says that there is no NVRTC.
var ErrNotFound = errors.New("cuda: no NVRTC")

// Compiler is a loaded NVRTC with a cache.
type Compiler struct {
	// Path is where the library was found, Version its version.
	Path, Version string

	n     C.nvrtc
	cache string
}

// Open finds NVRTC. Cubins are kept in the folder cache, or not at all if it is
// empty.
func Open(cache string) (*Compiler, error) {
	c := &Compiler{cache: cache}
	var tried []string
	for _, p := range Candidates(EnvLibrary, "nvrtc", "cuda_nvrtc") {
		if err := c.bind(p); err != nil {
			tried = append(tried, err.Error())
			continue
		}
		c.Path = p
		return c, nil
	}
	return nil, fmt.Errorf("%w: %s (install the CUDA toolkit or the wheel nvidia-cuda-nvrtc, or set %s)", ErrNotFound, strings.Join(tried, "; "), EnvLibrary)
}

func (c *Compiler) bind(path string) error {
	if filepath.IsAbs(path) { // NVRTC finds its own part only on the linker's path
		parts, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "libnvrtc-builtins.so*")) // the pattern is valid
		for _, b := range parts {
			load(b)
		}
	}
	lib, err := load(path)
	if err != nil {
		return err
	}
	if lacks := C.hn_bind(&c.n, lib); lacks != nil {
		return fmt.Errorf("%s lacks %s", path, C.GoString(lacks))
	}
	var major, minor C.int
	if rc := C.hn_version(&c.n, &major, &minor); rc != 0 {
		return fmt.Errorf("%s: version: %s", path, C.GoString(C.hn_text(&c.n, rc)))
	}
	c.Version = fmt.Sprintf("%d.%d", int(major), int(minor))
	return nil
}

func load(path string) (unsafe.Pointer, error) {
	s := C.CString(path)
	defer C.free(unsafe.Pointer(s))
	if lib := C.hn_load(s); lib != nil {
		return lib, nil
	}
	return nil, errors.New(C.GoString(C.hn_why()))
}

// Compile makes machine code for an architecture such as "sm_90". name stands
// in messages of the compiler.
func (c *Compiler) Compile(name, source, arch string, options ...string) ([]byte, error) {
	k := key(c.Version+c.Path, arch, source, options)
	if c.cache != "" {
		if b, ok := fromCache(c.cache, k); ok {
			return b, nil
		}
	}
	options = append([]string{"--gpu-architecture=" + arch, "--std=c++17"}, options...)
	argv := (*[1 << 10]*C.char)(C.calloc(C.size_t(len(options)), C.size_t(unsafe.Sizeof(uintptr(0)))))
	defer C.free(unsafe.Pointer(argv))
	for i, o := range options {
		argv[i] = C.CString(o)
		defer C.free(unsafe.Pointer(argv[i]))
	}
	src, title := C.CString(source), C.CString(name)
	defer C.free(unsafe.Pointer(src))
	defer C.free(unsafe.Pointer(title))
	var p unsafe.Pointer
	defer C.hn_destroy(&c.n, &p)
	if rc := C.hn_compile(&c.n, &p, src, title, C.int(len(options)), &argv[0]); rc != 0 {
		log := C.hn_log(&c.n, p)
		defer C.free(unsafe.Pointer(log))
		return nil, fmt.Errorf("cuda: compile %s for %s: %s\n%s", name, arch, C.GoString(C.hn_text(&c.n, rc)), C.GoString(log))
	}
	var z C.size_t
	b := C.hn_cubin(&c.n, p, &z)
	if b == nil {
		return nil, fmt.Errorf("cuda: compile %s: NVRTC gave no machine code for %s", name, arch)
	}
	defer C.free(unsafe.Pointer(b))
	body := C.GoBytes(unsafe.Pointer(b), C.int(z))
	if c.cache != "" {
		toCache(c.cache, k, body)
	}
	return body, nil
}

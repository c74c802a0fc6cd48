// A stand-in for NVRTC: compiles a kernel source with the host's compiler. The
// "cubin" is the path of the library that came out.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <unistd.h>

struct program {
	std::string source, log, cubin;
};
enum { ok = 0, compilation = 6 };

static int serial;

extern "C" {
int nvrtcVersion(int *major, int *minor) { return *major = 0, *minor = 1, ok; }
const char *nvrtcGetErrorString(int rc) { return rc == ok ? "no error" : "compilation failed"; }
int nvrtcCreateProgram(program **p, const char *src, const char *, int, const char *const *, const char *const *) {
	*p = new program{src, "", ""};
	return ok;
}
int nvrtcDestroyProgram(program **p) { return delete *p, *p = nullptr, ok; }
int nvrtcCompileProgram(program *p, int n, const char *const *options) {
	std::string base = std::string(EMU_DIR) + "/kernel" + std::to_string(getpid()) + "-" + std::to_string(serial++);
	std::ofstream(base + ".cpp") << p->source;
	std::string command = std::string(EMU_CXX) + " -std=c++17 -O1 -fPIC -shared -w -include " EMU_DIR "/hostcuda.h";
	for (int i = 0; i < n; i++)
		if (!strncmp(options[i], "-D", 2) || !strncmp(options[i], "-fsanitize", 10)) command += std::string(" ") + options[i];
	command += " -o " + base + ".so " + base + ".cpp " EMU_DIR "/hostcuda.cpp > " + base + ".log 2>&1";
	int rc = system(command.c_str());
	std::stringstream log;
	log << std::ifstream(base + ".log").rdbuf();
	p->log = log.str(), p->cubin = "EMU:" + base + ".so";
	return rc ? compilation : ok;
}
int nvrtcGetProgramLogSize(program *p, size_t *n) { return *n = p->log.size() + 1, ok; }
int nvrtcGetProgramLog(program *p, char *s) { return strcpy(s, p->log.c_str()), ok; }
int nvrtcGetCUBINSize(program *p, size_t *n) { return *n = p->cubin.size() + 1, ok; }
int nvrtcGetCUBIN(program *p, char *s) { return memcpy(s, p->cubin.c_str(), p->cubin.size() + 1), ok; }
}

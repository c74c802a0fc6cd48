// Package rtc compiles CUDA kernels at run time with NVRTC, which it loads at
// run time too, and keeps the results.
//
// A cubin is machine code for one architecture. The cache holds one file for
// each key: source, options, architecture and NVRTC's version; its contents are
// checked by hash, so a half-written file is compiled again.
//
// # Where NVRTC is looked for
//
// The file that HARDNEG_LIBNVRTC names, and nothing else if it is set; the
// linker's path; /usr/local/cuda/lib64; the folders of NVIDIA's Python wheels in
// VIRTUAL_ENV and in the system's site-packages.
package rtc

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
)

// EnvLibrary names the environment variable that gives NVRTC's path.
const EnvLibrary = "HARDNEG_LIBNVRTC"

// Candidates lists the places of a CUDA library by its stem ("nvrtc",
// "cublasLt"), first to last: a bare name means the linker's path.
func Candidates(env, stem, wheel string) []string {
	if p := os.Getenv(env); p != "" {
		return []string{p}
	}
	var r []string
	for _, v := range []string{".so.13", ".so.12", ".so"} {
		r = append(r, "lib"+stem+v)
	}
	dirs := []string{"/usr/local/cuda/lib64"}
	for _, root := range []string{os.Getenv("VIRTUAL_ENV"), "/usr/local", "/usr"} {
		if root == "" {
			continue
		}
		for _, d := range []string{"nvidia/cu13/lib", "nvidia/" + wheel + "/lib"} {
			for _, p := range []string{"site-packages", "dist-packages"} {
				m, _ := filepath.Glob(filepath.Join(root, "lib/python3*", p, d)) // the pattern is valid
				dirs = append(dirs, m...)
			}
		}
	}
	for _, d := range dirs {
		m, _ := filepath.Glob(filepath.Join(d, "lib"+stem+".so*"))
		r = append(r, m...)
	}
	return r
}

// key names a compilation.
func key(version, arch, source string, options []string) string {
	h := sha256.Sum256([]byte(strings.Join(append([]string{version, arch, source}, options...), "\x00")))
	return hex.EncodeToString(h[:16])
}

// fromCache returns what was stored under a key.
func fromCache(dir, key string) ([]byte, bool) {
	b, err := os.ReadFile(filepath.Join(dir, key+".cubin"))
	if err != nil || len(b) < sha256.Size {
		return nil, false
	}
	body := b[sha256.Size:]
	if sum := sha256.Sum256(body); string(sum[:]) != string(b[:sha256.Size]) {
		return nil, false
	}
	return body, true
}

// toCache stores what was compiled. A cache that cannot be written is none.
func toCache(dir, key string, body []byte) {
	if os.MkdirAll(dir, 0o777) != nil {
		return
	}
	f, err := os.CreateTemp(dir, key+".*")
	if err != nil {
		return
	}
	sum := sha256.Sum256(body)
	_, err = f.Write(append(sum[:], body...))
	if cerr := f.Close(); err != nil || cerr != nil || os.Rename(f.Name(), filepath.Join(dir, key+".cubin")) != nil {
		os.Remove(f.Name())
	}
}

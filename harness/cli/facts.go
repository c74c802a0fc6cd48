package cli

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// facts are what env.json keeps of a machine and a program.
type facts struct {
	Host      string   `json:"host"`
	OS        string   `json:"os"`
	Kernel    string   `json:"kernel"`
	Arch      string   `json:"arch"`
	CPU       string   `json:"cpu"`
	Cores     int      `json:"cores"`
	MemoryMiB int64    `json:"memory_mib"`
	GPUs      []string `json:"gpus"` // name, driver, memory, as nvidia-smi says
	Go        string   `json:"go"`
	Commit    string   `json:"commit"`
	Modified  bool     `json:"modified"` // the commit does not tell all
	Binary    string   `json:"binary_sha256"`
}

// machineFacts asks the system; what it does not say stays empty.
func machineFacts() facts {
	f := facts{OS: runtime.GOOS, Arch: runtime.GOARCH, Cores: runtime.NumCPU(), Go: runtime.Version(), GPUs: gpuNames()}
	f.Host, _ = os.Hostname()
	f.Kernel = firstLine("/proc/sys/kernel/osrelease")
	f.CPU = procField("/proc/cpuinfo", "model name")
	kib, _ := strconv.ParseInt(strings.TrimSuffix(procField("/proc/meminfo", "MemTotal"), " kB"), 10, 64)
	f.MemoryMiB = kib / 1024
	f.Commit, f.Modified = commit()
	f.Binary = binaryHash()
	return f
}

// binaryHash is the SHA-256 of this program's file, "" where it cannot be read.
func binaryHash() string {
	exe, err := os.Open("/proc/self/exe")
	if err != nil {
		return ""
	}
	defer exe.Close()
	h := sha256.New()
	if _, err := io.Copy(h, exe); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}

// describeMachine is one line on the machine of a task: on a cluster it is not
// the one that planned. device is the task's class.
func describeMachine(device string) string {
	line := runtime.GOOS + " " + firstLine("/proc/sys/kernel/osrelease") + ", " + procField("/proc/cpuinfo", "model name")
	if strings.HasPrefix(device, "cuda") {
		line += ", " + strings.Join(gpuNames(), "; ") // name, driver, memory
	}
	return line
}

// commit is the version control state that the binary was built from.
func commit() (revision string, modified bool) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "", false
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	return revision, modified
}

// gpuNames lists NVIDIA devices where their tool is installed.
func gpuNames() []string {
	out, err := exec.Command("nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader").Output()
	if err != nil {
		return []string{}
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

func firstLine(path string) string {
	b, _ := os.ReadFile(path)
	line, _, _ := strings.Cut(string(b), "\n")
	return line
}

// procField is the first value of "name : value" lines.
func procField(path, name string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	for in.Scan() {
		if k, v, ok := strings.Cut(in.Text(), ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// lastLines are the last n lines of a file that may be absent.
func lastLines(path string, n int) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	const window = 64 << 10
	if st, err := f.Stat(); err == nil && st.Size() > window {
		_, _ = f.Seek(-window, io.SeekEnd)
	}
	b, _ := io.ReadAll(f)
	text := strings.TrimSpace(string(b))
	if text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	return lines[max(0, len(lines)-n):]
}

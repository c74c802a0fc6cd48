package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/urfave/cli/v3"
)

// environment is what `hardneg env` prints.
type environment struct {
	facts
	FreeMemoryMiB int64   `json:"free_memory_mib"`
	Workspace     string  `json:"workspace"`
	FreeDiskMiB   int64   `json:"free_disk_mib"`
	FileSystem    string  `json:"file_system"` // magic number, 0x6969 is NFS
	CUDA          gpuFact `json:"cuda"`
}

func (a *App) envCommand() *cli.Command {
	return &cli.Command{
		Name:        "env",
		Usage:       "devices, drivers, memory, disk, versions",
		Description: "Exit codes: 0 done.",
		Action: func(context.Context, *cli.Command) error {
			e := environment{facts: machineFacts(), Workspace: a.Workspace, CUDA: gpuFacts()}
			kib, _ := strconv.ParseInt(strings.TrimSuffix(procField("/proc/meminfo", "MemAvailable"), " kB"), 10, 64)
			e.FreeMemoryMiB = kib / 1024
			if fs, ok := fileSystem(a.Workspace); ok {
				e.FreeDiskMiB = int64(fs.Bavail) * fs.Bsize >> 20
				e.FileSystem = fmt.Sprintf("%#x", fs.Type)
			}
			if a.JSON {
				return a.document(e)
			}
			gpus := "none"
			if len(e.GPUs) > 0 {
				gpus = strings.Join(e.GPUs, "; ")
			}
			return columns(a.Stdout, append([][]string{
				{"host", e.Host}, {"system", e.OS + " " + e.Kernel + " " + e.Arch}, {"processor", fmt.Sprintf("%s, %d cores", e.CPU, e.Cores)},
				{"memory", fmt.Sprintf("%d MiB, %d free", e.MemoryMiB, e.FreeMemoryMiB)}, {"GPUs", gpus},
				{"workspace", fmt.Sprintf("%s, %d MiB free", e.Workspace, e.FreeDiskMiB)},
				{"program", fmt.Sprintf("commit %s%s, %s, sha256 %.12s", orUnknown(e.Commit), map[bool]string{true: " (modified)"}[e.Modified], e.Go, e.Binary)},
			}, e.CUDA.rows()...))
		},
	}
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// fileSystem is that of a folder or, where it is not there yet, of the first
// folder above it that is.
func fileSystem(dir string) (fs syscall.Statfs_t, ok bool) {
	for dir, _ = filepath.Abs(dir); ; dir = filepath.Dir(dir) {
		if syscall.Statfs(dir, &fs) == nil {
			return fs, true
		}
		if dir == filepath.Dir(dir) {
			return fs, false
		}
	}
}

// freeDisk is the room for a folder in bytes, 0 where nobody knows.
func freeDisk(dir string) int64 {
	fs, ok := fileSystem(dir)
	if !ok {
		return 0
	}
	return int64(fs.Bavail) * fs.Bsize
}

// machineMemory is the machine's memory in bytes, 0 where nobody knows.
func machineMemory() float64 {
	kib, _ := strconv.ParseFloat(strings.TrimSuffix(procField("/proc/meminfo", "MemTotal"), " kB"), 64)
	return kib * 1024
}

// gpuMemory reads the memory in bytes out of a line of gpuNames.
func gpuMemory(line string) float64 {
	mib, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(line[strings.LastIndexByte(line, ',')+1:]), " MiB"), 64)
	return mib * (1 << 20)
}

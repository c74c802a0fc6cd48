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
			// The workspace may not be there yet; its file system is that of the first folder that is.
			for dir, _ := filepath.Abs(a.Workspace); ; dir = filepath.Dir(dir) {
				var fs syscall.Statfs_t
				if syscall.Statfs(dir, &fs) == nil {
					e.FreeDiskMiB = int64(fs.Bavail) * fs.Bsize >> 20
					e.FileSystem = fmt.Sprintf("%#x", fs.Type)
					break
				}
				if dir == filepath.Dir(dir) {
					break
				}
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

package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Names inside an entry.
const (
	doneFile       = "DONE"
	recordFile     = "task.json"
	logFile        = "log.txt"
	metricsFile    = "metrics.jsonl"
	exitFile       = "exit.json"
	progressFile   = "progress.json"
	stampFile      = "STAMP"
	outDir         = "out"
	tmpDir         = "tmp"
	checkpointDir  = "checkpoint"
	doneHeader     = "hardneg-result 1"
	quarantineName = "quarantine"
)

// done is the content of DONE: the result's files and the entry's own ones.
type done struct {
	digest string
	files  []File // paths relative to out/
	beside []File // task.json, log.txt, metrics.jsonl: relative to the entry
}

// all lists every file with its path relative to the entry.
func (d done) all() []File {
	list := make([]File, 0, len(d.files)+len(d.beside))
	for _, f := range d.files {
		f.Path = outDir + "/" + f.Path
		list = append(list, f)
	}
	return append(list, d.beside...)
}

// loose says that the file is not needed to use the result.
func (f File) loose() bool { return f.Path == logFile || f.Path == metricsFile }

// digest is the hash over the files' sorted paths and hashes.
func digest(files []File) string {
	h := sha256.New()
	for _, f := range files {
		fmt.Fprintf(h, "%s  %s\n", f.SHA256, f.Path)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (d done) bytes() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\ndigest %s\n", doneHeader, d.digest)
	for _, f := range d.files {
		kind := "file"
		if f.Gone {
			kind = "gone"
		}
		fmt.Fprintf(&b, "%s %s %d %s\n", kind, f.SHA256, f.Size, f.Path)
	}
	for _, f := range d.beside {
		fmt.Fprintf(&b, "beside %s %d %s\n", f.SHA256, f.Size, f.Path)
	}
	return sealed(b.Bytes())
}

func parseDone(b []byte) (done, error) {
	var d done
	body, whole := unsealed(b)
	if !whole {
		return d, fmt.Errorf("its own hash does not fit")
	}
	lines := strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")
	if lines[0] != doneHeader {
		return d, fmt.Errorf("first line %q, want %q", lines[0], doneHeader)
	}
	for _, line := range lines[1:] {
		kind, rest, _ := strings.Cut(line, " ")
		if kind == "digest" {
			d.digest = rest
			continue
		}
		part := strings.SplitN(rest, " ", 3)
		if len(part) != 3 {
			return d, fmt.Errorf("line %q is not understood", line)
		}
		size, err := strconv.ParseInt(part[1], 10, 64)
		if err != nil {
			return d, err
		}
		f := File{part[2], part[0], size, kind == "gone"}
		switch kind {
		case "file", "gone":
			d.files = append(d.files, f)
		case "beside":
			d.beside = append(d.beside, f)
		default:
			return d, fmt.Errorf("line %q is not understood", line)
		}
	}
	if d.digest != digest(d.files) {
		return d, fmt.Errorf("the digest is not that of its files")
	}
	return d, nil
}

package store

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// racy is how much older than its stamp a file must be to be believed: a write
// within one tick of the file system's clock leaves the time as it was.
const racy = 20 * time.Millisecond

// stamp is what tells that a file was not touched since it was hashed.
type stamp struct {
	size  int64
	mtime int64 // ns
	inode uint64
	sum   string // hash of a user's file; empty in an entry, where DONE has it
}

// stamps are the files of one STAMP file.
type stamps map[string]stamp

func (s stamps) trust(path string, now stamp) bool {
	was, ok := s[path]
	now.sum = was.sum
	return ok && was == now
}

func stampOf(path string) (stamp, error) {
	st, err := os.Stat(path)
	if err != nil {
		return stamp{}, err
	}
	if !st.Mode().IsRegular() {
		return stamp{}, fmt.Errorf("%s is not a plain file", path)
	}
	return newStamp(st), nil
}

func newStamp(st os.FileInfo) stamp {
	s := stamp{size: st.Size(), mtime: st.ModTime().UnixNano()}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		s.inode = sys.Ino
	}
	return s
}

// links counts a file's names.
func links(st os.FileInfo) uint64 {
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		return uint64(sys.Nlink)
	}
	return 1
}

// readStamps reads a STAMP file; one that is absent or odd is worth nothing.
func readStamps(dir string) stamps {
	b, err := os.ReadFile(filepath.Join(dir, stampFile))
	if err != nil {
		return nil
	}
	b, whole := unsealed(b)
	if !whole {
		return nil
	}
	all := stamps{}
	in := bufio.NewScanner(bytes.NewReader(b))
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var s stamp
		var path string
		if _, err := fmt.Sscanf(in.Text(), "%d %d %d %s %q", &s.size, &s.mtime, &s.inode, &s.sum, &path); err != nil {
			return nil
		}
		if s.sum == "-" {
			s.sum = ""
		}
		all[path] = s
	}
	return all
}

// writeStamps keeps the stamps that are old enough. It is an optimisation, so
// its failure is none.
func (s *Store) writeStamps(dir string, all stamps) {
	limit := time.Now().Add(-racy).UnixNano()
	var b bytes.Buffer
	for _, path := range sortedKeys(all) {
		st := all[path]
		if st.mtime >= limit {
			continue
		}
		if st.sum == "" {
			st.sum = "-"
		}
		fmt.Fprintf(&b, "%d %d %d %s %q\n", st.size, st.mtime, st.inode, st.sum, path)
	}
	_ = s.disk.replace(filepath.Join(dir, stampFile), sealed(b.Bytes()), false)
}

// stampsWhole says that a STAMP is absent or as it was written.
func stampsWhole(dir string) bool {
	b, err := os.ReadFile(filepath.Join(dir, stampFile))
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	_, whole := unsealed(b)
	return whole
}

// sealed appends a line with the hash of what stands before it.
func sealed(b []byte) []byte { return fmt.Appendf(b, "end %x\n", sha256.Sum256(b)) }

// unsealed takes the line off again and says whether it fits.
func unsealed(b []byte) (body []byte, whole bool) {
	const line = len("end \n") + 2*sha256.Size
	if len(b) < line {
		return nil, false
	}
	body = b[:len(b)-line]
	return body, bytes.Equal(b, sealed(bytes.Clone(body)))
}

func hashFile(path string) (sum string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	if size, err = io.Copy(h, f); err != nil {
		return "", 0, err
	}
	return hex.EncodeToString(h.Sum(nil)), size, nil
}

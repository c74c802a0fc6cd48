package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// output opens a file for results, "-" being standard output. A file appears
// whole, when finish is called without an error, or not at all: until then the
// rows lie beside it, so that the output may be the input, and a run that fails
// leaves what was there. Pipes and devices are written as the rows come.
func (a *App) output(path string) (w *bufio.Writer, finish func(error) error, err error) {
	if path == "-" {
		w = bufio.NewWriterSize(a.Stdout, 1<<16)
		return w, func(err error) error { return errors.Join(err, fail(ExitEnvironment, w.Flush())) }, nil
	}
	return outFile(path)
}

// outFile is output for a path.
func outFile(path string) (w *bufio.Writer, finish func(error) error, err error) {
	f, target, err := createBeside(path)
	if err != nil {
		return nil, nil, fail(ExitEnvironment, err)
	}
	w = bufio.NewWriterSize(f, 1<<16)
	return w, func(err error) error {
		if err == nil {
			err = fail(ExitEnvironment, w.Flush())
		}
		if target == "" { // the rows before a bad one are there already
			return errors.Join(err, fail(ExitEnvironment, errors.Join(w.Flush(), f.Close())))
		}
		err = errors.Join(err, fail(ExitEnvironment, f.Close()))
		if err == nil {
			err = fail(ExitEnvironment, os.Rename(f.Name(), target))
		}
		if err != nil {
			_ = os.Remove(f.Name()) // the first error counts
		}
		return err
	}, nil
}

// createBeside opens a temporary file beside the one that path means, through
// links; target "": path is written as it stands, because it is no plain file
// or a process's own descriptor.
func createBeside(path string) (f *os.File, target string, err error) {
	if path == "" {
		return nil, "", errors.New("--out: name a file, or - for standard output")
	}
	mode := fs.FileMode(0o666)
	switch info, err := os.Stat(path); {
	case err == nil && (!info.Mode().IsRegular() || streamLike(path)):
		f, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		return f, "", err
	case err == nil:
		mode = info.Mode().Perm()
		if target, err = filepath.EvalSymlinks(path); err != nil {
			return nil, "", err
		}
		if f, err = os.OpenFile(target, os.O_WRONLY, 0); err != nil { // one that may not be written is not replaced either
			return nil, "", err
		}
		if err := f.Close(); err != nil {
			return nil, "", err
		}
	case errors.Is(err, fs.ErrNotExist):
		target = path
		if to, err := os.Readlink(path); err == nil { // a link to what is to be made
			if target = to; !filepath.IsAbs(to) {
				target = filepath.Join(filepath.Dir(path), to)
			}
		}
	default:
		return nil, "", err
	}
	for range 100 {
		f, err = os.OpenFile(fmt.Sprintf("%s.tmp-%08x", target, rand.Uint32()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return f, target, err
}

// streamLike says whether a path names an open file: replacing it by another
// would not reach whoever opened it.
func streamLike(path string) bool {
	full, err := filepath.Abs(path)
	return err == nil && (full == "/dev/stdout" || full == "/dev/stderr" || strings.HasPrefix(full, "/dev/fd/") || strings.HasPrefix(full, "/proc/"))
}

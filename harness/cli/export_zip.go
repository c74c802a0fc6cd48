package cli

import (
	"archive/zip"
	"compress/flate"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"
)

// zip packs the run's folder; where tasks/<id> is a link, the entry that it
// leads to is packed in its place.
func (x *exporter) zip(dir string) (err error) {
	f, err := os.Create(filepath.Join(dir, x.run.Run+".zip"))
	if err != nil {
		return fail(ExitEnvironment, err)
	}
	defer func() { err = errors.Join(err, fail(ExitEnvironment, f.Close())) }()
	z := zip.NewWriter(f)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	for _, id := range slices.Sorted(maps.Keys(x.keys)) {
		if _, err := x.result(id); err != nil { // looks at the hashes
			if x.store.Committed(x.keys[id]) {
				return err
			}
		}
		if err := pack(z, x.store.Paths(x.keys[id]).Root, path.Join(x.run.Run, "tasks", id)); err != nil {
			return err
		}
	}
	if err := pack(z, x.run.Dir, x.run.Run); err != nil {
		return err
	}
	return fail(ExitEnvironment, z.Close())
}

// pack adds the plain files below dir; links are left out.
func pack(z *zip.Writer, dir, name string) error {
	return filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return fail(ExitEnvironment, err)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		w, err := z.CreateHeader(&zip.FileHeader{Name: path.Join(name, filepath.ToSlash(rel)), Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)})
		if err != nil {
			return fail(ExitEnvironment, err)
		}
		in, err := os.Open(p)
		if err != nil {
			return fail(ExitEnvironment, err)
		}
		defer in.Close()
		_, err = io.Copy(w, in)
		return fail(ExitEnvironment, err)
	})
}

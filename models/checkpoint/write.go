package checkpoint

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

// Values is a tensor to be written.
type Values struct {
	Name  string
	Shape []int
	Data  []float32
}

// WriteOptions says how Write stores a model.
type WriteOptions struct {
	DType string // fp32 or bf16; empty: fp32
	Shard int64  // most bytes of tensors in one file, 0 = one file whatever the size
	From  string // folder whose generation config and tokenizer files are carried along, empty: none
}

// companions are the files beside the weights that other programs need and
// that training does not change.
var companions = []string{
	"added_tokens.json", "chat_template.jinja", "generation_config.json", "merges.txt",
	"special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "vocab.json",
}

// Companions lists the generation and tokenizer files that dir has.
func Companions(dir string) []string {
	var have []string
	for _, n := range companions {
		if info, err := os.Stat(filepath.Join(dir, n)); err == nil && info.Mode().IsRegular() {
			have = append(have, n)
		}
	}
	return have
}

// Write stores a model folder: config.json with the type of the weights set,
// safetensors, and the companions of o.From. dir must not exist, or be empty.
// It appears whole or not at all.
func Write(dir string, c *Config, tensors []Values, o WriteOptions) error {
	dtype, err := storage(o.DType)
	if err != nil {
		return err
	}
	c = c.Clone()
	c.DType = map[string]string{"F32": "float32", "BF16": "bfloat16"}[dtype]
	config, err := c.Marshal()
	if err != nil {
		return err
	}
	if err := checkValues(tensors); err != nil {
		return err
	}
	return atomically(dir, func(tmp string) error {
		if err := writeFile(filepath.Join(tmp, "config.json"), config); err != nil {
			return err
		}
		if o.From != "" {
			for _, n := range Companions(o.From) {
				if err := copyFile(filepath.Join(tmp, n), filepath.Join(o.From, n)); err != nil {
					return err
				}
			}
		}
		return writeShards(tmp, tensors, dtype, o.Shard)
	})
}

func storage(dtype string) (string, error) {
	switch dtype {
	case "", "fp32":
		return "F32", nil
	case "bf16":
		return "BF16", nil
	}
	return "", fmt.Errorf("checkpoint dtype %q: want fp32 or bf16", dtype)
}

func checkValues(tensors []Values) error {
	seen := map[string]bool{}
	for _, t := range tensors {
		n := 1
		for _, d := range t.Shape {
			n *= d
		}
		if n != len(t.Data) || t.Name == "" || seen[t.Name] {
			panic("checkpoint: tensor without name, given twice, or with values that do not fit its shape")
		}
		seen[t.Name] = true
		if i := notFinite(t.Data); i >= 0 {
			return fmt.Errorf("write checkpoint: tensor %s: element %d is %g: %w", t.Name, i, t.Data[i], ErrNotFinite)
		}
	}
	return nil
}

// atomically lets fill write a folder beside dir, then syncs and renames it.
func atomically(dir string, fill func(tmp string) error) (err error) {
	dir = filepath.Clean(dir)
	if old, err := os.ReadDir(dir); err == nil && len(old) > 0 {
		return fmt.Errorf("write %s: the folder is not empty: %w; remove it or name another", dir, fs.ErrExist)
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o777); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(parent, filepath.Base(dir)+".tmp-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(tmp)
		}
	}()
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	if err := fill(tmp); err != nil {
		return fmt.Errorf("write %s: %w", dir, err)
	}
	if err := syncDir(tmp); err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) { // an empty folder
		return err
	}
	if err := os.Rename(tmp, dir); err != nil {
		return err
	}
	return syncDir(parent)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

func writeFile(path string, b []byte) error {
	return create(path, func(w *bufio.Writer) error { _, err := w.Write(b); return err })
}

func copyFile(dst, src string) error {
	f, err := os.Open(src)
	if err != nil {
		return err
	}
	defer f.Close()
	return create(dst, func(w *bufio.Writer) error { _, err := io.Copy(w, f); return err })
}

// create writes, flushes and syncs a file.
func create(path string, fill func(*bufio.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	err = fill(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// writeShards spreads the tensors, in name order, over as few files as the
// limit allows, and writes the index where there are several.
func writeShards(dir string, tensors []Values, dtype string, limit int64) error {
	ts := slices.Clone(tensors)
	sort.Slice(ts, func(i, j int) bool { return ts[i].Name < ts[j].Name })
	var parts [][]Values
	var size, total int64
	from := 0
	for i, t := range ts {
		n := int64(len(t.Data) * width(dtype))
		if limit > 0 && i > from && size+n > limit {
			parts = append(parts, ts[from:i])
			from, size = i, 0
		}
		size += n
		total += n
	}
	parts = append(parts, ts[from:])
	if len(parts) == 1 {
		return writeSafetensors(filepath.Join(dir, "model.safetensors"), ts, dtype)
	}
	where := map[string]string{}
	for i, p := range parts {
		name := fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, len(parts))
		for _, t := range p {
			where[t.Name] = name
		}
		if err := writeSafetensors(filepath.Join(dir, name), p, dtype); err != nil {
			return err
		}
	}
	index, err := json.MarshalIndent(map[string]any{
		"metadata": map[string]any{"total_size": total}, "weight_map": where,
	}, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, "model.safetensors.index.json"), append(index, '\n'))
}

// writeSafetensors writes one file: tensors in the order given, the header
// padded with spaces so that the data start at a multiple of 8.
func writeSafetensors(path string, ts []Values, dtype string) error {
	var h strings.Builder
	h.WriteString(`{"__metadata__":{"format":"pt"}`)
	at := 0
	for _, t := range ts {
		name, err := json.Marshal(t.Name)
		if err != nil {
			return err
		}
		shape := strings.ReplaceAll(fmt.Sprint(t.Shape), " ", ",")
		end := at + len(t.Data)*width(dtype)
		fmt.Fprintf(&h, `,%s:{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]}`, name, dtype, shape, at, end)
		at = end
	}
	h.WriteByte('}')
	for h.Len()%8 != 0 {
		h.WriteByte(' ')
	}
	return create(path, func(w *bufio.Writer) error {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], uint64(h.Len()))
		w.Write(b[:])
		w.WriteString(h.String())
		for _, t := range ts {
			encode(w, t.Data, dtype)
		}
		return nil // bufio keeps the first error for Flush
	})
}

func encode(w *bufio.Writer, x []float32, dtype string) {
	for len(x) > 0 {
		b := w.AvailableBuffer()
		if cap(b) < 4 {
			w.Flush()
			if b = w.AvailableBuffer(); cap(b) < 4 {
				return // a failed write: Flush of the caller reports it
			}
		}
		n := min(len(x), cap(b)/width(dtype))
		if dtype == "BF16" {
			for _, v := range x[:n] {
				b = binary.LittleEndian.AppendUint16(b, ToBF16(v))
			}
		} else {
			for _, v := range x[:n] {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
			}
		}
		w.Write(b)
		x = x[n:]
	}
}

package checkpoint

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"sort"
)

// Tensor is one tensor of an opened checkpoint: where it lies, not its values.
type Tensor struct {
	Name  string
	DType string // F32, BF16, F16 or another safetensors type
	Shape []int
	File  string // path of the file that holds it

	data []byte // inside the mapping
}

// Elements is the product of the shape.
func (t *Tensor) Elements() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// maxHeader is the limit of the format itself.
const maxHeader = 100 << 20

// width is the size in bytes of a safetensors type, 0 if unknown.
func width(dtype string) int {
	switch dtype {
	case "F64", "I64", "U64":
		return 8
	case "F32", "I32", "U32":
		return 4
	case "BF16", "F16", "I16", "U16":
		return 2
	case "I8", "U8", "BOOL", "F8_E5M2", "F8_E4M3":
		return 1
	}
	return 0
}

// mapping is one opened safetensors file.
type mapping struct {
	path    string
	data    []byte
	unmap   func() error
	tensors []*Tensor // in the order of their bytes
}

// openFile maps path and validates its header against its size.
func openFile(path string) (*mapping, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &Error{ErrMissing, path, "", "no such file", "complete the download"}
	}
	if err != nil {
		return nil, &Error{ErrInvalid, path, "", err.Error(), "check its permissions"}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !info.Mode().IsRegular() {
		return nil, invalid(path, "", "is not a regular file")
	}
	if info.Size() < 10 || info.Size() > math.MaxInt {
		return nil, invalid(path, "", "%d bytes are no safetensors file", info.Size())
	}
	data, unmap, err := mapFile(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	m := &mapping{path: path, data: data, unmap: unmap}
	if m.tensors, err = parseHeader(path, data); err != nil {
		unmap()
		return nil, err
	}
	return m, nil
}

// parseHeader validates a whole file image: 8 bytes of header length, the JSON
// header, then the tensors' bytes without hole or overlap up to the end.
func parseHeader(path string, data []byte) ([]*Tensor, error) {
	if len(data) < 8 {
		return nil, invalid(path, "", "truncated: %d bytes", len(data))
	}
	n := binary.LittleEndian.Uint64(data)
	if n > maxHeader {
		return nil, invalid(path, "", "header claims %d bytes, the format allows %d", n, maxHeader)
	}
	if n > uint64(len(data)-8) {
		return nil, invalid(path, "", "truncated: header claims %d bytes, the file has %d", n, len(data)-8)
	}
	head, body := data[8:8+n], data[8+n:]
	if len(head) == 0 || head[0] != '{' {
		return nil, invalid(path, "", "header is not a JSON object: no safetensors file")
	}
	spans, err := decodeHeader(path, head)
	if err != nil {
		return nil, err
	}
	sort.Slice(spans, func(i, j int) bool {
		a, b := spans[i], spans[j]
		if a.lo != b.lo {
			return a.lo < b.lo
		}
		if a.hi != b.hi {
			return a.hi < b.hi
		}
		return a.t.Name < b.t.Name
	})
	out := make([]*Tensor, len(spans))
	var at uint64
	for i, s := range spans {
		switch {
		case s.lo < at:
			return nil, invalid(path, s.t.Name, "bytes %d to %d overlap the tensor before, which ends at %d", s.lo, s.hi, at)
		case s.lo > at:
			return nil, invalid(path, s.t.Name, "starts at byte %d, the tensor before ends at %d", s.lo, at)
		case s.hi > uint64(len(body)):
			return nil, invalid(path, s.t.Name, "truncated: bytes %d to %d, the file has %d", s.lo, s.hi, len(body))
		}
		at = s.hi
		s.t.data = body[s.lo:s.hi]
		out[i] = s.t
	}
	if at != uint64(len(body)) {
		return nil, invalid(path, "", "%d bytes after the last tensor", uint64(len(body))-at)
	}
	return out, nil
}

type span struct {
	t      *Tensor
	lo, hi uint64
}

// decodeHeader walks the JSON itself, because a map would hide double names.
func decodeHeader(path string, head []byte) ([]span, error) {
	d := json.NewDecoder(bytes.NewReader(head))
	if _, err := d.Token(); err != nil {
		return nil, invalid(path, "", "header: %v", err)
	}
	seen := map[string]bool{}
	var spans []span
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, invalid(path, "", "header: %v", err)
		}
		name := key.(string) // a key is always a string
		if seen[name] {
			return nil, invalid(path, name, "is in the header twice")
		}
		seen[name] = true
		if name == "__metadata__" {
			var meta map[string]string
			if err := d.Decode(&meta); err != nil {
				return nil, invalid(path, "", "__metadata__: %v", err)
			}
			continue
		}
		var e entry
		if err := d.Decode(&e); err != nil {
			return nil, invalid(path, name, "header entry: %v", err)
		}
		s, err := e.span(path, name)
		if err != nil {
			return nil, err
		}
		spans = append(spans, s)
	}
	if _, err := d.Token(); err != nil {
		return nil, invalid(path, "", "header: %v", err)
	}
	if rest := bytes.TrimRight(head[d.InputOffset():], " \n\x00"); len(rest) > 0 {
		return nil, invalid(path, "", "%d bytes after the header's JSON", len(rest))
	}
	return spans, nil
}

type entry struct {
	DType   string   `json:"dtype"`
	Shape   []uint64 `json:"shape"`
	Offsets []uint64 `json:"data_offsets"`
}

// span checks that the byte range is what type and shape need.
func (e *entry) span(path, name string) (span, error) {
	w := width(e.DType)
	if w == 0 {
		return span{}, &Error{ErrUnsupported, path, name, fmt.Sprintf("type %q is not supported", e.DType), "convert it to fp32, bf16 or fp16"}
	}
	if len(e.Offsets) != 2 || e.Offsets[0] > e.Offsets[1] {
		return span{}, invalid(path, name, "data_offsets %v are no range", e.Offsets)
	}
	t := &Tensor{Name: name, DType: e.DType, Shape: make([]int, len(e.Shape)), File: path}
	size := uint64(w)
	for i, d := range e.Shape {
		if d > math.MaxInt32 || (d > 0 && size > math.MaxInt64/d) {
			return span{}, invalid(path, name, "shape %v is too large", e.Shape)
		}
		size *= d
		t.Shape[i] = int(d)
	}
	if got := e.Offsets[1] - e.Offsets[0]; got != size {
		return span{}, invalid(path, name, "%s%v needs %d bytes, the header gives it %d", e.DType, t.Shape, size, got)
	}
	return span{t, e.Offsets[0], e.Offsets[1]}, nil
}

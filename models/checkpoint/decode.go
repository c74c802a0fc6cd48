package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"
)

func decodable(dtype string) bool { return dtype == "F32" || dtype == "BF16" || dtype == "F16" }

func (t *Tensor) undecodable() error {
	return &Error{ErrUnsupported, t.File, t.Name, "type " + t.DType + " is no weight type", "convert it to fp32, bf16 or fp16"}
}

// Decode writes the values of a tensor to dst, whose length must be the number
// of elements. A NaN or an infinity is an error that names the element.
func (c *Checkpoint) Decode(name string, dst []float32) error {
	t := c.tensors[name]
	if t == nil {
		return &Error{ErrMissing, c.Dir, name, "no such tensor", "check that config.json belongs to these weights"}
	}
	return t.Decode(dst)
}

// Decode writes the tensor's values to dst; see Checkpoint.Decode.
func (t *Tensor) Decode(dst []float32) error {
	if len(dst) != t.Elements() {
		return &Error{ErrInvalid, t.File, t.Name, fmt.Sprintf("has %d elements, %d wanted", t.Elements(), len(dst)),
			"use the config.json that belongs to these weights"}
	}
	src := t.data
	switch t.DType {
	case "F32":
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
		}
	case "BF16":
		for i := range dst {
			dst[i] = FromBF16(binary.LittleEndian.Uint16(src[2*i:]))
		}
	case "F16":
		for i := range dst {
			dst[i] = FromF16(binary.LittleEndian.Uint16(src[2*i:]))
		}
	default:
		return t.undecodable()
	}
	if i := notFinite(dst); i >= 0 {
		return &Error{ErrNotFinite, t.File, t.Name, fmt.Sprintf("element %d of %v is %g", i, t.Shape, dst[i]),
			"the checkpoint is damaged or its training diverged: use an earlier one"}
	}
	return nil
}

// notFinite is the index of the first NaN or infinity, -1 if there is none.
func notFinite(x []float32) int {
	for i, v := range x {
		if math.Float32bits(v)&0x7F800000 == 0x7F800000 {
			return i
		}
	}
	return -1
}

// FromBF16 widens a bfloat16.
func FromBF16(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// ToBF16 rounds to the nearest bfloat16, ties to even; NaN stays NaN.
func ToBF16(x float32) uint16 {
	b := math.Float32bits(x)
	if b&0x7FFFFFFF > 0x7F800000 {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7FFF + b>>16&1) >> 16)
}

// FromF16 widens an IEEE half.
func FromF16(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exp, frac := uint32(h>>10&0x1F), uint32(h&0x3FF)
	switch exp {
	case 0: // zero and subnormals: frac · 2⁻²⁴
		v := float32(frac) * 0x1p-24
		return math.Float32frombits(math.Float32bits(v) | sign)
	case 31:
		return math.Float32frombits(sign | 0x7F800000 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}

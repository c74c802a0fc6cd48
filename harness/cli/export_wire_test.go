package cli

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"
)

// fields walks a protobuf message; v is a number's bits, body a string's bytes.
func fields(b []byte, f func(field int, v uint64, body []byte)) {
	for len(b) > 0 {
		key, n := binary.Uvarint(b)
		b = b[n:]
		v, body := uint64(0), []byte(nil)
		switch key & 7 {
		case wireVarint:
			v, n = binary.Uvarint(b)
		case wire64:
			v, n = binary.LittleEndian.Uint64(b), 8
		case wire32:
			v, n = uint64(binary.LittleEndian.Uint32(b)), 4
		case wireBytes:
			size, k := binary.Uvarint(b)
			n = k + int(size)
			body = b[k:n]
		}
		b = b[n:]
		f(int(key>>3), v, body)
	}
}

func scalarText(step uint64, value []byte) string {
	tag, x := "", float32(0)
	fields(value, func(field int, v uint64, body []byte) {
		if field == 1 {
			tag = string(body)
		} else if field == 2 {
			x = math.Float32frombits(uint32(v))
		}
	})
	return fmt.Sprintf("%d %s %g", step, tag, x)
}

// TestMaskedChecksum masks by hand the checksum 0xe3069283 of "123456789", which
// the definition of CRC-32C publishes: rotated right by 15 bits, plus 0xa282ead8.
func TestMaskedChecksum(t *testing.T) {
	if got := masked([]byte("123456789")); got != 0xc78ab0e5 {
		t.Errorf("%#x", got)
	}
}

package main

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// operands matches the last three operands of an instruction on registers, in
// the order of Go's assembler: the destination last.
var operands = regexp.MustCompile(`^\t(VFMADD231PS|VPMULHRSW)\s+Z(\d+), Z(\d+), Z(\d+)$`)

// rewrite replaces, in functions that have BF16 in their names, multiply-adds
// by VDPBF16PS and the stand-in of round2 by VCVTNE2PS2BF16. Neither avo nor
// Go's assembler knows them, so they are written as bytes; what avo has chosen
// registers for is a kernel of the same form on float32.
func rewrite(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	lines, inside := strings.Split(string(text), "\n"), false
	for i, l := range lines {
		if strings.HasPrefix(l, "TEXT") {
			inside = strings.Contains(l, "BF16")
		}
		m := operands.FindStringSubmatch(l)
		if !inside || m == nil {
			continue
		}
		var z [3]int
		for j := range z {
			if z[j], err = strconv.Atoi(m[2+j]); err != nil {
				return err
			}
		}
		prefix, opcode, name := byte(0b10), byte(0x52), "VDPBF16PS"
		if m[1] == "VPMULHRSW" {
			prefix, opcode, name = 0b11, 0x72, "VCVTNE2PS2BF16"
		}
		lines[i] = fmt.Sprintf("\t%s // %s Z%d, Z%d, Z%d", encode(prefix, opcode, z[0], z[1], z[2]), name, z[0], z[1], z[2])
	}
	return os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o644)
}

// encode is EVEX.512.prefix.0F38.W0 opcode /r on registers; prefix is F3 (10)
// or F2 (11). The bytes are those of GNU as for the same instructions.
func encode(prefix, opcode byte, other, src, dst int) string {
	inv := func(reg, bit, pos int) byte { return byte(^reg>>bit&1) << pos }
	p0 := inv(dst, 3, 7) | inv(other, 4, 6) | inv(other, 3, 5) | inv(dst, 4, 4) | 0b10
	p1 := inv(src, 3, 6) | inv(src, 2, 5) | inv(src, 1, 4) | inv(src, 0, 3) | 1<<2 | prefix
	p2 := byte(0b10)<<5 | inv(src, 4, 3)
	code := []byte{0x62, p0, p1, p2, opcode, 0b11<<6 | byte(dst&7)<<3 | byte(other&7)}
	var s []string
	for _, x := range code {
		s = append(s, fmt.Sprintf("BYTE $0x%02x", x))
	}
	return strings.Join(s, "; ")
}

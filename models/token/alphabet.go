package token

import "strings"

// byteUnicode is GPT-2's printable alphabet: the rune that stands for each byte
// in vocabulary files.
func byteUnicode() [256]rune {
	var m [256]rune
	next := rune(256)
	for b := range 256 {
		if b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE {
			m[b] = rune(b)
			continue
		}
		m[b] = next
		next++
	}
	return m
}

func unicodeBytes() map[rune]byte {
	m := map[rune]byte{}
	for b, r := range byteUnicode() {
		m[r] = byte(b)
	}
	return m
}

// fromUnicode gives the bytes of a vocabulary entry. One that holds a rune
// outside the alphabet stands for itself.
func fromUnicode(rev map[rune]byte, s string) []byte {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		x, ok := rev[r]
		if !ok {
			return []byte(s)
		}
		b = append(b, x)
	}
	return b
}

func toUnicode(alphabet *[256]rune, b []byte) string {
	var s strings.Builder
	for _, x := range b {
		s.WriteRune(alphabet[x])
	}
	return s.String()
}

// qwenVocab is the size of the published vocabulary without added tokens.
const qwenVocab = 151643

// qwenAdded are the published added tokens of Qwen2.5, for a folder that has
// only its vocab.json and merges.txt.
func qwenAdded() []Added {
	names := strings.Fields(`<|endoftext|> <|im_start|> <|im_end|> <|object_ref_start|> <|object_ref_end|> <|box_start|> <|box_end|>
		<|quad_start|> <|quad_end|> <|vision_start|> <|vision_end|> <|vision_pad|> <|image_pad|> <|video_pad|> <tool_call> </tool_call>
		<|fim_prefix|> <|fim_middle|> <|fim_suffix|> <|fim_pad|> <|repo_name|> <|file_sep|>`)
	var added []Added
	for i, s := range names {
		added = append(added, Added{ID: int32(qwenVocab + i), Content: s, Special: special(s)})
	}
	return added
}

// special tells the special ones among Qwen2.5's added tokens by their names.
func special(s string) bool {
	if !strings.HasPrefix(s, "<|") {
		return false
	}
	for _, p := range []string{"<|fim_", "<|repo_name|>", "<|file_sep|>"} {
		if strings.HasPrefix(s, p) {
			return false
		}
	}
	return true
}

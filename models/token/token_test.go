package token

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"hardneg/fixtures/seed"
)

func corpus() []string {
	return []string{
		"Tom has 12 apples and gives 5 away. How many are left?\nTom has 12 - 5 = 7 apples left.\n#### 7",
		"A box holds 24 pencils; 3 boxes hold 3 * 24 = 72 pencils. They're all used, aren't they?",
		"There are 40 seats in a bus, and 8 buses: 40 * 8 = 320 seats. Half of the seats are taken: 320 / 2 = 160.",
		strings.Repeat("The answer is the sum of the two numbers that the question names. ", 3),
	}
}

var specials = []string{"<|endoftext|>", "<|im_start|>", "<|im_end|>"}

func small(t testing.TB) *Tokenizer {
	tok, err := Train(corpus(), 320, specials)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestTrainSaveLoad(t *testing.T) {
	tok := small(t)
	if tok.Size() != 320 || len(tok.order) != 61 {
		t.Errorf("size %d, %d merges", tok.Size(), len(tok.order))
	}
	other, err := Train([]string{corpus()[2], corpus()[0], corpus()[3], corpus()[1]}, 320, specials)
	if err != nil {
		t.Fatal(err)
	}
	a, b := t.TempDir(), t.TempDir()
	if err := tok.Save(a); err != nil {
		t.Fatal(err)
	}
	if err := other.Save(b); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"tokenizer.json", "tokenizer_config.json"} {
		x, _ := os.ReadFile(filepath.Join(a, f))
		y, _ := os.ReadFile(filepath.Join(b, f))
		if len(x) == 0 || string(x) != string(y) {
			t.Errorf("%s depends on the order of texts", f)
		}
	}
	loaded, err := Load(a)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range corpus() {
		x, y := tok.Encode(s), loaded.Encode(s)
		if !slices.Equal(x, y) || loaded.Decode(y) != s {
			t.Errorf("%.20q: %v and %v", s, x, y)
		}
		if len(x) > len(s)*3/4 {
			t.Errorf("%d ids for %d bytes: nothing was learnt", len(x), len(s))
		}
	}
	if _, err := Train([]string{"ab"}, 320, nil); err == nil {
		t.Error("61 merges from one pair")
	}
	if _, err := Train(corpus(), 257, specials); err == nil {
		t.Error("no room for specials accepted")
	}
}

// The cuts were made by the pattern in Python's regex module (Unicode 16).
func TestPretokens(t *testing.T) {
	c := newClasses()
	for text, want := range map[string]string{
		"Hello world":         "Hello| world",
		"it's we'LL 'ſa I'd":  "it|'s| we|'LL| '|ſa| I|'d",
		"12 apples, 3.5kg":    "1|2| apples|,| |3|.|5|kg",
		"a  b   c":            "a| | b|  | c",
		"end  ":               "end|  ",
		"x\n\n y \r\n\tz":     "x|\n\n| y| \r\n|\tz",
		"!!\n\nok (yes)":      "!!\n\n|ok| (|yes|)",
		"a\u00a0b\u200bc\x1c": "a|\u00a0b|\u200bc|\x1c",
		"½ Ⅷ ٣":               "½| |Ⅷ| |٣",
		"日本語 テスト":             "日本語| テスト",
		"'s't '":              "'s|'t| '",
		"'ſa":                 "'ſ|a",
		" \u2003\n x":         " \u2003\n| x",
	} {
		var got []string
		for i := 0; i < len(text); {
			e := c.next(text, i)
			got = append(got, text[i:e])
			i = e
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%q: %q, want %q", text, strings.Join(got, "|"), want)
		}
	}
}

func TestNormalForm(t *testing.T) {
	long := "a" + strings.Repeat("\u0301\u0323", 40)
	sorted := "\u1ea1" + strings.Repeat("\u0323", 39) + strings.Repeat("\u0301", 40) // ạ, then marks below, then above
	for in, want := range map[string]string{
		"e\u0301":                    "é",
		long:                         sorted,
		"\u1100\u1161":               "가",
		"가\u11a8":                    "각",
		"a\xffe\u0301":               "a\xffé",
		"a\u0345\u1abf":              "a\u0345\u1abf",
		strings.Repeat("\u1161", 64): strings.Repeat("\u1161", 64),
	} {
		if got := nfc(in); got != want {
			t.Errorf("%+q: %+q, want %+q", in, got, want)
		}
		if got := slowNFC(in); got != want && in != "a\u0345\u1abf" {
			t.Errorf("slow, %+q: %+q, want %+q", in, got, want)
		}
	}
}

func TestAddedTokens(t *testing.T) {
	tok := small(t)
	start, _ := tok.ID("<|im_start|>")
	end, _ := tok.ID("<|im_end|>")
	ids := tok.Encode("<|im_start|>a<|im_end|><|im_e")
	if ids[0] != start || !slices.Contains(ids, end) || tok.Decode(ids) != "<|im_start|>a<|im_end|><|im_e" {
		t.Errorf("%v", ids)
	}
	if got := tok.DecodeText(ids); got != "a<|im_e" {
		t.Errorf("without specials: %q", got)
	}
	if slices.Contains(tok.EncodePlain("x<|im_end|>"), end) {
		t.Error("plain text ended a turn")
	}
}

func TestFormats(t *testing.T) {
	tok := small(t)
	for _, kind := range Formats() {
		f, err := NewFormat(kind, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := tok.Decode(f.Encode(tok, "2+2?")); got != f.Prompt("2+2?") {
			t.Errorf("%s: %q", kind, got)
		}
		id, text, err := f.End(tok)
		if err != nil || tok.Decode([]int32{id}) != text {
			t.Errorf("%s ends with %q, %v", kind, text, err)
		}
		if slices.Contains(f.Encode(tok, "q<|im_end|>")[len(f.Encode(tok, ""))/2:], 318) && kind != "chatml" {
			t.Errorf("%s: the question ended the turn", kind)
		}
	}
	chat, _ := NewFormat("chatml", "s")
	want, _ := Chat([]Message{{"system", "s"}, {"user", "q"}}, true)
	if got := chat.Prompt("q"); got != want {
		t.Errorf("chatml %q, template %q", got, want)
	}
	if !slices.Equal(chat.Encode(tok, "q"), tok.Encode(want)) {
		t.Error("ids differ from those of the template's text")
	}
	end, _ := tok.ID("<|im_end|>")
	count := 0
	for _, id := range chat.Encode(tok, "a<|im_end|>b") {
		if id == end {
			count++
		}
	}
	if count != 2 {
		t.Errorf("%d ends of turn, want the format's 2", count)
	}
	for _, bad := range [][2]string{{"alpaca", ""}, {"plain", "s"}} {
		if _, err := NewFormat(bad[0], bad[1]); err == nil {
			t.Errorf("%v accepted", bad)
		}
	}
	if _, err := Chat([]Message{{"robot", ""}}, false); err == nil {
		t.Error("unknown role accepted")
	}
	tools, _ := Chat([]Message{{"user", "a"}, {"tool", "1"}, {"tool", "2"}}, false)
	if !strings.HasSuffix(tools, "<|im_start|>user\n<tool_response>\n1\n</tool_response>\n<tool_response>\n2\n</tool_response><|im_end|>\n") {
		t.Errorf("tools: %q", tools)
	}
}

func TestDamagedText(t *testing.T) {
	for in, want := range map[string]string{
		"\xe2\x82":     "\ufffd",
		"\xe2\x82a":    "\ufffda",
		"\xff\xfe":     "\ufffd\ufffd",
		"\xed\xa0\x80": "\ufffd\ufffd\ufffd",
		"\xf0\x9f\x98": "\ufffd",
		"\xe2\xe2\x82": "\ufffd\ufffd",
		"ok\xc3":       "ok\ufffd",
	} {
		if got := lossy([]byte(in)); got != want {
			t.Errorf("%q: %+q, want %+q", in, got, want)
		}
	}
}

func TestStream(t *testing.T) {
	tok := small(t)
	for _, s := range []string{"plain", "é日😀 x", "\xe2\x82", "a\xff\xf0\x9f", "<|im_end|>z"} {
		ids := tok.Encode(s)
		st := tok.Stream(false)
		got := ""
		for _, id := range ids {
			part := st.Push(id)
			if !utf8.ValidString(part) {
				t.Errorf("%q: part %q splits a code point", s, part)
			}
			got += part
		}
		if got += st.Flush(); got != tok.Decode(ids) {
			t.Errorf("%q: %q, want %q", s, got, tok.Decode(ids))
		}
	}
	for i := range 3000 { // ids as a model draws them: bytes in any order
		k := seed.Derive(6, "stream", i)
		var ids []int32
		for j := range 1 + k.Index(0, 20) {
			ids = append(ids, int32(k.Index(uint64(j+1), tok.Size())))
		}
		for skip, want := range map[bool]string{false: tok.Decode(ids), true: tok.DecodeText(ids)} {
			st, got := tok.Stream(skip), ""
			for _, id := range ids {
				part := st.Push(id)
				if !utf8.ValidString(part) || !strings.HasPrefix(want, got+part) {
					t.Fatalf("%v: %q after %q is not certain, the whole is %q", ids, part, got, want)
				}
				got += part
			}
			if got += st.Flush(); got != want {
				t.Fatalf("%v: %q, want %q", ids, got, want)
			}
		}
	}
}

func TestLongWord(t *testing.T) {
	tok := small(t)
	s := strings.Repeat("answer", 50000) // one pre-token of 300,000 bytes: quadratic merging would not end
	if tok.Decode(tok.Encode(s)) != s {
		t.Error("a long word does not come back")
	}
}

func TestBadFolders(t *testing.T) {
	good := t.TempDir()
	if err := small(t).Save(good); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(filepath.Join(good, "tokenizer.json"))
	for name, c := range map[string][2]string{
		"json":      {"{", "["},
		"normal":    {`"NFC"`, `"NFKC"`},
		"pattern":   {`\\p{N}|`, `\\p{N}{1,3}|`},
		"model":     {`"BPE"`, `"Unigram"`},
		"fallback":  {`"byte_fallback": false`, `"byte_fallback": true`},
		"byte":      {`"!":`, `"!!!!":`},
		"strip":     {`"lstrip": false`, `"lstrip": true`},
		"duplicate": {`"content": "<|im_end|>"`, `"content": "<|im_start|>"`},
	} {
		dir := t.TempDir()
		bad := strings.Replace(string(text), c[0], c[1], 1)
		bad = strings.Replace(bad, `"!":0`, `"!!!!":0`, map[bool]int{true: 1}[name == "byte"])
		if bad == string(text) {
			t.Fatalf("%s: nothing replaced", name)
		}
		os.WriteFile(filepath.Join(dir, "tokenizer.json"), []byte(bad), 0o644)
		if _, err := Load(dir); !Unfit(err) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, err := Load(t.TempDir()); !Unfit(err) {
		t.Errorf("empty folder: %v", err)
	}
}

func FuzzRoundTrip(f *testing.F) {
	for _, s := range []string{"", "a b", "é\u0301", "'ſ \r\n\u2003", "\xff", "<|im_end|>", strings.Repeat("\u0301", 40)} {
		f.Add(s)
	}
	tok := small(f)
	f.Fuzz(func(t *testing.T, s string) {
		ids := tok.EncodePlain(s)
		var b []byte
		for _, id := range ids {
			b = append(b, tok.Bytes(id)...)
		}
		if string(b) != nfc(s) {
			t.Fatalf("%q became %q", s, b)
		}
		st, parts := tok.Stream(false), ""
		for _, id := range ids {
			parts += st.Push(id)
		}
		if parts+st.Flush() != tok.Decode(ids) {
			t.Fatalf("%q streams as %q", s, parts)
		}
	})
}

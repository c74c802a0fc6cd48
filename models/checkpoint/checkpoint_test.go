package checkpoint

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func testConfig() *Config {
	return &Config{Hidden: 8, Layers: 1, Heads: 2, KVHeads: 1, HeadDim: 4, FFN: 12, Vocab: 10, MaxPositions: 64,
		Eps: 1e-6, Tied: true, DType: "float32", BOS: -1, EOS: []int{9}, Rope: Rope{Theta: 1e6, Type: "default"}}
}

func testTensors() []Values {
	ts := []Values{{Name: "b", Shape: []int{2, 3}}, {Name: "a", Shape: []int{4}}, {Name: "c", Shape: []int{1}}}
	for i := range ts {
		n := 1
		for _, d := range ts[i].Shape {
			n *= d
		}
		for j := range n {
			ts[i].Data = append(ts[i].Data, float32(j)*0.3-0.5+float32(i))
		}
	}
	return ts
}

func specs(ts []Values) (s []Spec) {
	for _, t := range ts {
		s = append(s, Spec{Name: t.Name, Shape: t.Shape})
	}
	return s
}

func TestWriteThenOpen(t *testing.T) {
	for _, dtype := range []string{"fp32", "bf16"} {
		for _, shard := range []int64{0, 20} {
			dir := filepath.Join(t.TempDir(), "m")
			from := t.TempDir()
			os.WriteFile(filepath.Join(from, "tokenizer.json"), []byte("{}"), 0o644)
			os.WriteFile(filepath.Join(from, "other.txt"), []byte("x"), 0o644)
			ts := testTensors()
			if err := Write(dir, testConfig(), ts, WriteOptions{DType: dtype, Shard: shard, From: from}); err != nil {
				t.Fatal(err)
			}
			if got := Companions(dir); !cmp.Equal(got, []string{"tokenizer.json"}) {
				t.Errorf("carried %v", got)
			}
			c, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Expect(specs(ts)); err != nil {
				t.Error(err)
			}
			if (len(c.files) > 1) != (shard > 0) {
				t.Errorf("%d files with shard limit %d", len(c.files), shard)
			}
			for _, v := range ts {
				got := make([]float32, len(v.Data))
				if err := c.Decode(v.Name, got); err != nil {
					t.Fatal(err)
				}
				for i, w := range v.Data {
					if dtype == "bf16" {
						w = FromBF16(ToBF16(w))
					}
					if got[i] != w {
						t.Errorf("%s %s[%d] = %g, want %g", dtype, v.Name, i, got[i], w)
					}
				}
			}
			cfg, err := ReadConfig(dir)
			if err != nil || cfg.DType != map[string]string{"fp32": "float32", "bf16": "bfloat16"}[dtype] {
				t.Errorf("config: %+v, %v", cfg, err)
			}
			c.Close()
			if err := Write(dir, testConfig(), ts, WriteOptions{}); !errors.Is(err, fs.ErrExist) {
				t.Errorf("overwriting: %v", err)
			}
		}
	}
}

func TestWriteIsDeterministicAndLeavesNothing(t *testing.T) {
	parent := t.TempDir()
	ts := testTensors()
	rev := []Values{ts[2], ts[1], ts[0]}
	for i, order := range [][]Values{ts, rev} {
		if err := Write(filepath.Join(parent, fmt.Sprint(i)), testConfig(), order, WriteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"config.json", "model.safetensors"} {
		a, _ := os.ReadFile(filepath.Join(parent, "0", f))
		b, _ := os.ReadFile(filepath.Join(parent, "1", f))
		if len(a) == 0 || string(a) != string(b) {
			t.Errorf("%s differs with the order of the tensors", f)
		}
	}
	ts[0].Data[1] = float32(math.NaN())
	if err := Write(filepath.Join(parent, "nan"), testConfig(), ts, WriteOptions{}); !errors.Is(err, ErrNotFinite) {
		t.Errorf("NaN: %v", err)
	}
	if err := Write(filepath.Join(parent, "from"), testConfig(), testTensors(), WriteOptions{DType: "int8"}); err == nil {
		t.Error("int8 accepted")
	}
	left, _ := os.ReadDir(parent)
	if len(left) != 2 {
		t.Errorf("left over: %v", left)
	}
}

// image builds a safetensors file from a header and a number of data bytes.
func image(header string, body int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, body)...)
}

func TestBadFiles(t *testing.T) {
	one := `{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`
	good := image(one, 8)
	if ts, err := parseHeader("f", good); err != nil || len(ts) != 1 {
		t.Fatalf("good file: %v", err)
	}
	huge := binary.LittleEndian.AppendUint64(nil, math.MaxUint64)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"short":          {good[:5], "truncated"},
		"cut header":     {good[:20], "truncated"},
		"cut data":       {good[:len(good)-1], "truncated"},
		"lying length":   {append(huge, '{', '}'), "header claims"},
		"no json":        {image("hello", 0), "not a JSON object"},
		"broken json":    {image(`{"w":`, 0), "header"},
		"trailing bytes": {append(image(one, 8), 0), "after the last tensor"},
		"after json":     {image(one+"x", 8), "after the header"},
		"twice":          {image(one[:len(one)-1]+","+one[1:], 8), "twice"},
		"overlap":        {image(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), "overlap"},
		"hole":           {image(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}`, 12), "starts at byte"},
		"lying shape":    {image(`{"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}`, 8), "needs 12 bytes"},
		"huge shape":     {image(`{"w":{"dtype":"F32","shape":[2147483647,2147483647,2147483647],"data_offsets":[0,8]}}`, 8), "too large"},
		"negative":       {image(`{"w":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}`, 8), "header entry"},
		"backwards":      {image(`{"w":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}`, 8), "no range"},
		"far":            {image(`{"w":{"dtype":"U8","shape":[2000000000],"data_offsets":[0,2000000000]}}`, 8), "truncated"},
		"dtype":          {image(`{"w":{"dtype":"Q4","shape":[2],"data_offsets":[0,8]}}`, 8), "not supported"},
	} {
		_, err := parseHeader("f", c.data)
		if err == nil || !strings.Contains(err.Error(), c.want) || !Unfit(err) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

func TestOpenFaults(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "no")); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "no such folder") {
		t.Errorf("missing folder: %v", err)
	}
	old := t.TempDir()
	os.WriteFile(filepath.Join(old, "pytorch_model.bin"), nil, 0o644)
	if _, err := Open(old); err == nil || !strings.Contains(err.Error(), "convert pytorch_model.bin") {
		t.Errorf("pickle: %v", err)
	}
	write := func(weightMap map[string]string, drop string) string {
		dir := filepath.Join(t.TempDir(), "m")
		if err := Write(dir, testConfig(), testTensors(), WriteOptions{Shard: 20}); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "model.safetensors.index.json")
		var x struct {
			WeightMap map[string]string `json:"weight_map"`
		}
		b, _ := os.ReadFile(path)
		json.Unmarshal(b, &x)
		for k, v := range weightMap {
			if v == "" {
				delete(x.WeightMap, k)
			} else {
				x.WeightMap[k] = v
			}
		}
		b, _ = json.Marshal(x)
		os.WriteFile(path, b, 0o644)
		if drop != "" {
			os.Remove(filepath.Join(dir, drop))
		}
		return dir
	}
	for name, c := range map[string]struct {
		dir, want string
	}{
		"promised":  {write(map[string]string{"z": "model-00001-of-00003.safetensors"}, ""), "the index promises it"},
		"unlisted":  {write(map[string]string{"c": ""}, ""), "weights"},
		"elsewhere": {write(map[string]string{"a": "model-00002-of-00003.safetensors", "b": "model-00001-of-00003.safetensors"}, ""), "the index says"},
		"escape":    {write(map[string]string{"a": "../x"}, ""), "no plain file name"},
		"lost":      {write(nil, "model-00002-of-00003.safetensors"), "no such file"},
	} {
		ck, err := Open(c.dir)
		if err == nil && name == "unlisted" { // its shard is not opened at all, so the caller's list finds it
			err = ck.Expect(specs(testTensors()))
			c.want = "is missing"
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !Unfit(err) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

func TestExpect(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "m")
	ts := testTensors()
	if err := Write(dir, testConfig(), ts, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	want := specs(ts)
	if err := c.Expect(append(want, Spec{Name: "d", Shape: []int{1}, Optional: true})); err != nil {
		t.Error(err)
	}
	if err := c.Expect(append(want, Spec{Name: "d", Shape: []int{1}})); !errors.Is(err, ErrMissing) {
		t.Errorf("missing: %v", err)
	}
	if err := c.Expect(want[:2]); err == nil || !strings.Contains(err.Error(), "tensor c: is not part") {
		t.Errorf("extra: %v", err)
	}
	bad := append([]Spec(nil), want...)
	bad[0].Shape = []int{3, 2}
	if err := c.Expect(bad); err == nil || !strings.Contains(err.Error(), "shape [2 3]") {
		t.Errorf("shape: %v", err)
	}
	if err := c.Decode("a", make([]float32, 3)); err == nil {
		t.Error("short destination accepted")
	}
}

func TestHalfPrecision(t *testing.T) {
	for h, want := range map[uint16]float32{0: 0, 1: 0x1p-24, 0x3FF: 1023 * 0x1p-24, 0x400: 0x1p-14, 0x3C00: 1, 0xC000: -2, 0x7BFF: 65504} {
		if got := FromF16(h); got != want {
			t.Errorf("FromF16(%#x) = %g, want %g", h, got, want)
		}
	}
	for x, want := range map[float32]uint16{1: 0x3F80, 1 + 0x1p-8: 0x3F80, 1 + 3*0x1p-8: 0x3F82, -1.5: 0xBFC0, 1 + 0x1.8p-8: 0x3F81} {
		if got := ToBF16(x); got != want {
			t.Errorf("ToBF16(%g) = %#x, want %#x", x, got, want)
		}
	}
	if !math.IsNaN(float64(FromBF16(ToBF16(float32(math.NaN()))))) || !math.IsInf(float64(FromF16(0xFC00)), -1) {
		t.Error("NaN or infinity lost")
	}
	for _, c := range []struct {
		dtype string
		data  []byte
		want  []float32
		bad   bool
	}{
		{"F16", []byte{0, 0x3C, 0, 0xC0}, []float32{1, -2}, false},
		{"BF16", []byte{0x80, 0x3F, 0xC0, 0x7F}, nil, true},
		{"I64", make([]byte, 16), nil, true},
	} {
		tt := &Tensor{Name: "w", DType: c.dtype, Shape: []int{2}, File: "f", data: c.data}
		got := make([]float32, 2)
		err := tt.Decode(got)
		if (err != nil) != c.bad || (!c.bad && !cmp.Equal(got, c.want)) {
			t.Errorf("%s: %v, %v", c.dtype, got, err)
		}
	}
}

func TestAdapter(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lora")
	a := Adapter{Base: "base", Rank: 2, Alpha: 4, Targets: []string{"v_proj", "q_proj"}}
	name := AdapterPrefix + "model.layers.0.self_attn.q_proj.lora_A.weight"
	ts := []Values{{name, []int{2, 3}, []float32{1, 2, 3, 4, 5, 6}}}
	if err := WriteAdapter(dir, a, ts, "fp32"); err != nil {
		t.Fatal(err)
	}
	got, c, err := ReadAdapter(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	a.Targets = []string{"q_proj", "v_proj"}
	if d := cmp.Diff(&a, got); d != "" {
		t.Error(d)
	}
	if err := c.Expect(specs(ts)); err != nil {
		t.Error(err)
	}
	for name, text := range map[string]string{
		"dora":   `{"peft_type":"LORA","r":2,"lora_alpha":2,"target_modules":["q_proj"],"use_dora":true}`,
		"kind":   `{"peft_type":"IA3","r":2,"lora_alpha":2,"target_modules":["q_proj"]}`,
		"regex":  `{"peft_type":"LORA","r":2,"lora_alpha":2,"target_modules":".*q_proj"}`,
		"target": `{"peft_type":"LORA","r":2,"lora_alpha":2,"target_modules":["embed_tokens"]}`,
		"rank":   `{"peft_type":"LORA","r":0,"lora_alpha":2,"target_modules":["q_proj"]}`,
	} {
		if _, err := parseAdapter([]byte(text)); err == nil {
			t.Errorf("%s accepted", name)
		}
	}
	if got, err := parseAdapter([]byte(`{"peft_type":"LORA","r":2,"lora_alpha":2,"target_modules":"all-linear"}`)); err != nil || len(got.Targets) != 7 {
		t.Errorf("all-linear: %v, %v", got, err)
	}
}

func FuzzHeader(f *testing.F) {
	f.Add(image(`{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8))
	f.Add(image(`{"__metadata__":{"format":"pt"},"w":{"dtype":"BF16","shape":[],"data_offsets":[0,2]}}  `, 2))
	f.Fuzz(func(t *testing.T, b []byte) {
		ts, err := parseHeader("f", b)
		if err != nil {
			return
		}
		n := 0
		for _, x := range ts {
			if len(x.data) != x.Elements()*width(x.DType) {
				t.Fatalf("%s: %d bytes for %v", x.Name, len(x.data), x.Shape)
			}
			n += len(x.data)
		}
		if n > len(b) {
			t.Fatal("more data than file")
		}
	})
}

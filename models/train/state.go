package train

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"hardneg/models/graph"
	"hardneg/models/optim"
	"hardneg/models/vm"
)

// stateFile is the name of a saved training in its folder. Layout, all
// little-endian: 8 bytes magic, uint32 length of a JSON header, the header,
// weights, first and second moments and their scales in the types that they
// have in memory, SHA-256 of all before it.
const (
	stateFile  = "train.state"
	stateMagic = "hnstate1"
)

// ErrState is the error of a state file that is damaged or of another training.
var ErrState = errors.New("unusable training state")

type stateHeader struct {
	Step     int    `json:"step"`
	OptSteps int    `json:"optimizer_steps"`
	Tokens   int64  `json:"tokens"`
	Elems    int    `json:"elements"`
	State    string `json:"moments"`
	Rows     int    `json:"rows"`
	Total    int    `json:"total_steps"`
	Order    string `json:"order"` // hex of the key
}

func (t *Trainer) header() stateHeader {
	of, _ := t.model.trained()
	return stateHeader{t.step, t.opt.Steps(), t.tokens, of.Len(), t.cfg.Optim.State, len(t.rows), t.total, fmt.Sprintf("%016x", uint64(t.cfg.Key))}
}

// parts are the buffers of a state: what is trained, then the optimizer's.
func (t *Trainer) parts() []optim.Part {
	of, _ := t.model.trained()
	return append([]optim.Part{{Buf: of, Dtype: graph.Float32}}, t.opt.Parts()...)
}

// chunks calls f for each piece of each part, with a host slice of its type.
func (t *Trainer) chunks(f func(b vm.Buffer, host any) error) error {
	const most = 1 << 16
	for _, p := range t.parts() {
		for lo := 0; lo < p.Buf.Len(); lo += most {
			n := min(most, p.Buf.Len()-lo)
			var host any
			switch p.Dtype {
			case graph.Uint16:
				host = make([]uint16, n)
			case graph.Uint8:
				host = make([]uint8, n)
			default:
				host = make([]float32, n)
			}
			if err := f(p.Buf.Slice(lo, lo+n), host); err != nil {
				return err
			}
		}
	}
	return nil
}

// Save writes the whole state of the training to dir, atomically: Load goes on
// from it bit for bit.
func (t *Trainer) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("train: save: %w", err)
	}
	f, err := os.CreateTemp(dir, stateFile+".*")
	if err != nil {
		return fmt.Errorf("train: save: %w", err)
	}
	defer os.Remove(f.Name())
	err = t.write(f)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, stateFile))
	}
	if err != nil {
		return fmt.Errorf("train: save: %w", err)
	}
	return nil
}

func (t *Trainer) write(f io.Writer) error {
	sum := sha256.New()
	w := io.MultiWriter(f, sum)
	head, err := json.Marshal(t.header())
	if err != nil {
		return err
	}
	pre := binary.LittleEndian.AppendUint32([]byte(stateMagic), uint32(len(head)))
	if _, err := w.Write(append(pre, head...)); err != nil {
		return err
	}
	err = t.chunks(func(b vm.Buffer, host any) error {
		t.model.be.Read(host, b)
		return binary.Write(w, binary.LittleEndian, host)
	})
	if err != nil {
		return err
	}
	_, err = f.Write(sum.Sum(nil))
	return err
}

// Load restores what Save wrote, for a trainer made with the same data and
// configuration. A damaged file or one of another training is an ErrState, and
// nothing has changed then.
func (t *Trainer) Load(dir string) error {
	path := filepath.Join(dir, stateFile)
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("train: load: %w", err)
	}
	bad := func(format string, a ...any) error {
		return fmt.Errorf("train: load %s: %w: %s; delete it to start over", path, ErrState, fmt.Sprintf(format, a...))
	}
	n := len(b) - sha256.Size
	if n < len(stateMagic)+4 || string(b[:len(stateMagic)]) != stateMagic {
		return bad("not a state file")
	}
	if sum := sha256.Sum256(b[:n]); !bytes.Equal(sum[:], b[n:]) {
		return bad("checksum differs")
	}
	b = b[len(stateMagic):n]
	size := int(binary.LittleEndian.Uint32(b))
	if b = b[4:]; size > len(b) {
		return bad("header is cut off")
	}
	var h stateHeader
	if err := json.Unmarshal(b[:size], &h); err != nil {
		return bad("header: %v", err)
	}
	want := t.header()
	want.Step, want.OptSteps, want.Tokens = h.Step, h.OptSteps, h.Tokens
	if h != want || h.Step > t.total {
		return bad("it is of another training: %+v, want %+v", h, want)
	}
	b = b[size:]
	want8 := 0
	for _, p := range t.parts() {
		want8 += p.Buf.Len() * map[graph.Dtype]int{graph.Float32: 4, graph.Uint16: 2, graph.Uint8: 1}[p.Dtype]
	}
	if len(b) != want8 {
		return bad("%d bytes of vectors, want %d", len(b), want8)
	}
	err = t.chunks(func(v vm.Buffer, host any) error {
		n, err := binary.Decode(b, binary.LittleEndian, host)
		if err != nil {
			return bad("%v", err)
		}
		b = b[n:]
		t.model.be.Write(v, host)
		return nil
	})
	if err != nil {
		return err
	}
	t.step, t.tokens = h.Step, h.Tokens
	t.opt.SetSteps(h.OptSteps)
	return nil
}

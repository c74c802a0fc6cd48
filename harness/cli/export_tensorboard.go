package cli

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hardneg/experiments/plan"
	"hardneg/harness/runner"
)

// tensorboard writes the event file of every training of the selection, the
// supervised one that it began with included.
func (x *exporter) tensorboard(dir string) error {
	n := 0
	for _, stage := range []string{"sft", "train"} {
		err := x.each(stage, func(t plan.Task, name string) error {
			n++
			if stage == "sft" && len(t.Arms) > 1 {
				name = t.ID // one training that arms share
			}
			return x.events(t, filepath.Join(dir, name))
		})
		var c *coded
		if err != nil && !(errors.As(err, &c) && c.code == ExitUsage) { // an arm without that stage
			return err
		}
	}
	if n == 0 {
		return usagef("export: %s trains nothing", x.name)
	}
	return nil
}

// events writes one training's scalars. A row's time is when it was logged; the
// rows of the result itself carry none.
func (x *exporter) events(t plan.Task, dir string) error {
	from, err := x.result(t.ID)
	if err != nil {
		return err
	}
	logged, err := runner.Metrics(x.store, x.keys[t.ID])
	if err != nil {
		return err
	}
	at := map[int64]time.Time{}
	for _, r := range logged {
		at[int64(r.Step)] = r.Time
	}
	var last time.Time
	b := record(nil, event{version: "brain.Event:2", wall: wallOf(firstTime(logged))})
	err = decodeRows(filepath.Join(from, "steps.jsonl"), func(row map[string]json.Number) error {
		step, err := row["step"].Int64()
		if err != nil {
			return fail(ExitIntegrity, err)
		}
		if when, ok := at[step]; ok {
			last = when
		}
		e := event{wall: wallOf(last), step: step}
		for name, v := range row {
			if name == "step" {
				continue
			}
			f, err := v.Float64()
			if err != nil {
				return fail(ExitIntegrity, err)
			}
			e.scalars = append(e.scalars, scalar{name, float32(f)})
		}
		slices.SortFunc(e.scalars, func(a, b scalar) int { return strings.Compare(a.tag, b.tag) })
		b = record(b, e)
		return nil
	})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fail(ExitEnvironment, err)
	}
	return fail(ExitEnvironment, os.WriteFile(filepath.Join(dir, "events.out.tfevents.0000000000.hardneg"), b, 0o644))
}

func firstTime(rows []runner.MetricRow) time.Time {
	if len(rows) == 0 {
		return time.Time{}
	}
	return rows[0].Time
}

// wallOf is seconds since 1970, 0 for no time.
func wallOf(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixNano()) / 1e9
}

// event is TensorFlow's Event message, as far as scalars need it.
type event struct {
	wall    float64
	step    int64
	version string // of the file's first event
	scalars []scalar
}

type scalar struct {
	tag   string
	value float32
}

// Protobuf wire types.
const (
	wireVarint = 0
	wire64     = 1
	wireBytes  = 2
	wire32     = 5
)

func tag(b []byte, field, wire int) []byte {
	return binary.AppendUvarint(b, uint64(field<<3|wire))
}

func bytesField(b []byte, field int, v []byte) []byte {
	b = binary.AppendUvarint(tag(b, field, wireBytes), uint64(len(v)))
	return append(b, v...)
}

// marshal writes the message: Event{wall_time=1, step=2, file_version=3,
// summary=5{value=1{tag=1, simple_value=2}}}.
func (e event) marshal() []byte {
	b := binary.LittleEndian.AppendUint64(tag(nil, 1, wire64), math.Float64bits(e.wall))
	if e.step != 0 {
		b = binary.AppendUvarint(tag(b, 2, wireVarint), uint64(e.step))
	}
	if e.version != "" {
		b = bytesField(b, 3, []byte(e.version))
	}
	if len(e.scalars) == 0 {
		return b
	}
	var summary []byte
	for _, s := range e.scalars {
		v := bytesField(nil, 1, []byte(s.tag))
		v = binary.LittleEndian.AppendUint32(tag(v, 2, wire32), math.Float32bits(s.value))
		summary = bytesField(summary, 1, v)
	}
	return bytesField(b, 5, summary)
}

// record appends an event as a TFRecord: length, its checksum, the message, its
// checksum.
func record(b []byte, e event) []byte {
	m := e.marshal()
	head := binary.LittleEndian.AppendUint64(nil, uint64(len(m)))
	b = append(b, head...)
	b = binary.LittleEndian.AppendUint32(b, masked(head))
	b = append(b, m...)
	return binary.LittleEndian.AppendUint32(b, masked(m))
}

// masked is CRC-32C, rotated and offset so that a checksum of data that hold
// checksums stays good.
func masked(b []byte) uint32 {
	c := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
	return (c>>15 | c<<17) + 0xa282ead8
}

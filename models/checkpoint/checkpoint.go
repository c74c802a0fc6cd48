// Package checkpoint reads and writes model folders in the Hugging Face
// layout: config.json, model.safetensors (one file, or shards with an index),
// generation_config.json, tokenizer files, and LoRA adapters in the PEFT
// layout.
//
// A Config is the part of config.json that the engine computes with, together
// with every other key, so that writing carries what we do not know. A
// Checkpoint is a folder whose files have been mapped and validated: names,
// types, shapes and byte ranges of all tensors are known to be sound, and no
// tensor has been decoded yet. A Spec is what a caller expects one tensor to
// be; Expect compares a Checkpoint with a list of them.
//
// Data enters through ReadConfig and Open, which check everything before they
// allocate by what a file claims, and leaves through Decode, which turns fp32,
// bf16 and fp16 into float32 and refuses NaN and infinite weights. Write and
// WriteAdapter build a folder beside the wanted one, sync it and rename it, so
// a folder is either whole or absent. The same tensors give the same bytes.
//
// # Why
//
// The reader is our own because a checkpoint is untrusted input of many
// gigabytes: the header is checked for duplicate names, overlaps, holes, and
// sizes that do not follow from the shape, before anything depends on it.
// Files are memory-mapped: opening 3 GB costs the header only, and decoding
// needs no second copy.
package checkpoint

import (
	"errors"
	"fmt"
	"strings"
)

// Sentinels for callers that branch, for instance on the exit code.
var (
	// ErrMissing: a folder, file or tensor that must be there is not.
	ErrMissing = errors.New("missing")
	// ErrInvalid: a file is truncated, inconsistent or not what it claims.
	ErrInvalid = errors.New("invalid")
	// ErrUnsupported: a sound file that asks for something we do not compute.
	ErrUnsupported = errors.New("unsupported")
	// ErrNotFinite: a weight is NaN or infinite.
	ErrNotFinite = errors.New("weight not finite")
)

// Error says what is wrong with a checkpoint, where, and what to do. It
// unwraps to one of the sentinels.
type Error struct {
	Kind   error  // one of the sentinels
	File   string // path of the file at fault
	Tensor string // tensor at fault, if one is
	Detail string // what is wrong
	Remedy string // what the user can do
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Tensor != "" {
		b.WriteString(": tensor " + e.Tensor)
	}
	b.WriteString(": " + e.Detail)
	if e.Remedy != "" {
		b.WriteString("; " + e.Remedy)
	}
	return b.String()
}

// Unwrap gives the sentinel.
func (e *Error) Unwrap() error { return e.Kind }

// Unfit reports whether err means that a model is missing or unusable, as
// opposed to a fault of the program: the command line ends with 6 then.
func Unfit(err error) bool {
	return errors.Is(err, ErrMissing) || errors.Is(err, ErrInvalid) ||
		errors.Is(err, ErrUnsupported) || errors.Is(err, ErrNotFinite)
}

const (
	copyAgain  = "copy or download the file again"
	otherModel = "use a Qwen2 or Qwen2.5 checkpoint"
)

func invalid(file, tensor, format string, a ...any) error {
	return &Error{ErrInvalid, file, tensor, fmt.Sprintf(format, a...), copyAgain}
}

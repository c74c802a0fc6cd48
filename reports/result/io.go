package result

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
)

// New is an empty Set of the current schema with no nil lists, so that the
// file says [] and not null.
func New(name string) *Set {
	s := &Set{Schema: Schema, Name: name, Spec: json.RawMessage("{}")}
	s.normalise()
	return s
}

// NewFinding is a finding whose numbers are all undefined.
func NewFinding(id, kind string) Finding {
	f := Finding{ID: id, Kind: kind}
	v := reflect.ValueOf(&f).Elem()
	for i := range v.NumField() {
		if v.Field(i).Type() == reflect.TypeFor[Num]() {
			v.Field(i).SetFloat(float64(NaN()))
		}
	}
	return f
}

// normalise replaces nil lists at the top level by empty ones.
func (s *Set) normalise() {
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		f := v.Field(i)
		if f.Kind() == reflect.Slice && f.IsNil() && f.Type() != reflect.TypeFor[json.RawMessage]() {
			f.Set(reflect.MakeSlice(f.Type(), 0, 0))
		}
	}
	if len(s.Spec) == 0 {
		s.Spec = json.RawMessage("{}")
	}
	if s.Verifier.Labelled == nil {
		s.Verifier.Labelled = []Labelled{}
	}
	if s.Verifier.Figures == nil {
		s.Verifier.Figures = []Figures{}
	}
}

// Write writes the file: keys in the order of Set, one line a key, one line an
// element of a top-level list.
func (s *Set) Write(w io.Writer) error {
	s.normalise()
	b := bufio.NewWriterSize(w, 1<<16)
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		sep := ","
		if i == 0 {
			sep = "{"
		}
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		fmt.Fprintf(b, "%s\n%q: ", sep, name)
		if err := writeValue(b, v.Field(i)); err != nil {
			return fmt.Errorf("write results: field %s: %w", name, err)
		}
	}
	b.WriteString("\n}\n")
	return b.Flush()
}

func writeValue(b *bufio.Writer, f reflect.Value) error {
	if f.Kind() != reflect.Slice || f.Type() == reflect.TypeFor[json.RawMessage]() || f.Len() == 0 {
		return writeJSON(b, f.Interface())
	}
	for j := range f.Len() {
		sep := ","
		if j == 0 {
			sep = "["
		}
		b.WriteString(sep + "\n")
		if err := writeJSON(b, f.Index(j).Interface()); err != nil {
			return fmt.Errorf("element %d: %w", j, err)
		}
	}
	b.WriteString("\n]")
	return nil
}

func writeJSON(b *bufio.Writer, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = b.Write(raw)
	return err
}

// Read takes a file back and checks it. Unknown fields are an error.
func Read(r io.Reader) (*Set, error) {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	var s Set
	if err := d.Decode(&s); err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	s.normalise()
	return &s, s.Validate()
}

// ReadFile is Read on a file.
func ReadFile(path string) (*Set, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s, err := Read(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

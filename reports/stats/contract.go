package stats

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
)

// ContractSchema names the JSON contract of `hardneg stats`.
const ContractSchema = "hardneg.stats/1"

// Cases is the question document.
type Cases struct {
	Schema string `json:"schema"`
	Cases  []Case `json:"cases"`
}

// Case is one call.
type Case struct {
	ID string          `json:"id"`
	Fn string          `json:"fn"`
	In json.RawMessage `json:"in"`
}

// Answers is the answer document; Out holds null for what is undefined.
type Answers struct {
	Schema  string       `json:"schema"`
	Answers []CaseAnswer `json:"answers"`
}

// CaseAnswer is the answer to one case: Out, or Error with bad_input or
// unknown_fn.
type CaseAnswer struct {
	ID    string `json:"id"`
	Out   any    `json:"out,omitempty"`
	Error string `json:"error,omitempty"`
}

// errUnknown marks a function that the contract does not have.
var errUnknown = errors.New("unknown function")

// AnswerAll answers a document.
func AnswerAll(c Cases) (Answers, error) {
	if c.Schema != ContractSchema {
		return Answers{}, fmt.Errorf("schema is %q, must be %q", c.Schema, ContractSchema)
	}
	out := Answers{Schema: ContractSchema, Answers: make([]CaseAnswer, 0, len(c.Cases))}
	for _, x := range c.Cases {
		out.Answers = append(out.Answers, Answer(x))
	}
	return out, nil
}

// Answer answers one case.
func Answer(c Case) CaseAnswer {
	v, err := call(c.Fn, c.In)
	switch {
	case errors.Is(err, errUnknown):
		return CaseAnswer{ID: c.ID, Error: "unknown_fn"}
	case err != nil:
		return CaseAnswer{ID: c.ID, Error: "bad_input"}
	}
	return CaseAnswer{ID: c.ID, Out: plain(reflect.ValueOf(v))}
}

// out is an answer that no result struct has.
type out map[string]any

// decode reads the fields of one call strictly.
func decode(raw json.RawMessage, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return bad("%v", err)
	}
	return nil
}

// options are the fields that every call may have.
type options struct {
	Level       *float64 `json:"level"`
	Alternative string   `json:"alternative"`
	Alpha       *float64 `json:"alpha"`
	Power       *float64 `json:"power"`
}

func or(p *float64, otherwise float64) float64 {
	if p == nil {
		return otherwise
	}
	return *p
}

func (o options) level() float64 { return or(o.Level, DefaultLevel) }
func (o options) alpha() float64 { return or(o.Alpha, DefaultAlpha) }
func (o options) power() float64 { return or(o.Power, DefaultPower) }

// label is a string or whole number that names a cluster or stratum.
type label string

// UnmarshalJSON takes a string or a number.
func (l *label) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil && len(b) > 0 && b[0] == '"' {
		*l = label(s)
		return nil
	}
	var n json.Number
	if err := json.Unmarshal(b, &n); err != nil || strings.ContainsAny(n.String(), ".eE") {
		return bad("label %s is neither a string nor a whole number", b)
	}
	*l = label(n.String())
	return nil
}

// grouped numbers labels; nil stays nil.
func grouped(l []label) []int {
	if l == nil {
		return nil
	}
	g, _ := Groups(l)
	return g
}

// whole is a whole number, written 3 or 3.0.
type whole int

// UnmarshalJSON refuses null and fractions.
func (w *whole) UnmarshalJSON(b []byte) error {
	var f float64
	if err := json.Unmarshal(b, &f); err != nil || string(b) == "null" || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return bad("%s is not a whole number", b)
	}
	*w = whole(f)
	return nil
}

// wholes is a list of whole numbers.
type wholes []int

// UnmarshalJSON refuses null inside the list.
func (w *wholes) UnmarshalJSON(b []byte) error {
	var list []whole
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	*w = make(wholes, len(list))
	for i, v := range list {
		(*w)[i] = int(v)
	}
	return nil
}

// list is a list of numbers.
type list []float64

// UnmarshalJSON refuses null inside the list.
func (l *list) UnmarshalJSON(b []byte) error {
	var p []*float64
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	*l = holes(p)
	if !finite(*l...) {
		return bad("null in a list of numbers")
	}
	return nil
}

func matrix(rows []list) [][]float64 {
	m := make([][]float64, len(rows))
	for i, r := range rows {
		m[i] = r
	}
	return m
}

// holes is a list of numbers in which null is NaN.
func holes(p []*float64) []float64 {
	if p == nil {
		return nil
	}
	v := make([]float64, len(p))
	for i, x := range p {
		v[i] = nan
		if x != nil {
			v[i] = *x
		}
	}
	return v
}

func trials(rows [][]*float64) (Trials, error) {
	t := make(Trials, len(rows))
	for s, row := range rows {
		if row != nil && len(row) == 0 {
			return nil, bad("row %d is empty", s)
		}
		t[s] = holes(row)
		for _, v := range t[s] {
			if v < 0 || v > 1 {
				return nil, bad("outcome %v is not in [0, 1]", v)
			}
		}
	}
	return t, nil
}

// plain turns a result into what encoding/json writes: NaN becomes null, a nil
// list an empty one, field names come from the tags.
func plain(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return plain(v.Elem())
	case reflect.Float64:
		if f := v.Float(); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return f + 0
		}
		return nil
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = plain(v.Index(i))
		}
		return list
	case reflect.Map:
		m := map[string]any{}
		for _, k := range v.MapKeys() {
			m[k.String()] = plain(v.MapIndex(k))
		}
		return m
	case reflect.Struct:
		m := map[string]any{}
		for i := range v.NumField() {
			m[v.Type().Field(i).Tag.Get("json")] = plain(v.Field(i))
		}
		return m
	}
	return v.Interface()
}

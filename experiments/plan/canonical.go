package plan

import (
	"bytes"
	"encoding/json"
)

// canonicalizer writes parameters as JSON with sorted keys, so that the order
// of struct fields is in no key. It remembers what it has written: most tasks
// repeat another's parameters.
type canonicalizer map[string]json.RawMessage

func (c canonicalizer) write(params any) json.RawMessage {
	b, err := json.Marshal(params)
	if err != nil {
		panic("plan: parameters do not marshal")
	}
	if out, ok := c[string(b)]; ok {
		return out
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber() // numbers keep their digits
	var v any
	if err := dec.Decode(&v); err != nil {
		panic("plan: parameters do not unmarshal")
	}
	out, err := json.Marshal(v)
	if err != nil {
		panic("plan: parameters do not marshal")
	}
	c[string(b)] = out
	return out
}

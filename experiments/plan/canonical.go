package plan

import (
	"bytes"
	"encoding/json"
)

// canonical writes parameters as JSON with sorted keys, so that the order of
// struct fields is in no key.
func canonical(params any) json.RawMessage {
	b, err := json.Marshal(params)
	if err != nil {
		panic("plan: parameters do not marshal")
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber() // numbers keep their digits
	var v any
	if err := dec.Decode(&v); err != nil {
		panic("plan: parameters do not unmarshal")
	}
	b, err = json.Marshal(v)
	if err != nil {
		panic("plan: parameters do not marshal")
	}
	return b
}

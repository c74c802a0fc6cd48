package cli

import (
	"encoding/json"
	"math"
	"strings"

	"hardneg/fixtures/problem"
)

// columnOf is the first of names that the row has, or the first name.
func columnOf(r problem.Record, names ...string) string {
	for _, n := range names {
		if r.Fields[n] != nil {
			return n
		}
	}
	return names[0]
}

// requiredText is a text that must be there, under one of several names.
func requiredText(r problem.Record, names ...string) (string, error) {
	field := columnOf(r, names...)
	s, err := optionalText(r, field)
	if err == nil && strings.TrimSpace(s) == "" {
		err = r.Fail(field, "is missing or empty")
	}
	return s, err
}

// optionalText is a text or a number, "" where it is missing.
func optionalText(r problem.Record, names ...string) (string, error) {
	field := columnOf(r, names...)
	switch v := r.Fields[field].(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	default:
		return "", r.Fail(field, "is no text (it is %s)", problem.Kind(v))
	}
}

// textsOf is a text or a list of texts.
func textsOf(r problem.Record, field string) ([]string, error) {
	switch v := r.Fields[field].(type) {
	case string:
		return []string{v}, nil
	case []any:
		var out []string
		for i, x := range v {
			s, ok := x.(string)
			if !ok {
				return nil, r.Fail(field, "element %d is no text (it is %s)", i, problem.Kind(x))
			}
			out = append(out, s)
		}
		if len(out) > 0 {
			return out, nil
		}
		return nil, r.Fail(field, "is an empty list")
	case nil:
		return nil, r.Fail(field, "is missing")
	default:
		return nil, r.Fail(field, "is neither a text nor a list of texts (it is %s)", problem.Kind(v))
	}
}

// importPreference reads a row of TRL's preference formats: texts, messages, or
// messages that carry the prompt with them.
func importPreference(r problem.Record) ([]any, error) {
	p := preference{Weight: 1}
	var lead [2]string // the question inside the messages of each side
	for i, side := range []struct {
		field string
		to    *string
	}{{"chosen", &p.Chosen}, {"rejected", &p.Rejected}} {
		var err error
		if lead[i], *side.to, err = sideOf(r, side.field); err != nil {
			return nil, err
		}
	}
	var err error
	switch v := r.Fields["prompt"].(type) {
	case []any:
		p.Prompt, _, err = messages(r, "prompt", v)
	case nil:
		if p.Prompt = lead[0]; lead[0] != lead[1] {
			return nil, r.Fail("rejected", "answers another prompt than chosen")
		}
	default:
		p.Prompt, err = requiredText(r, "prompt")
	}
	if err != nil {
		return nil, err
	}
	switch {
	case strings.TrimSpace(p.Prompt) == "":
		return nil, r.Fail("prompt", "is missing or empty")
	case p.Chosen == p.Rejected:
		return nil, r.Fail("rejected", "equals chosen: no preference")
	}
	w, ok := r.Fields["weight"]
	if !ok || w == nil {
		return []any{p}, nil
	}
	n, ok := w.(json.Number)
	if !ok {
		return nil, r.Fail("weight", "is no number (it is %s)", problem.Kind(w))
	}
	if p.Weight, err = n.Float64(); err != nil || !(p.Weight >= 0) || math.IsInf(p.Weight, 0) {
		return nil, r.Fail("weight", "%s is no weight: a finite number, at least 0", n)
	}
	return []any{p}, nil
}

// sideOf is a completion, and the question before it where messages carry one.
func sideOf(r problem.Record, field string) (question, completion string, err error) {
	if v, ok := r.Fields[field].([]any); ok {
		question, completion, err = messages(r, field, v)
	} else {
		completion, err = requiredText(r, field)
	}
	if err == nil && strings.TrimSpace(completion) == "" {
		err = r.Fail(field, "has no text of the assistant")
	}
	return question, completion, err
}

// messages reads a conversation of one turn. A system text is refused: it is
// the prompt format's business.
func messages(r problem.Record, field string, list []any) (user, assistant string, err error) {
	for i, x := range list {
		m, _ := x.(map[string]any)
		role, _ := m["role"].(string)
		content, ok := m["content"].(string)
		switch {
		case !ok:
			return "", "", r.Fail(field, "message %d has no content", i)
		case role == "user" && user == "" && assistant == "":
			user = content
		case role == "assistant" && assistant == "":
			assistant = content
		default:
			return "", "", r.Fail(field, "message %d (%s): only one question and one answer can be trained on; a system text goes into model.system", i, role)
		}
	}
	return user, assistant, nil
}

package token

import (
	"fmt"
	"strings"
)

// Message is one turn of a conversation.
type Message struct {
	Role    string `json:"role"` // system, user, assistant or tool
	Content string `json:"content"`
}

// DefaultSystem is what the published chat template says where a conversation
// does not start with a system message.
const DefaultSystem = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."

// Chat renders a conversation as the published Qwen2.5 template does, without
// tools. generate opens the assistant's turn at the end.
func Chat(messages []Message, generate bool) (string, error) {
	if len(messages) == 0 {
		return "", fmt.Errorf("chat template: no messages")
	}
	var b strings.Builder
	turn := func(role, content string) { b.WriteString("<|im_start|>" + role + "\n" + content + "<|im_end|>\n") }
	if messages[0].Role != "system" {
		turn("system", DefaultSystem)
	}
	is := func(i int, role string) bool { return i >= 0 && i < len(messages) && messages[i].Role == role }
	for i, m := range messages {
		switch m.Role {
		case "system", "user", "assistant":
			turn(m.Role, m.Content)
		case "tool": // answers in a row share one turn
			if !is(i-1, "tool") {
				b.WriteString("<|im_start|>user")
			}
			b.WriteString("\n<tool_response>\n" + m.Content + "\n</tool_response>")
			if !is(i+1, "tool") {
				b.WriteString("<|im_end|>\n")
			}
		default:
			return "", fmt.Errorf("chat template: message %d has role %q, want system, user, assistant or tool", i, m.Role)
		}
	}
	if generate {
		b.WriteString("<|im_start|>assistant\n")
	}
	return b.String(), nil
}

// Format is how a question becomes a prompt.
type Format struct {
	Kind   string // chatml, plain or metamath
	System string // system text of chatml, empty: the template's own
}

// Formats are the kinds of Format.
func Formats() []string { return []string{"chatml", "plain", "metamath"} }

// NewFormat checks the kind; a system text is for chatml only.
func NewFormat(kind, system string) (Format, error) {
	switch {
	case kind != "chatml" && kind != "plain" && kind != "metamath":
		return Format{}, fmt.Errorf("prompt format %q: want chatml, plain or metamath", kind)
	case kind != "chatml" && system != "":
		return Format{}, fmt.Errorf("prompt format %s has no place for a system text; use chatml", kind)
	}
	return Format{kind, system}, nil
}

// Prompt is the text that a completion follows immediately.
func (f Format) Prompt(question string) string {
	switch f.Kind {
	case "chatml":
		system := f.System
		if system == "" {
			system = DefaultSystem
		}
		return "<|im_start|>system\n" + system + "<|im_end|>\n<|im_start|>user\n" + question + "<|im_end|>\n<|im_start|>assistant\n"
	case "metamath":
		return "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n" +
			"### Instruction:\n" + question + "\n\n### Response: Let's think step by step."
	}
	return question + "\n"
}

// Encode gives the ids of a prompt. Added tokens inside the question or the
// system text are plain text: nobody's words can end a turn.
func (f Format) Encode(t *Tokenizer, question string) []int32 {
	if f.Kind != "chatml" {
		return t.EncodePlain(f.Prompt(question))
	}
	system := f.System
	if system == "" {
		system = DefaultSystem
	}
	ids := t.Encode("<|im_start|>")
	ids = append(ids, t.EncodePlain("system\n"+system)...)
	ids = t.Append(ids, "<|im_end|>\n<|im_start|>")
	ids = append(ids, t.EncodePlain("user\n"+question)...)
	return t.Append(ids, "<|im_end|>\n<|im_start|>assistant\n")
}

// End is the id that ends a completion, and its text.
func (f Format) End(t *Tokenizer) (int32, string, error) {
	text := "<|endoftext|>"
	if f.Kind == "chatml" {
		text = "<|im_end|>"
	}
	id, ok := t.ID(text)
	if !ok {
		return 0, "", fmt.Errorf("prompt format %s needs the token %s, which the tokenizer lacks: %w", f.Kind, text, ErrUnsupported)
	}
	return id, text, nil
}

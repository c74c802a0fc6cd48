package spec

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// This file is the only one that knows the YAML library.

// nodeLimit bounds a spec, aliases expanded: an alias bomb is refused.
const nodeLimit = 200_000

// parse turns one YAML document into a tree.
func parse(file, src string) (*node, Errors) {
	if errs := characters(file, src); errs != nil {
		return nil, errs
	}
	dec := yaml.NewDecoder(strings.NewReader(src))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, Errors{{Origin{file, 1, 1}, "the spec is empty"}}
		}
		return nil, syntax(file, src, err)
	}
	var more yaml.Node
	if err := dec.Decode(&more); err == nil {
		return nil, Errors{{Origin{file, more.Line, more.Column}, "a second document; a spec is one"}}
	} else if !errors.Is(err, io.EOF) {
		return nil, syntax(file, src, err)
	}
	c := &converter{file: file}
	if len(doc.Content) == 0 {
		return nil, Errors{{Origin{file, 1, 1}, "the spec is empty"}}
	}
	n := c.node(doc.Content[0], 0)
	if n.kind != mapping && len(c.errs) == 0 {
		c.errs = append(c.errs, Mistake{n.at, "a spec is a map of keys"})
	}
	return n, c.errs
}

// syntax gives a place to what the library complains of.
func syntax(file, src string, err error) Errors {
	var le *yaml.LoadError
	if errors.As(err, &le) {
		if at, ok := tabIndent(file, src, le.Mark.Line); ok {
			return Errors{{at, "not YAML: a tab in the indentation; YAML wants spaces"}}
		}
		return Errors{{Origin{file, max(le.Mark.Line, 1), max(le.Mark.Column, 1)}, "not YAML: " + le.Message}}
	}
	return Errors{{Origin{file, 1, 1}, "not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}}
}

// characters finds the first byte that no YAML file may hold: the library tells
// no place for those.
func characters(file, src string) Errors {
	line, col := 1, 1
	for i, r := range src {
		wrong := ""
		if r == utf8.RuneError && !strings.HasPrefix(src[i:], "\uFFFD") {
			wrong = fmt.Sprintf("byte 0x%02x is not UTF-8; save the file as UTF-8", src[i])
		} else if r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f {
			wrong = fmt.Sprintf("control character 0x%02x", r)
		}
		if wrong != "" {
			return Errors{{Origin{file, line, col}, "not YAML: " + wrong}}
		}
		if col++; r == '\n' {
			line, col = line+1, 1
		}
	}
	return nil
}

// tabIndent finds a tab before the first word of a line or of the one before it,
// where the library may complain.
func tabIndent(file, src string, line int) (Origin, bool) {
	lines := strings.Split(src, "\n")
	for _, n := range []int{line, line - 1, line + 1} {
		if n < 1 || n > len(lines) {
			continue
		}
		text := lines[n-1]
		indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]
		if i := strings.IndexByte(indent, '\t'); i >= 0 {
			return Origin{file, n, i + 1}, true
		}
	}
	return Origin{}, false
}

type converter struct {
	file  string
	errs  Errors
	count int
}

func (c *converter) node(y *yaml.Node, depth int) *node {
	at := Origin{c.file, y.Line, y.Column}
	if c.count++; c.count > nodeLimit || depth > 100 {
		if c.count == nodeLimit+1 || depth > 100 {
			c.errs = append(c.errs, Mistake{at, "too large or too deep: does an alias hold itself?"})
		}
		return &node{at: at}
	}
	switch y.Kind {
	case yaml.AliasNode:
		if c.count > nodeLimit {
			return &node{at: at}
		}
		return c.node(y.Alias, depth+1)
	case yaml.MappingNode:
		n := &node{kind: mapping, at: at}
		seen := map[string]Origin{}
		for i := 0; i+1 < len(y.Content) && c.count <= nodeLimit; i += 2 {
			k, kat := y.Content[i], Origin{c.file, y.Content[i].Line, y.Content[i].Column}
			if k.Kind != yaml.ScalarNode {
				c.errs = append(c.errs, Mistake{kat, "a key must be a word"})
				continue
			}
			if first, twice := seen[k.Value]; twice {
				c.errs = append(c.errs, Mistake{kat, fmt.Sprintf("key %q is there twice (first at %d:%d)", k.Value, first.Line, first.Col)})
				continue
			}
			seen[k.Value] = kat
			n.keys = append(n.keys, entry{k.Value, kat, c.node(y.Content[i+1], depth+1)})
		}
		return n
	case yaml.SequenceNode:
		n := &node{kind: list, at: at}
		for _, v := range y.Content {
			n.items = append(n.items, c.node(v, depth+1))
		}
		return n
	}
	n := &node{kind: scalar, at: at, text: y.Value}
	n.quoted = y.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
	if !n.quoted && (y.Value == "" || y.Value == "~" || y.Value == "null") {
		n.kind = null
	}
	return n
}

// words that need no quotes in flow style and cannot be taken for something else.
var plainWord = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$./+-]*( [A-Za-z0-9_$./+>-]+)*$`)

// text writes a string as YAML, in quotes where it needs them.
func text(s string) string {
	switch s {
	case "null", "true", "false", "yes", "no", "on", "off":
		return quote(s)
	}
	if plainWord.MatchString(s) {
		return s
	}
	return quote(s)
}

// quote writes a double-quoted YAML scalar.
func quote(s string) string { return strconv.QuoteToGraphic(s) }

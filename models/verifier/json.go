package verifier

import (
	"math"
	"strconv"
	"unicode/utf8"
)

// AppendJSON appends the score as one JSON object without a line feed. Numbers
// have six decimals. promptID is written when it is not empty.
//
// It is written by hand: encoding/json took as long as the scoring itself.
func (s *Score) AppendJSON(b []byte, promptID string) []byte {
	b = append(b, `{"id":`...)
	b = appendString(b, s.ID)
	if promptID != "" {
		b = append(b, `,"prompt_id":`...)
		b = appendString(b, promptID)
	}
	b = append(b, `,"profile":{`...)
	for d, v := range s.Profile {
		if d > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, Dim(d).String()...)
		b = append(b, `":`...)
		b = appendSix(b, v)
	}
	b = append(b, '}')
	b = appendField(b, "wrongness", s.Wrongness)
	b = appendField(b, "wrongness_proc", s.WrongnessProc)
	b = appendField(b, "wrongness_none", s.WrongnessNone)
	b = appendField(b, "p_wrong", s.PWrong)
	b = appendField(b, "absurdity", s.Absurdity)
	if s.Mode == Gold {
		b = appendField(b, "closeness", s.Closeness)
		b = appendField(b, "hard_score", s.HardScore)
		b = appendField(b, "divergence", s.Divergence)
		b = append(b, `,"relation":`...)
		b = appendString(b, s.Relation)
		b = append(b, `,"correct":`...)
		b = strconv.AppendBool(b, s.Correct)
	} else {
		b = append(b, `,"closeness":null,"hard_score":null`...)
	}
	b = append(b, `,"first_error_step":`...)
	b = strconv.AppendInt(b, int64(s.FirstErrorStep), 10)
	b = append(b, `,"step_scores":[`...)
	for i, v := range s.StepScores {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendSix(b, v)
	}
	b = append(b, `],"answer":`...)
	if s.HasAnswer {
		b = appendString(b, s.Answer)
	} else {
		b = append(b, "null"...)
	}
	b = append(b, `,"findings":[`...)
	for i := range s.Findings {
		if i > 0 {
			b = append(b, ',')
		}
		b = s.Findings[i].appendJSON(b)
	}
	b = append(b, `],"mode":"`...)
	b = append(b, s.Mode...)
	return append(b, `"}`...)
}

func (f *Finding) appendJSON(b []byte) []byte {
	b = append(b, `{"code":"`...)
	b = append(b, f.Code...)
	b = append(b, `","dim":"`...)
	b = append(b, f.Dim.String()...)
	b = append(b, '"')
	b = appendField(b, "severity", f.Severity)
	b = append(b, `,"step":`...)
	b = strconv.AppendInt(b, int64(f.Step), 10)
	b = append(b, `,"start":`...)
	b = strconv.AppendInt(b, int64(f.Start), 10)
	b = append(b, `,"end":`...)
	b = strconv.AppendInt(b, int64(f.End), 10)
	b = append(b, `,"note":`...)
	b = appendString(b, f.Note)
	return append(b, '}')
}

func appendField(b []byte, name string, v float64) []byte {
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	return appendSix(b, v)
}

// appendSix writes a number of [0,1] with six decimals.
func appendSix(b []byte, v float64) []byte {
	n := int64(math.Round(clip(v, 0, 1) * 1e6))
	b = append(b, byte('0'+n/1e6), '.')
	n %= 1e6
	for p := int64(1e5); p > 0; p /= 10 {
		b = append(b, byte('0'+n/p%10))
	}
	return b
}

const hexDigits = "0123456789abcdef"

// appendString writes a JSON string; bytes that are no UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(b, s[from:i]...)
				b = append(b, "\ufffd"...)
				from = i + 1
			}
			i += n
			continue
		}
		if c >= 0x20 && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[from:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\t':
			b = append(b, '\\', 't')
		case '\r':
			b = append(b, '\\', 'r')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		from = i
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}

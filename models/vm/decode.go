package vm

import "hardneg/models/graph"

// Network is a Qwen2 network's weights on the host, for backends that decode.
type Network struct {
	Heads              graph.Heads
	Hidden, FFN, Vocab int
	Eps                float64
	Embed, Norm, Head  []float32 // Head is Embed where they are tied
	Layers             []NetworkLayer
}

// NetworkLayer is a decoder layer's weights, row-major.
type NetworkLayer struct {
	Norm1, WQKV, BQKV, WO []float32
	Norm2, GateUp, Down   []float32
}

// Decodes is a backend that generates text itself: with the cache, the network
// and the draw on the device. models/sample schedules it.
type Decodes interface {
	// Decoder puts a network on the device. Rows is the number of samples
	// decoded at a time, chunk that of prompt tokens computed in one pass.
	// Products always have these many rows, so that no result depends on what
	// else is computed at the time.
	Decoder(n Network, rows, chunk int) (Decoder, error)
}

// Decoder decodes a fixed number of rows. Its calls queue work in order and,
// Reserve and Next excepted, do not wait for it.
type Decoder interface {
	// Pages is the number of tokens whose keys and values share a page.
	PageTokens() int
	// Reserve makes room for pages pages, of which a sequence has at most
	// longest, and returns how many there are: fewer where memory is short.
	// What pages hold is lost.
	Reserve(pages, longest int) (int, error)
	// Params sets how tokens are drawn from now on.
	Params(Draw)
	// Prefill computes the keys and values of prompt tokens, at most chunk of them.
	Prefill([]Span)
	// Set gives a row another sequence, or none.
	Set(row int, s Sequence)
	// Step draws the next token of every row that has one to draw.
	Step()
	// Next waits for the oldest step whose results were not taken: a token and
	// its log-probability for each row, a token below 0 where logits were not
	// finite. They are valid until the next call.
	Next() (ids []int32, logProbs []float32, err error)
	// Close gives the memory back.
	Close() error
}

// Span is a run of a prompt's tokens, the first at position Pos.
type Span struct {
	Tokens []int32
	Pos    int
	Pages  []int32 // of the prompt, from position 0 on
}

// Sequence is a sample to be decoded: it goes on after Token at position Pos,
// and has drawn Drawn tokens. Positions below Shared are the prompt's and lie in
// its pages; the others lie in the sample's own. It draws no token that would
// have position End or more.
type Sequence struct {
	Token            int32
	Pos, Shared, End int
	Key              uint64 // of the stream of draws
	Drawn            int
	Pages            []int32 // the prompt's, then the sample's own
}

// Draw says how tokens are drawn: see sample.Params.
type Draw struct {
	Temperature, TopP, MinP float64
	TopK                    int
}

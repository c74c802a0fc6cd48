package sample

import "hardneg/models/checkpoint"

// pageTokens is the number of tokens whose keys and values share a page, a
// multiple of every kernel's panel width.
const pageTokens = 64

// page holds keys and values of pageTokens tokens for all layers and key
// heads, in the panels that the products read: keys as [tokens/nr][dim][nr], the
// right factor of scores = q·Kᵀ, and values as [dim/nr][tokens][nr], that of
// o = p·V. Columns without a token hold anything.
type page struct{ k, v []float32 }

// pages makes pages and keeps those that rows have given back.
type pages struct {
	config *checkpoint.Config
	nr     int // width of a panel
	kSize  int // elements of one head's keys
	vSize  int
	free   []*page
}

func newPages(n *network, nr int) *pages {
	d := n.config.HeadDim
	return &pages{config: n.config, nr: nr, kSize: pageTokens * d, vSize: pageTokens * ((d + nr - 1) / nr * nr)}
}

func (p *pages) take() *page {
	if n := len(p.free); n > 0 {
		g := p.free[n-1]
		p.free = p.free[:n-1]
		return g
	}
	heads := p.config.Layers * p.config.KVHeads
	return &page{make([]float32, heads*p.kSize), make([]float32, heads*p.vSize)}
}

// keys and values view one head of one layer.
func (p *pages) keys(g *page, layer, head int) []float32 {
	i := layer*p.config.KVHeads + head
	return g.k[i*p.kSize : (i+1)*p.kSize]
}

func (p *pages) values(g *page, layer, head int) []float32 {
	i := layer*p.config.KVHeads + head
	return g.v[i*p.vSize : (i+1)*p.vSize]
}

// kvcache is the growing cache of one sequence.
type kvcache struct {
	pages []*page
	n     int // tokens in it
}

// reserve makes room for n more tokens.
func (c *kvcache) reserve(p *pages, n int) {
	for len(c.pages)*pageTokens < c.n+n {
		c.pages = append(c.pages, p.take())
	}
}

// release gives the pages back.
func (c *kvcache) release(p *pages) {
	p.free = append(p.free, c.pages...)
	c.pages, c.n = nil, 0
}

// put stores one token's rotated keys and values of a layer at index i.
func (c *kvcache) put(p *pages, layer, i int, k, v []float32) {
	d, nr := p.config.HeadDim, p.nr
	g, at := c.pages[i/pageTokens], i%pageTokens
	for h := range p.config.KVHeads {
		panel := p.keys(g, layer, h)[at/nr*nr*d+at%nr:]
		for j, x := range k[h*d : h*d+d] {
			panel[j*nr] = x
		}
		values := p.values(g, layer, h)
		for j := 0; j < d; j += nr {
			copy(values[j*pageTokens+at*nr:][:nr], v[h*d+j:h*d+min(j+nr, d)])
		}
	}
}

//go:build gpu && linux && (amd64 || arm64)

package driver

/*
#include "lazy.h"
*/
import "C"

import (
	"fmt"
	"unsafe"

	"gorgonia.org/cu"
)

// Graph is work that was recorded once and is launched as a whole: one call for
// hundreds of kernels.
type Graph struct{ exec unsafe.Pointer }

// Capture records what queue puts on the stream, instead of doing it. Call it,
// and the methods of the result, inside Do. queue may change threads.
func Capture(s cu.Stream, queue func() error) (*Graph, error) {
	h := unsafe.Pointer(s.C())
	if rc := C.hn_capture_begin(h); rc != 0 {
		return nil, fmt.Errorf("cuda: begin to record a graph: driver error %d", int(rc))
	}
	err := queue()
	var g Graph
	rc := C.hn_capture_end(h, &g.exec)
	if err != nil {
		return nil, err
	}
	if rc != 0 {
		return nil, fmt.Errorf("cuda: record a graph: driver error %d", int(rc))
	}
	return &g, nil
}

// Launch queues the recorded work.
func (g *Graph) Launch(s cu.Stream) error {
	if rc := C.hn_graph_launch(g.exec, unsafe.Pointer(s.C())); rc != 0 {
		return fmt.Errorf("cuda: launch a graph: driver error %d", int(rc))
	}
	return nil
}

// Close gives the graph's memory back.
func (g *Graph) Close() error {
	if g == nil || g.exec == nil {
		return nil
	}
	rc := C.hn_graph_close(g.exec)
	g.exec = nil
	if rc != 0 {
		return fmt.Errorf("cuda: close a graph: driver error %d", int(rc))
	}
	return nil
}

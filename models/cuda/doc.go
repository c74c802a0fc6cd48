// Package cuda is the backend that computes graph ops on an NVIDIA GPU: the same
// steps as models/cpu, each as launches of kernels on one stream. Without build
// tag gpu, Open only says what is missing.
//
// # Words
//
// Kernels are text (kernels/), compiled by the machine's NVRTC (rtc/) and kept
// in a cache. Products in fp32 go to cublasLt (lt/) where it is found. Memory of the device is host memory's equal in type, never shared:
// Import copies. Scratch memory is the backend's and grows to the largest need.
//
// # Precision and determinism
//
// Everything is fp32 with fp32 sums; with dtype bf16 the operands of matrix
// products are rounded to bfloat16, as on the CPU. No kernel uses float atomics
// and sums follow shapes, so equal inputs give equal bits on one device class.
//
// # Generation
//
// A decoder (decode.go) holds a network for text generation, scheduled by
// models/sample: weights in the type of products, keys and values in pages, the
// prompt's shared by its samples. A step is one token of a fixed number of rows:
// network, logits and draw, recorded once as a graph and launched as a whole. The
// device goes from step to step by itself; the host reads the tokens of a step
// while the next one runs.
//
// # State
//
// Checked op by op, and over whole training steps, against models/cpu under the
// host emulator (emu/). No figure from a GPU exists yet; `./run.sh gpu` makes them.
package cuda

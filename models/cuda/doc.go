// Package cuda is the backend that computes graph ops on an NVIDIA GPU: the same
// steps as models/cpu, each as launches of kernels on one stream. Without build
// tag gpu, Open only says what is missing.
//
// # Words
//
// Kernels are text (kernels/), compiled by the machine's NVRTC (rtc/) and kept
// in a cache. Products go to cublasLt (lt/) where it is found. Memory of the device is host memory's equal in type, never shared:
// Import copies. Scratch memory is the backend's and grows to the largest need.
//
// # Precision and determinism
//
// With dtype fp32 everything is fp32 with fp32 sums. With bf16, activations lie in
// bfloat16 (vm.Narrow), parameters, their gradients, moments and sums stay fp32,
// and products read a bfloat16 copy of the parameters that AdamW renews. No kernel
// uses float atomics and sums follow shapes, so equal inputs give equal bits on
// one device class.
//
// # A step
//
// Loss, clipping and update are decided on the device (vm.Asynchronous): the host
// queues a step and looks at its results afterwards. A step whose gradients are
// not finite leaves the weights alone.
//
// # State
//
// Checked op by op, and over whole training steps, against models/cpu, under the
// host emulator (emu/) in CI and on an H200 by `./run.sh gpu`; experiments/LOG.md
// has the figures.
package cuda

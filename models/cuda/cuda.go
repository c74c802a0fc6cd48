package cuda

import "hardneg/models/cuda/driver"

// ErrNoCUDA is wrapped by every error about a GPU, driver or library that is
// not there.
var ErrNoCUDA = driver.ErrNoCUDA

// Library is a library that is looked for at run time.
type Library struct {
	Name string `json:"name"`
	// Found is its path and version, or why it is not usable.
	Found string `json:"found"`
	OK    bool   `json:"ok"`
}

// Time is what a kernel, or the products of one shape, took on the device.
type Time struct {
	Name         string
	Calls        int
	Milliseconds float64
}

// Profiler is a backend that can time what it runs on the device.
type Profiler interface {
	Profile(on bool)
	Times() []Time
}

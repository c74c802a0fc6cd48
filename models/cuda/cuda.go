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

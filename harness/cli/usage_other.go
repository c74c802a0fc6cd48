//go:build !unix

package cli

func cpuSeconds() float64 { return 0 }
func peakRSS() float64    { return 0 }

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"

	"github.com/urfave/cli/v3"
	"hardneg/models"
	"hardneg/models/cpu"
	"hardneg/models/cpu/gemm"
	"hardneg/models/graph"
	"hardneg/models/vm"
	"hardneg/models/vm/vmtest"
)

func (a *App) selftestCommand() *cli.Command {
	return &cli.Command{
		Name:  "selftest",
		Usage: "check this machine's kernels against naive ones, and gradients against difference quotients",
		Description: "Every op is compared with a loop that follows its definition, on each GEMM kernel that the CPU can run; the gradients of a\n" +
			"whole network are compared with difference quotients in float64.\n\nExit codes: 0 all agree, 6 this machine computes something else.",
		Flags:  []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "one JSON document"}},
		Action: a.selftest,
	}
}

// check is one result of the self-test.
type check struct {
	Name  string `json:"name"`
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

func (a *App) selftest(_ context.Context, c *cli.Command) error {
	var all []check
	var bad []string
	report := func(prefix string) func(string, error) {
		return func(name string, err error) {
			r := check{Name: prefix + name, OK: err == nil}
			if err != nil {
				r.Error = err.Error()
				bad = append(bad, r.Name)
			}
			all = append(all, r)
		}
	}
	cases := vmtest.Cases()
	kernels := gemm.Kernels()
	for i, k := range append(kernels[:len(kernels):len(kernels)], gemm.BF16Kernels()[0]) {
		tolerance := 1e-5
		if i == len(kernels) { // products of operands with 8 bits of mantissa
			tolerance = 2e-2
		}
		vmtest.Suite{Dtype: graph.Float32, Tolerance: tolerance, Open: func(n int) (vm.Backend, error) {
			return cpu.NewWith(gemm.WithKernel(n, k)), nil
		}}.Each(cases, report(k+"/"))
	}
	be, err := models.Open("cpu", models.Options{Threads: 1})
	if err != nil {
		return fail(ExitEnvironment, err)
	}
	defer be.Close()
	vmtest.Network(be, report("gradient/"))
	if a.JSON || c.Bool("json") {
		doc := map[string]any{"go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH, "kernels": append(kernels, gemm.BF16Kernels()[0]), "checks": all}
		if err := json.NewEncoder(a.Stdout).Encode(doc); err != nil {
			return err
		}
	} else {
		for _, r := range all {
			if !r.OK {
				fmt.Fprintf(a.Stdout, "FAIL %s: %s\n", r.Name, r.Error)
			}
		}
		fmt.Fprintf(a.Stdout, "%d of %d checks agree; GEMM kernels: %s; %s on %s/%s\n", len(all)-len(bad), len(all),
			strings.Join(append(kernels, gemm.BF16Kernels()[0]), ", "), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	}
	if len(bad) > 0 {
		return fail(ExitEnvironment, fmt.Errorf("selftest: %d checks failed, first %s: results of this machine are not to be trusted", len(bad), bad[0]))
	}
	return nil
}

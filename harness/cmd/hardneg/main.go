// Command hardneg is the harness: see `hardneg --help`.
package main

import (
	"context"
	"os"

	"hardneg/harness/cli"
)

func main() {
	os.Exit(cli.Main(context.Background(), os.Args, os.Stdin, os.Stdout, os.Stderr))
}

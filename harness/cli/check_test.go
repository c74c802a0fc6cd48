package cli

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestSpecScripts tries check and plan as people call them.
func TestSpecScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/spec", UpdateScripts: os.Getenv("UPDATE") == "1",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits}})
}

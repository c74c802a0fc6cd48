package cli

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadOnlyWorkspace: what only looks works where nothing can be written, and
// what writes elsewhere writes there.
func TestReadOnlyWorkspace(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "micro.yaml"), []byte(microSpec), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := hardnegProcess(t, dir, "run", "micro.yaml", "--seeds", "1", "--arms", "sft,full").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// Root may write anywhere but to a file system that is mounted read-only.
	mount := "mount --bind .hardneg .hardneg && mount -o remount,ro,bind .hardneg && "
	if err := exec.Command("unshare", "-m", "true").Run(); err != nil {
		if os.Getuid() == 0 {
			t.Skip("needs unshare(1) and the right to mount (CAP_SYS_ADMIN), or a user that is not root: ", err)
		}
		mount = "chmod -R a-w .hardneg && "
		t.Cleanup(func() { _ = exec.Command("chmod", "-R", "u+w", filepath.Join(dir, ".hardneg")).Run() })
	}
	readOnly := func(command string) (int, string) {
		c := exec.Command("unshare", "-m", "sh", "-c", mount+command)
		if strings.HasPrefix(mount, "chmod") {
			c = exec.Command("sh", "-c", mount+command)
		}
		c.Dir = dir
		c.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
		out, err := c.CombinedOutput()
		var ee *exec.ExitError
		if errors.As(err, &ee) {
			return ee.ExitCode(), string(out)
		} else if err != nil {
			t.Fatal(err)
		}
		return 0, string(out)
	}
	if code, out := readOnly("! touch .hardneg/x"); code != 0 {
		t.Skip("the workspace can be written all the same: ", out)
	}
	for _, c := range []struct {
		command string
		code    int
		says    string
	}{
		{"runs ls", 0, "micro-"},
		{"query 'SELECT count(*) AS n FROM runs'", 0, "1"},
		{"index", ExitEnvironment, "cannot be written"},
		{"verify", 0, "0 differ"},
		{"status", 0, "tasks done"},
		{"report latest --out page", 0, "page/index.html"},
		{"compare latest/full latest/sft --out pair", 0, "pair/index.html"},
		{"--workspace .hardneg/new run micro.yaml", ExitEnvironment, "fixtures/tiny is built in and unpacked into the workspace"},
		{"report latest", 0, "index.html"}, // the same bytes: nothing to write
		{"runs rm latest", ExitEnvironment, "read-only"},
	} {
		code, out := readOnly("hardneg-e2e " + c.command)
		if strings.HasPrefix(mount, "chmod") && c.says == "read-only" {
			c.says = "permission denied"
		}
		if code != c.code || !strings.Contains(out, c.says) {
			t.Errorf("%s: exit code %d, want %d with %q\n%s", c.command, code, c.code, c.says, out)
		}
	}
}

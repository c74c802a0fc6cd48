package track

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// TestPostgres runs the suite against a real server that it starts itself, and
// has eight connections make the tables and write at once.
func TestPostgres(t *testing.T) {
	dsn := startPostgres(t)
	ctx := context.Background()
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			ix, err := OpenIndex(ctx, "", dsn)
			if err != nil {
				t.Error(err)
				return
			}
			defer ix.Close()
			for k := range 10 {
				if err := ix.PutMetrics(ctx, fmt.Sprintf("w%d-%d", w, k), []MetricRow{{1, "loss", 1}, {2, "loss", 2}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	ix, err := OpenIndex(ctx, "", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer ix.Close()
	got, err := ix.Query(ctx, "SELECT count(*) FROM metrics")
	if err != nil || fmt.Sprint(got.Rows) != "[[160]]" {
		t.Errorf("%v rows, want 160; %v", got.Rows, err)
	}
	if _, err := ix.db.Exec("DELETE FROM metrics"); err != nil {
		t.Fatal(err)
	}
	suite(t, ctx, ix)
	if _, err := OpenIndex(ctx, "", "host=/nowhere dbname=x"); err == nil {
		t.Error("no error where there is no server")
	}
}

// startPostgres starts a server on a socket of its own and returns its DSN.
func startPostgres(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pg") // short: a socket's path may have 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	out, err := exec.Command("testdata/postgres.sh", "start", dir).CombinedOutput()
	if ee := (*exec.ExitError)(nil); errors.As(err, &ee) && ee.ExitCode() == 3 {
		t.Skipf("needs Postgres (on Debian: apt-get install postgresql): %s", out)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Cleanup(func() { exec.Command("testdata/postgres.sh", "stop", dir).Run() })
	return strings.TrimSpace(string(out))
}

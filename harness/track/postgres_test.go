package track

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
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
	bin := postgresBin()
	if bin == "" {
		t.Skip("needs Postgres (initdb and postgres on the PATH or in /usr/lib/postgresql); on Debian: apt-get install postgresql")
	}
	dir, err := os.MkdirTemp("", "pg") // short: a socket's path may have 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	attr := &syscall.SysProcAttr{}
	if os.Getuid() == 0 { // the server refuses to be root
		const nobody = 65534
		attr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "hardneg", "-A", "trust", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = attr, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Skipf("initdb does not run here: %v\n%s", err, out)
	}
	server := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off")
	server.SysProcAttr, server.Dir = attr, dir
	var log strings.Builder
	server.Stderr = &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Signal(syscall.SIGQUIT)
		server.Wait()
	})
	dsn := "host=" + dir + " user=hardneg dbname=postgres"
	for range 100 {
		ix, err := OpenIndex(context.Background(), "", dsn)
		if err == nil {
			ix.Close()
			return dsn
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("the server does not answer\n%s", log.String())
	return ""
}

// postgresBin is the folder of a complete server, the newest one.
func postgresBin() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	slices.Sort(found)
	if p, err := exec.LookPath("initdb"); err == nil {
		found = append(found, p)
	}
	slices.Reverse(found)
	for _, p := range found {
		real, err := filepath.EvalSymlinks(p)
		if err != nil {
			continue
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(real), "postgres")); err == nil {
			return filepath.Dir(real)
		}
	}
	return ""
}

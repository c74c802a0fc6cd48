package track

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	"modernc.org/sqlite" // and its driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

//go:embed schema.sql
var schema string

// schemaVersion is what schema.sql makes. An index of another version is
// emptied and made again, because the run folders have all that it holds.
const schemaVersion = 1

// errNewer keeps an old program from emptying a newer one's index.
var errNewer = errors.New("made by a newer hardneg")

// RunRow is a run in the index.
type RunRow struct {
	Run    string    `json:"run"`
	Name   string    `json:"name"`
	Begun  time.Time `json:"begun"`
	Used   time.Time `json:"used"`
	Tasks  int       `json:"tasks"`
	Done   int       `json:"done"`
	Failed int       `json:"failed"`
	Host   string    `json:"host"`
	Commit string    `json:"commit"`
	Tags   []string  `json:"tags,omitempty"`
	Events int64     `json:"-"` // bytes of events.jsonl that this row knows of
}

// TaskRow is a task of a run.
type TaskRow struct {
	Run, Task, Key, Stage, Arms string
	Seed                        int
	Varies                      bool
	State, Digest               string
	Attempts                    int
	Begun, Ended                time.Time
	WallS, CPUS, PeakMiB        float64
	Threads                     int
	Host, Error                 string
}

// MetricRow is one value of a key's metrics.
type MetricRow struct {
	Step  int
	Name  string
	Value float64
}

// Index is the database over a workspace's runs.
type Index struct {
	db       *sql.DB
	postgres bool
	readOnly func() (*sql.DB, error) // another connection, which cannot write
}

// OpenIndex opens tracking.db of a workspace, or the Postgres database that dsn
// names, and brings it to the current schema.
func OpenIndex(ctx context.Context, workspace, dsn string) (*Index, error) {
	if dsn != "" {
		return openPostgres(ctx, dsn)
	}
	path := filepath.Join(workspace, "tracking.db")
	uri := func(more string) string {
		return "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path) + "?_pragma=busy_timeout(10000)" + more
	}
	db, err := sql.Open("sqlite", uri("&_pragma=journal_mode(wal)&_pragma=synchronous(normal)&_txlock=immediate"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	ix := &Index{db: db, readOnly: func() (*sql.DB, error) {
		return sql.Open("sqlite", uri("&mode=ro&_pragma=query_only(1)"))
	}}
	lock := flock.New(path + ".lock")
	if err := lock.Lock(); err != nil {
		db.Close()
		return nil, fmt.Errorf("index %s: %w", path, err)
	}
	defer lock.Close()
	if err := ix.migrateSQLite(ctx); err != nil {
		db.Close()
		if Unwritable(err) {
			return nil, fmt.Errorf("index %s cannot be written: %w", path, err)
		}
		return nil, fmt.Errorf("index %s: %w; it can be deleted, `hardneg index --rebuild` makes it again", path, err)
	}
	return ix, nil
}

// MemoryIndex is an empty index that ends with the process: for a workspace that
// cannot be written.
func MemoryIndex(ctx context.Context) (*Index, error) {
	uri := func(more string) string {
		return fmt.Sprintf("file:hardneg-%d?mode=memory&cache=shared%s", os.Getpid(), more)
	}
	db, err := sql.Open("sqlite", uri(""))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // the database lives as long as this connection
	ix := &Index{db: db, readOnly: func() (*sql.DB, error) { return sql.Open("sqlite", uri("&_pragma=query_only(1)")) }}
	if err := ix.migrateSQLite(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return ix, nil
}

// Unwritable says that the index's place has no room or may not be written.
func Unwritable(err error) bool {
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR:
			return true
		}
	}
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// migrateSQLite makes the tables where user_version says that they are not the
// current ones. The caller holds the lock.
func (ix *Index) migrateSQLite(ctx context.Context) error {
	var v int
	if err := ix.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&v); err != nil || v == schemaVersion {
		return err
	}
	if v > schemaVersion {
		return errNewer
	}
	return ix.inTx(ctx, func(tx *sql.Tx) error {
		if err := drop(ctx, tx); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, schema+"; PRAGMA user_version = "+strconv.Itoa(schemaVersion))
		return err
	})
}

func drop(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "DROP VIEW IF EXISTS task_metrics; DROP TABLE IF EXISTS metrics; DROP TABLE IF EXISTS tasks; DROP TABLE IF EXISTS runs")
	return err
}

func (ix *Index) inTx(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := ix.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// bind writes the placeholders as the database wants them.
func (ix *Index) bind(query string) string {
	if !ix.postgres {
		return query
	}
	var b strings.Builder
	n := 0
	for _, c := range query {
		if c == '?' {
			n++
			fmt.Fprintf(&b, "$%d", n)
			continue
		}
		b.WriteRune(c)
	}
	return b.String()
}

// Close ends the connection.
func (ix *Index) Close() error { return ix.db.Close() }

func stampText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// Put replaces a run with its tasks.
func (ix *Index) Put(ctx context.Context, r RunRow, tasks []TaskRow) error {
	return ix.inTx(ctx, func(tx *sql.Tx) error {
		if err := ix.remove(ctx, tx, r.Run); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, ix.bind("INSERT INTO runs VALUES (?,?,?,?,?,?,?,?,?,?,?)"),
			r.Run, r.Name, stampText(r.Begun), stampText(r.Used), r.Tasks, r.Done, r.Failed, r.Host, r.Commit, strings.Join(r.Tags, " "), r.Events)
		if err != nil {
			return err
		}
		st, err := tx.PrepareContext(ctx, ix.bind("INSERT INTO tasks VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"))
		if err != nil {
			return err
		}
		defer st.Close()
		for _, t := range tasks {
			varies := 0
			if t.Varies {
				varies = 1
			}
			if _, err := st.ExecContext(ctx, r.Run, t.Task, t.Key, t.Stage, t.Arms, t.Seed, varies, t.State, t.Digest, t.Attempts,
				stampText(t.Begun), stampText(t.Ended), t.WallS, t.CPUS, t.PeakMiB, t.Threads, t.Host, t.Error); err != nil {
				return err
			}
		}
		return nil
	})
}

func (ix *Index) remove(ctx context.Context, tx *sql.Tx, run string) error {
	for _, table := range []string{"tasks", "runs"} {
		if _, err := tx.ExecContext(ctx, ix.bind("DELETE FROM "+table+" WHERE run = ?"), run); err != nil {
			return err
		}
	}
	return nil
}

// Remove forgets a run.
func (ix *Index) Remove(ctx context.Context, run string) error {
	return ix.inTx(ctx, func(tx *sql.Tx) error { return ix.remove(ctx, tx, run) })
}

// PutMetrics replaces the metric rows of a key.
func (ix *Index) PutMetrics(ctx context.Context, key string, rows []MetricRow) error {
	return ix.inTx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, ix.bind("DELETE FROM metrics WHERE key = ?"), key); err != nil {
			return err
		}
		st, err := tx.PrepareContext(ctx, ix.bind("INSERT INTO metrics VALUES (?,?,?,?) ON CONFLICT (key, name, step) DO UPDATE SET value = excluded.value"))
		if err != nil {
			return err
		}
		defer st.Close()
		for _, r := range rows {
			v := sql.NullFloat64{Float64: r.Value, Valid: !math.IsNaN(r.Value) && !math.IsInf(r.Value, 0)}
			if _, err := st.ExecContext(ctx, key, r.Name, r.Step, v); err != nil {
				return err
			}
		}
		return nil
	})
}

// Measured are the keys that have metric rows.
func (ix *Index) Measured(ctx context.Context) (map[string]bool, error) {
	t, err := ix.read(ctx, ix.db, "SELECT DISTINCT key FROM metrics")
	if err != nil {
		return nil, err
	}
	keys := make(map[string]bool, len(t.Rows))
	for _, r := range t.Rows {
		keys[fmt.Sprint(r[0])] = true
	}
	return keys, nil
}

// Runs lists the runs, the last used first.
func (ix *Index) Runs(ctx context.Context) ([]RunRow, error) {
	rows, err := ix.db.QueryContext(ctx, "SELECT run, name, begun, used, tasks, done, failed, host, code, tags, events FROM runs ORDER BY used DESC, run")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []RunRow
	for rows.Next() {
		var r RunRow
		var begun, used, tags string
		if err := rows.Scan(&r.Run, &r.Name, &begun, &used, &r.Tasks, &r.Done, &r.Failed, &r.Host, &r.Commit, &tags, &r.Events); err != nil {
			return nil, err
		}
		r.Begun, _ = time.Parse(time.RFC3339, begun) // empty: no event yet
		r.Used, _ = time.Parse(time.RFC3339, used)
		r.Tags = strings.Fields(tags)
		out = append(out, r)
	}
	return out, rows.Err()
}

// Table is the answer to a query.
type Table struct {
	Columns []string
	Rows    [][]any
}

// Query runs one statement that cannot change anything.
func (ix *Index) Query(ctx context.Context, query string) (Table, error) {
	if err := readOnlyStatement(query); err != nil {
		return Table{}, err
	}
	db, err := ix.readOnly()
	if err != nil {
		return Table{}, err
	}
	defer db.Close()
	return ix.read(ctx, db, query)
}

func (ix *Index) read(ctx context.Context, db *sql.DB, query string) (Table, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return Table{}, err
	}
	defer rows.Close()
	var t Table
	if t.Columns, err = rows.Columns(); err != nil {
		return t, err
	}
	for rows.Next() {
		row := make([]any, len(t.Columns))
		at := make([]any, len(row))
		for i := range row {
			at[i] = &row[i]
		}
		if err := rows.Scan(at...); err != nil {
			return t, err
		}
		t.Rows = append(t.Rows, row)
	}
	return t, rows.Err()
}

package track

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// migrationLock is the advisory lock under which the tables are made: "hardneg" in ASCII.
const migrationLock = 0x68617264_6e6567

// openPostgres opens a team's shared index.
func openPostgres(ctx context.Context, dsn string) (*Index, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("HARDNEG_DB: %w", err)
	}
	ro := cfg.Copy()
	ro.RuntimeParams["default_transaction_read_only"] = "on"
	ix := &Index{db: stdlib.OpenDB(*cfg), postgres: true, readOnly: func() (*sql.DB, error) { return stdlib.OpenDB(*ro), nil }}
	if err := ix.migratePostgres(ctx); err != nil {
		ix.db.Close()
		return nil, fmt.Errorf("index in Postgres: %w", err)
	}
	return ix, nil
}

// migratePostgres makes the tables where a table of versions says that they are
// not the current ones.
func (ix *Index) migratePostgres(ctx context.Context) error {
	return ix.inTx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS index_version (version BIGINT NOT NULL)"); err != nil {
			return err
		}
		var v int
		if err := tx.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM index_version").Scan(&v); err != nil || v == schemaVersion {
			return err
		}
		if v > schemaVersion {
			return errNewer
		}
		if err := drop(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, strings.ReplaceAll(schema, " WITHOUT ROWID", "")); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM index_version; INSERT INTO index_version VALUES (1)")
		return err
	})
}

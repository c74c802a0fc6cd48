-- The index, version 1. SQLite and Postgres read the same text; for Postgres
-- WITHOUT ROWID is left out. Times are text in UTC, RFC 3339.
CREATE TABLE runs (
  run     TEXT PRIMARY KEY,
  name    TEXT NOT NULL,      -- of the spec
  begun   TEXT NOT NULL,
  used    TEXT NOT NULL,      -- last event
  tasks   BIGINT NOT NULL,
  done    BIGINT NOT NULL,
  failed  BIGINT NOT NULL,
  host    TEXT NOT NULL,
  code    TEXT NOT NULL,      -- commit of the program
  tags    TEXT NOT NULL,      -- separated by blanks
  events  BIGINT NOT NULL     -- bytes of events.jsonl when it was indexed
) WITHOUT ROWID;

CREATE TABLE tasks (
  run      TEXT NOT NULL,
  task     TEXT NOT NULL,
  key      TEXT NOT NULL,     -- '' until its inputs are known
  stage    TEXT NOT NULL,
  arms     TEXT NOT NULL,     -- separated by commas
  seed     BIGINT NOT NULL,
  varies   BIGINT NOT NULL,   -- 0: one task for all seeds
  state    TEXT NOT NULL,
  digest   TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  begun    TEXT NOT NULL,
  ended    TEXT NOT NULL,
  wall_s   DOUBLE PRECISION NOT NULL,
  cpu_s    DOUBLE PRECISION NOT NULL,
  peak_rss_mib DOUBLE PRECISION NOT NULL,
  threads  BIGINT NOT NULL,
  host     TEXT NOT NULL,
  error    TEXT NOT NULL,
  PRIMARY KEY (run, task)
) WITHOUT ROWID;
CREATE INDEX tasks_key ON tasks (key);

-- Metrics belong to a key: runs that share a task share its rows.
CREATE TABLE metrics (
  key   TEXT NOT NULL,
  name  TEXT NOT NULL,
  step  BIGINT NOT NULL,
  value DOUBLE PRECISION,     -- NULL: not a number, or infinite
  PRIMARY KEY (key, name, step)
) WITHOUT ROWID;

CREATE VIEW task_metrics AS
  SELECT t.run, t.task, t.stage, t.arms, t.seed, m.name, m.step, m.value
  FROM metrics m JOIN tasks t ON t.key = m.key;

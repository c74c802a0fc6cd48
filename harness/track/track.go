// Package track remembers runs: their folders, which are the truth, and an
// index over them that can be thrown away and rebuilt.
//
// Words: a run folder is runs/<run> of a workspace, with the resolved spec, the
// plan, the machine's facts, an append-only log of events and a link to each
// task's entry. The index is a database of runs, tasks and metric rows for
// queries. Data enter through Folder (by whoever runs tasks) and Index.Put, and
// leave as files, as rows, or through read-only SQL.
//
// # Why
//
// The processes of tasks never write to the database, they append to files of
// their own; one harness writes the rows when a task has ended. So SQLite never
// meets a network file system or a thousand writers, and a run folder copied
// with rsync is complete.
package track

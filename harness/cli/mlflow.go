package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"time"

	"hardneg/models/checkpoint"
)

// mlflow speaks the REST API of an MLflow tracking server, version 2.0, which
// releases 2 and 3 serve alike. The files below ./mlruns are no interface any
// more, and the tables of the database change with every release.
type mlflow struct {
	base           string // address of the server
	user           string
	password       checkpoint.Secret
	token          checkpoint.Secret
	requests, kept int
}

// Limits of a log-batch request.
const (
	mlflowMetrics = 1000
	mlflowPairs   = 100  // parameters or tags
	mlflowParam   = 6000 // bytes of a parameter's value
)

type mlflowPair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type mlflowMetric struct {
	Key       string `json:"key"`
	Value     any    `json:"value"` // a number, or "NaN", "Infinity", "-Infinity"
	Timestamp int64  `json:"timestamp"`
	Step      int64  `json:"step"`
}

type mlflowRun struct {
	Info struct {
		ID       string `json:"run_id"`
		Artifact string `json:"artifact_uri"`
	} `json:"info"`
	Data struct {
		Tags []mlflowPair `json:"tags"`
	} `json:"data"`
}

func (r mlflowRun) tag(key string) string {
	for _, t := range r.Data.Tags {
		if t.Key == key {
			return t.Value
		}
	}
	return ""
}

// newMLflow checks the address; who we are comes from the variables that
// MLflow's own clients read.
func newMLflow(address string) (*mlflow, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, usagef("export: --tracking-uri %q is no address of a server; `mlflow server` starts one (its files and its database are no interface), then http://127.0.0.1:5000", redact(address))
	}
	m := &mlflow{user: os.Getenv("MLFLOW_TRACKING_USERNAME"), password: checkpoint.Secret(os.Getenv("MLFLOW_TRACKING_PASSWORD")), token: checkpoint.Secret(os.Getenv("MLFLOW_TRACKING_TOKEN"))}
	if u.User != nil {
		m.user = u.User.Username()
		p, _ := u.User.Password()
		m.password = checkpoint.Secret(p)
		u.User = nil
	}
	m.base = strings.TrimRight(u.String(), "/")
	return m, nil
}

func redact(address string) string {
	if u, err := url.Parse(address); err == nil {
		return u.Redacted()
	}
	return "that"
}

// mlflowError is an answer of the server that is none of success.
type mlflowError struct {
	Status  int
	Code    string `json:"error_code"`
	Message string `json:"message"`
}

func (e *mlflowError) Error() string {
	return fmt.Sprintf("mlflow: %d %s: %s", e.Status, e.Code, oneLine(e.Message, 300))
}

// call posts a document (nil: gets) and decodes the answer; a busy server is
// asked again.
func (m *mlflow) call(ctx context.Context, method, name string, in, out any) error {
	for try := 1; ; try++ {
		var body io.Reader
		if in != nil {
			b, err := json.Marshal(in)
			if err != nil {
				return err
			}
			body = bytes.NewReader(b)
		}
		err := m.send(ctx, method, "/api/2.0/mlflow/"+name, "application/json", body, out)
		var no *mlflowError
		if err == nil || try == 3 || !errors.As(err, &no) || no.Status != http.StatusTooManyRequests && no.Status < 500 {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Second << try):
		}
	}
}

func (m *mlflow) send(ctx context.Context, method, path, kind string, body io.Reader, out any) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, m.base+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", kind)
	switch {
	case m.token != "":
		req.Header.Set("Authorization", "Bearer "+string(m.token))
	case m.user != "":
		req.SetBasicAuth(m.user, string(m.password))
	}
	m.requests++
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fail(ExitEnvironment, fmt.Errorf("mlflow: %w", err))
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return fail(ExitEnvironment, fmt.Errorf("mlflow: %w", err))
	}
	if resp.StatusCode != http.StatusOK {
		no := &mlflowError{Status: resp.StatusCode}
		if json.Unmarshal(b, no) != nil {
			no.Message = string(b)
		}
		return fail(ExitEnvironment, no)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fail(ExitEnvironment, fmt.Errorf("mlflow: the server at %s does not speak MLflow's REST API: %w", m.base, err))
	}
	return nil
}

// experiment finds the experiment of a name, or makes it.
func (m *mlflow) experiment(ctx context.Context, name string) (id string, err error) {
	var found struct {
		Experiment struct {
			ID    string `json:"experiment_id"`
			Stage string `json:"lifecycle_stage"`
		} `json:"experiment"`
	}
	err = m.call(ctx, http.MethodGet, "experiments/get-by-name?experiment_name="+url.QueryEscape(name), nil, &found)
	var no *mlflowError
	switch {
	case err == nil && found.Experiment.Stage == "deleted":
		return "", fail(ExitEnvironment, fmt.Errorf("mlflow: experiment %s was deleted there; restore it or purge it (mlflow gc)", name))
	case err == nil:
		return found.Experiment.ID, nil
	case !errors.As(err, &no) || no.Code != "RESOURCE_DOES_NOT_EXIST":
		return "", err
	}
	var made struct {
		ID string `json:"experiment_id"`
	}
	err = m.call(ctx, http.MethodPost, "experiments/create", map[string]string{"name": name}, &made)
	return made.ID, err
}

// runs are those of an experiment that an export of one of our runs made, by
// the tag that names them.
func (m *mlflow) runs(ctx context.Context, experiment, run string) (map[string]mlflowRun, error) {
	all := map[string]mlflowRun{}
	page := ""
	for {
		var found struct {
			Runs []mlflowRun `json:"runs"`
			Next string      `json:"next_page_token"`
		}
		err := m.call(ctx, http.MethodPost, "runs/search", map[string]any{
			"experiment_ids": []string{experiment}, "filter": "tags.`hardneg.run` = '" + run + "'", "max_results": 1000, "page_token": page}, &found)
		if err != nil {
			return nil, err
		}
		for _, r := range found.Runs {
			all[r.tag("hardneg.id")] = r
		}
		if page = found.Next; page == "" {
			return all, nil
		}
	}
}

// mlflowRecord is a run as we want it there.
type mlflowRecord struct {
	id, name   string
	digest     string // of all that follows from the workspace: the same again is left alone
	begun, end time.Time
	status     string // FINISHED, FAILED, KILLED, RUNNING
	params     []mlflowPair
	tags       []mlflowPair
	metrics    []mlflowMetric
	files      map[string]string // artifact → path here
}

// put makes the run unless it is there with the same digest; one with another
// digest is deleted first. The digest is written last, so that a run whose
// export broke off is made again.
func (m *mlflow) put(ctx context.Context, experiment string, there map[string]mlflowRun, r mlflowRecord) (runID string, err error) {
	if old, ok := there[r.id]; ok {
		if old.tag("hardneg.digest") == r.digest {
			m.kept++
			return old.Info.ID, nil
		}
		if err := m.call(ctx, http.MethodPost, "runs/delete", map[string]string{"run_id": old.Info.ID}, nil); err != nil {
			return "", err
		}
	}
	var made struct {
		Run mlflowRun `json:"run"`
	}
	err = m.call(ctx, http.MethodPost, "runs/create", map[string]any{"experiment_id": experiment, "run_name": r.name, "start_time": millis(r.begun), "tags": r.tags}, &made)
	if err != nil {
		return "", err
	}
	runID = made.Run.Info.ID
	if err := m.log(ctx, runID, r); err != nil {
		return "", err
	}
	for name, file := range r.files {
		if err := m.upload(ctx, made.Run.Info.Artifact, name, file); err != nil {
			return "", err
		}
	}
	if r.status != "RUNNING" {
		end := map[string]any{"run_id": runID, "status": r.status, "end_time": millis(r.end)}
		if err := m.call(ctx, http.MethodPost, "runs/update", end, nil); err != nil {
			return "", err
		}
	}
	return runID, m.call(ctx, http.MethodPost, "runs/set-tag", map[string]string{"run_id": runID, "key": "hardneg.digest", "value": r.digest}, nil)
}

// log writes parameters and metrics in as few requests as the limits allow.
func (m *mlflow) log(ctx context.Context, runID string, r mlflowRecord) error {
	for len(r.params) > 0 || len(r.metrics) > 0 {
		p, x := min(len(r.params), mlflowPairs), min(len(r.metrics), mlflowMetrics-mlflowPairs)
		batch := map[string]any{"run_id": runID, "params": r.params[:p], "metrics": r.metrics[:x]}
		if err := m.call(ctx, http.MethodPost, "runs/log-batch", batch, nil); err != nil {
			return err
		}
		r.params, r.metrics = r.params[p:], r.metrics[x:]
	}
	return nil
}

// upload puts a file where the server itself keeps artifacts (its default);
// another store has its own protocols and gets none.
func (m *mlflow) upload(ctx context.Context, root, name, file string) error {
	at, ok := strings.CutPrefix(root, "mlflow-artifacts:/")
	if !ok {
		return nil
	}
	f, err := os.Open(file)
	if err != nil {
		return fail(ExitEnvironment, err)
	}
	defer f.Close()
	at = strings.TrimLeft(at, "/")
	return m.send(ctx, http.MethodPut, "/api/2.0/mlflow-artifacts/artifacts/"+(&url.URL{Path: path.Join(at, name)}).EscapedPath(), "application/octet-stream", f, nil)
}

// millis is the server's unit of time; no time is 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

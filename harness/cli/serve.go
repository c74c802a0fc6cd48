package cli

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"hardneg/harness/runner"
	"hardneg/harness/store"
	"hardneg/harness/track"

	"github.com/urfave/cli/v3"
)

func (a *App) serveCommand() *cli.Command {
	var addr, token string
	return &cli.Command{
		Name:  "serve",
		Usage: "look at runs in a browser: progress, curves, logs, reports; read-only",
		Description: "Pages are made from the run folders at each request, and nothing can be changed through them.\n" +
			"On a loopback address no token is needed; elsewhere one is, and the server speaks plain HTTP: put a proxy before it.\n" +
			"Exit codes: 0 stopped, 2 usage, 6 the address cannot be used.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "addr", Usage: "`HOST:PORT` to listen on", Value: "127.0.0.1:8080", Destination: &addr},
			&cli.StringFlag{Name: "token", Usage: "asked of every request, as ?token= once", Sources: cli.EnvVars("HARDNEG_TOKEN"), Destination: &token},
		},
		Action: func(ctx context.Context, _ *cli.Command) error {
			host, _, err := net.SplitHostPort(addr)
			if err != nil {
				return usagef("serve: --addr %q: want HOST:PORT", addr)
			}
			if !loopback(host) && token == "" {
				return usagef("serve: %s can be reached by others; give a --token (or HARDNEG_TOKEN), or listen on 127.0.0.1", addr)
			}
			ln, err := net.Listen("tcp", addr)
			if err != nil {
				return fail(ExitEnvironment, err)
			}
			st, err := store.Open(a.Workspace)
			if err != nil {
				return fail(ExitEnvironment, err)
			}
			ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
			defer stop()
			srv := &http.Server{Handler: guard(a.site(st), token, loopback(host)), ReadHeaderTimeout: 10 * time.Second}
			fmt.Fprintf(a.Stderr, "hardneg: http://%s (read-only; ^C ends it)\n", ln.Addr())
			go func() {
				<-ctx.Done()
				end, cancel := context.WithTimeout(context.Background(), 2*time.Second)
				defer cancel()
				_ = srv.Shutdown(end)
			}()
			if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
				return fail(ExitEnvironment, err)
			}
			return nil
		},
	}
}

// loopback says whether a host can be reached from this machine only.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// guard lets reading requests through that know the token. On loopback it
// refuses names of other hosts, so that no page in the browser can read ours
// by pointing a name of its own here.
func guard(h http.Handler, token string, local bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			http.Error(w, "read-only", http.StatusMethodNotAllowed)
			return
		}
		host := r.Host
		if name, _, err := net.SplitHostPort(r.Host); err == nil {
			host = name
		}
		if local && !loopback(strings.Trim(host, "[]")) {
			http.Error(w, "unknown host", http.StatusMisdirectedRequest)
			return
		}
		if token != "" && !allowed(w, r, token) {
			http.Error(w, "a token is needed: open the page once with ?token=…", http.StatusUnauthorized)
			return
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", "no-store")
		h.ServeHTTP(w, r)
	})
}

// allowed checks the token of the address, which it keeps in a cookie, or of the cookie.
func allowed(w http.ResponseWriter, r *http.Request, token string) bool {
	same := func(s string) bool { return subtle.ConstantTimeCompare([]byte(s), []byte(token)) == 1 }
	if same(r.URL.Query().Get("token")) {
		http.SetCookie(w, &http.Cookie{Name: "hardneg", Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
		return true
	}
	c, err := r.Cookie("hardneg")
	return err == nil && same(c.Value)
}

// site routes requests.
func (a *App) site(st *store.Store) http.Handler {
	mux := http.NewServeMux()
	s := &site{a.Workspace, st}
	mux.HandleFunc("GET /{$}", s.runs)
	mux.HandleFunc("GET /run/{run}", s.run)
	mux.HandleFunc("GET /run/{run}/task/{task}", s.task)
	mux.HandleFunc("GET /run/{run}/task/{task}/log", s.log)
	mux.HandleFunc("GET /api/run/{run}", s.api)
	for name, dir := range map[string]string{"/report/": "reports", "/nightly/": "nightly"} {
		mux.Handle("GET "+name, http.StripPrefix(name, http.FileServer(http.Dir(filepath.Join(a.Workspace, dir)))))
	}
	return mux
}

type site struct {
	workspace string
	store     *store.Store
}

// inspect reads a run; an unknown name is answered with 404.
func (s *site) inspect(w http.ResponseWriter, r *http.Request) (*track.Folder, []runner.TaskStatus, bool) {
	name := r.PathValue("run")
	names, err := track.Runs(s.workspace)
	if err == nil && !slices.Contains(names, name) {
		http.NotFound(w, r)
		return nil, nil, false
	}
	f, err := track.FindFolder(s.workspace, name)
	if err != nil {
		http.NotFound(w, r)
		return nil, nil, false
	}
	tasks, err := runner.Inspect(s.store, f)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return nil, nil, false
	}
	return f, tasks, true
}

func (s *site) api(w http.ResponseWriter, r *http.Request) {
	_, tasks, ok := s.inspect(w, r)
	if !ok {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(tasks) // the client has gone if this fails
}

func (s *site) runs(w http.ResponseWriter, _ *http.Request) {
	names, err := track.Runs(s.workspace)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	v := siteView{Title: "runs", Home: true, Refresh: 10, Nightly: s.has("nightly")}
	for _, n := range names {
		f, err := track.FindFolder(s.workspace, n)
		if err != nil {
			continue
		}
		tasks, err := runner.Inspect(s.store, f)
		if err != nil {
			continue // a folder that a run is just making
		}
		v.Runs = append(v.Runs, summarise(n, tasks, s.has("reports", n)))
	}
	slices.SortStableFunc(v.Runs, func(a, b runView) int { return strings.Compare(b.Began, a.Began) })
	v.write(w)
}

// has says whether a folder of the workspace holds a page.
func (s *site) has(path ...string) bool {
	_, err := os.Stat(filepath.Join(append(append([]string{s.workspace}, path...), "index.html")...))
	return err == nil
}

// start begins the page of a run or of one of its tasks.
func (s *site) start(f *track.Folder, tasks []runner.TaskStatus) siteView {
	r := summarise(f.Run, tasks, s.has("reports", f.Run))
	v := siteView{Title: f.Run, Run: &r, Nightly: s.has("nightly")}
	if !settled(tasks, f.Attended()) {
		v.Refresh = 3
	}
	return v
}

func (s *site) run(w http.ResponseWriter, r *http.Request) {
	f, tasks, ok := s.inspect(w, r)
	if !ok {
		return
	}
	v := s.start(f, tasks)
	v.Stages = stages(tasks)
	for _, t := range tasks {
		row := taskView(f.Run, t)
		v.Tasks = append(v.Tasks, row)
		if t.State == runner.Running || t.State == runner.Watched || t.State == runner.Failed {
			v.Now = append(v.Now, row)
		}
	}
	v.write(w)
}

// find is one task of a run.
func (s *site) find(w http.ResponseWriter, r *http.Request) (siteView, runner.TaskStatus, bool) {
	f, tasks, ok := s.inspect(w, r)
	if !ok {
		return siteView{}, runner.TaskStatus{}, false
	}
	i := slices.IndexFunc(tasks, func(t runner.TaskStatus) bool { return t.Task.ID == r.PathValue("task") })
	if i < 0 {
		http.NotFound(w, r)
		return siteView{}, runner.TaskStatus{}, false
	}
	return s.start(f, tasks), tasks[i], true
}

func (s *site) task(w http.ResponseWriter, r *http.Request) {
	v, t, ok := s.find(w, r)
	if !ok {
		return
	}
	row := taskView(v.Run.Name, t)
	v.Title, v.Task, v.Log, v.Params = t.Task.ID, &row, strings.Join(lastLines(t.Log, 200), "\n"), string(t.Task.Params)
	if !row.Open {
		v.Refresh = 0
	}
	if t.Key != "" {
		if rows, err := runner.Metrics(s.store, t.Key); err == nil {
			v.Curves = curves(rows)
		}
	}
	v.write(w)
}

// log is a task's whole log as plain text.
func (s *site) log(w http.ResponseWriter, r *http.Request) {
	_, t, ok := s.find(w, r)
	if !ok {
		return
	}
	f, err := os.Open(t.Log)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer f.Close()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.Copy(w, f) // the client has gone if this fails
}

package house

import (
	_ "embed"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

//go:embed layers.txt
var layers string

const (
	module    = "hardneg/"
	root      = "../../.."
	fileLimit = 500 // lines; aim at 400
	funcLimit = 100 // lines; aim at 60
)

// pkg is what the rules need to know of one package directory.
type pkg struct {
	docs    int
	imports []string // of non-test files, under every build tag
}

// source calls f for every Go file of ours that is neither generated nor in a
// folder that the go command leaves out. It reads the files in this process,
// not through `go list`, so that the test cache sees them.
func source(t *testing.T, f func(path string, file *ast.File, fset *token.FileSet, lines int)) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, nested := os.Stat(filepath.Join(root, path, "go.mod"))
			if path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || nested == nil) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		src, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, src, parser.ParseComments)
		if err != nil {
			return err
		}
		f(path, file, fset, strings.Count(string(src), "\n"))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func packages(t *testing.T) map[string]*pkg {
	ps := map[string]*pkg{}
	source(t, func(path string, f *ast.File, _ *token.FileSet, _ int) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		p := ps[dir]
		if p == nil {
			p = &pkg{}
			ps[dir] = p
		}
		if f.Doc != nil {
			p.docs++
		}
		for _, im := range f.Imports {
			s, _ := strconv.Unquote(im.Path.Value)
			p.imports = append(p.imports, s)
		}
	})
	return ps
}

func TestFloors(t *testing.T) {
	floor, only := map[string]int{}, map[string][]string{}
	n := 0
	for line := range strings.Lines(layers) {
		line = strings.TrimSpace(line)
		name, rest, narrow := strings.Cut(line, ":")
		switch {
		case line == "" || line[0] == '#':
		case narrow:
			only[name] = strings.Fields(rest)
		default:
			n++
			for p := range strings.FieldsSeq(line) {
				floor[p] = n
			}
		}
	}
	ps := packages(t)
	for name := range floor {
		if ps[name] == nil {
			t.Errorf("layers.txt names %s, which does not exist", name)
		}
	}
	for name, p := range ps {
		if name == "harness/internal/house" {
			continue
		}
		if p.docs != 1 {
			t.Errorf("%s: %d package comments, want 1", name, p.docs)
		}
		if floor[name] == 0 {
			t.Errorf("%s stands on no floor: add it to layers.txt", name)
			continue
		}
		for _, imp := range p.imports {
			dep, ours := strings.CutPrefix(imp, module)
			if !ours {
				continue
			}
			if floor[dep] >= floor[name] {
				t.Errorf("%s (floor %d) must not import %s (floor %d)", name, floor[name], dep, floor[dep])
			}
			if want, ok := only[name]; ok && !slices.Contains(want, dep) {
				t.Errorf("%s may import only %v, not %s", name, want, dep)
			}
		}
	}
}

// wall names the packages that may import each third-party path, below the
// folder named. A module that is not here needs a reason in DECISIONS.md first.
var wall = map[string][]string{
	"gorgonia.org/gorgonia":           {"models/graph", "models/qwen2", "models/vm", "models/cpu", "models/cuda", "models/train", "models"},
	"gorgonia.org/tensor":             {"models/graph", "models/qwen2", "models/vm", "models/cpu", "models/cuda", "models/train"},
	"github.com/chewxy/hm":            {"models/graph"},
	"gorgonia.org/cu":                 {"models/cuda"},
	"go4.org/unsafe/assume-no-moving": {"models/graph"},
	"github.com/go-echarts":           {"reports/chart"},
	"github.com/dop251/goja":          {"reports/chart"},
	"github.com/olekukonko":           {"reports/table"},
	"github.com/urfave/cli":           {"harness/cli"},
	"github.com/vbauerster/mpb":       {"harness/cli"},
	"modernc.org/sqlite":              {"harness/track"},
	"github.com/jackc/pgx":            {"harness/track"},
	"go.yaml.in/yaml":                 {"experiments/spec"},
	"github.com/invopop/jsonschema":   {"experiments/spec"},
	"github.com/parquet-go":           {"fixtures/problem", "harness/stage", "harness/cli"},
	"gonum.org/v1/gonum":              {"reports/stats"},
	"github.com/gofrs/flock":          {"harness/store", "harness/track"},
	"golang.org/x/text":               {"models/token", "models/verifier"},
	"golang.org/x/sys":                {"models/checkpoint", "models/cpu", "harness/store", "harness/runner", "harness/cli"},
	"golang.org/x/term":               {"harness/cli", "reports/table"},
	"golang.org/x/sync":               {"harness/runner", "harness/cli"},
	"github.com/klauspost/compress":   {"harness/store"},
	"github.com/chromedp":             {"reports/page/pagetest"},
}

func TestWall(t *testing.T) {
	for name, p := range packages(t) {
		for _, imp := range p.imports {
			if imp == "C" && !strings.HasPrefix(name, "models/cuda/") {
				t.Errorf("%s uses cgo: only the CUDA backend may", name)
			}
			host, _, _ := strings.Cut(imp, "/")
			if !strings.Contains(host, ".") {
				continue // standard library or our own
			}
			ok := false
			for path, who := range wall {
				ok = ok || strings.HasPrefix(imp, path) && slices.ContainsFunc(who, func(w string) bool {
					return name == w || strings.HasPrefix(name, w+"/")
				})
			}
			if !ok {
				t.Errorf("%s imports %s across the wall", name, imp)
			}
		}
	}
}

// TestSizes keeps files and functions readable; tests and tables are exempt.
func TestSizes(t *testing.T) {
	source(t, func(path string, f *ast.File, fset *token.FileSet, lines int) {
		if strings.HasSuffix(path, "_test.go") || ast.IsGenerated(f) {
			return
		}
		if lines > fileLimit {
			t.Errorf("%s has %d lines, more than %d: is it still one room?", path, lines, fileLimit)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line; n > funcLimit {
				t.Errorf("%s: %s has %d lines, more than %d", path, fn.Name.Name, n, funcLimit)
			}
		}
	})
}

// TestTopLevel keeps the top of the tree as the README draws it.
func TestTopLevel(t *testing.T) {
	allowed := []string{"experiments", "ablations", "harness", "reports", "models", "fixtures", "go.mod", "go.sum", "run.sh", "README.md", "LICENSE", "hardneg"}
	es, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range es {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(allowed, e.Name()) {
			t.Errorf("%s does not belong at the top level", e.Name())
		}
	}
}

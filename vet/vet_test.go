package vet_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/analysistest"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/chanx"
	"github.com/sluice-go/sluice/iterx"
	"github.com/sluice-go/sluice/vet"
)

// The functions as they are are what testdata calls. go mod tidy does not look there, but here.
var _ = []any{(*sluice.Cursor[int]).Chan, chanx.Go[int], iterx.UntilErr[int]}

func TestRangeErr(t *testing.T) { run(t, vet.RangeErr, "ranges") }

func TestResultFunc(t *testing.T) { run(t, vet.ResultFunc, "results") }

// run analyzes a package of testdata with the real Sluice, and compares with its want comments.
func run(t *testing.T, a *analysis.Analyzer, name string) {
	t.Helper()
	root, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	analysistest.Run(t, root, a, "github.com/sluice-go/sluice/vet/testdata/"+name)
}

func TestAnalyzersAreValid(t *testing.T) {
	if err := analysis.Validate(vet.Analyzers()); err != nil {
		t.Error(err)
	}
}

// As users run it: built, and given to go vet.
func TestVetTool(t *testing.T) {
	tool := filepath.Join(t.TempDir(), "sluicevet.exe") // Windows wants the suffix, others don't mind
	if out, err := exec.Command("go", "build", "-o", tool, "./cmd/sluicevet").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for name, source := range map[string]string{"ranges": "testdata/ranges/ranges.go", "results": "testdata/results/results.go"} {
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("go", "vet", "-vettool="+tool, "./testdata/"+name).CombinedOutput()
		if _, ok := err.(*exec.ExitError); !ok {
			t.Errorf("go vet of testdata/%s ends with %v, want a failure:\n%s", name, err, out)
		}
		want, got := strings.Count(string(text), "// want "), strings.Count(string(out), name+".go:")
		if got != want {
			t.Errorf("go vet of testdata/%s reports %d places, want %d:\n%s", name, got, want, out)
		}
	}
	out, err := exec.Command("go", "vet", "-vettool="+tool, ".", "./cmd/...").CombinedOutput()
	if err != nil {
		t.Errorf("go vet of this module ends with %v:\n%s", err, out)
	}
}

// Package lawtable sees to it that a test's table of functions holds every function that a package exports.
package lawtable

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
)

// Complete fails the test unless names are the functions that the package in the working directory exports, and each has an
// Example. What follows a slash in a name does not count: a function may have several rows.
func Complete(t *testing.T, names []string) {
	t.Helper()
	inTable := make(map[string]bool)
	for _, name := range names {
		name, _, _ := strings.Cut(name, "/")
		inTable[name] = true
	}
	source, tests := declared(t)
	for _, name := range source {
		if !inTable[name] {
			t.Errorf("%s is exported and has no row in the table of functions", name)
		}
		if !slices.Contains(tests, "Example"+name) {
			t.Errorf("%s is exported and has no Example", name)
		}
		delete(inTable, name)
	}
	for name := range inTable {
		t.Errorf("the table has a row for %s, which the package does not export", name)
	}
}

// declared returns the functions that the package exports, and those that its tests do, as their sources have them.
func declared(t *testing.T) (source, tests []string) {
	t.Helper()
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); !ok || f.Recv != nil || !f.Name.IsExported() {
				continue
			} else if strings.HasSuffix(file.Name(), "_test.go") {
				tests = append(tests, f.Name.Name)
			} else {
				source = append(source, f.Name.Name)
			}
		}
	}
	if len(source) == 0 {
		t.Fatal("no exported functions found")
	}
	return source, tests
}

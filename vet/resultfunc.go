package vet

import (
	"go/ast"
	"go/types"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/types/typeutil"
)

// module is where the functions come from that ResultFunc knows.
const module = "github.com/sluice-go/sluice"

// ResultFunc reports calls of Sluice's functions whose last result, a func() error, is thrown away.
var ResultFunc = &analysis.Analyzer{
	Name: "resultfunc",
	Doc: "report that the stop of Cursor.Chan or chanx.Go, or the err of Cursor.Values, Cursor.Backlog or iterx.UntilErr, is ignored\n\n" +
		"Only that function says why the values ended; stop also ends the goroutine.",
	URL:      "https://pkg.go.dev/github.com/sluice-go/sluice/vet",
	Requires: []*analysis.Analyzer{inspect.Analyzer},
	Run:      runResultFunc,
}

func runResultFunc(pass *analysis.Pass) (any, error) {
	in := pass.ResultOf[inspect.Analyzer].(*inspector.Inspector)
	used := usedVariables(pass, in)
	check := func(call ast.Expr, result ast.Expr) {
		fn, name := resultFunc(pass, call)
		if fn == nil {
			return
		}
		if result == nil || isBlank(result) {
			pass.ReportRangef(call, "the result %s of %s is ignored: %s", name, fn.Name(), purpose(fn))
		} else if v, ok := pass.TypesInfo.Defs[identOf(result)].(*types.Var); ok && !used[v] {
			pass.ReportRangef(result, "%s, of %s, is never called: %s", v.Name(), fn.Name(), purpose(fn))
		}
	}
	in.Preorder([]ast.Node{(*ast.ExprStmt)(nil), (*ast.GoStmt)(nil), (*ast.DeferStmt)(nil), (*ast.AssignStmt)(nil), (*ast.ValueSpec)(nil)}, func(n ast.Node) {
		switch n := n.(type) {
		case *ast.ExprStmt:
			check(n.X, nil)
		case *ast.GoStmt:
			check(n.Call, nil)
		case *ast.DeferStmt:
			check(n.Call, nil)
		case *ast.AssignStmt:
			if len(n.Rhs) == 1 && len(n.Lhs) > 1 {
				check(n.Rhs[0], n.Lhs[len(n.Lhs)-1])
			}
		case *ast.ValueSpec:
			if len(n.Values) == 1 && len(n.Names) > 1 {
				check(n.Values[0], n.Names[len(n.Names)-1])
			}
		}
	})
	return nil, nil
}

// resultFunc returns the function that e calls, and the name of its last result, if that is a func() error that comes
// after others and the function is one of Sluice's.
func resultFunc(pass *analysis.Pass, e ast.Expr) (fn *types.Func, name string) {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok {
		return nil, ""
	}
	fn = typeutil.StaticCallee(pass.TypesInfo, call)
	if fn == nil || fn.Pkg() == nil || fn.Pkg().Path() != module && !strings.HasPrefix(fn.Pkg().Path(), module+"/") {
		return nil, ""
	}
	results := fn.Signature().Results()
	if results.Len() < 2 {
		return nil, ""
	}
	last := results.At(results.Len() - 1)
	f, ok := last.Type().Underlying().(*types.Signature)
	if !ok || f.Params().Len() != 0 || f.Results().Len() != 1 || !isError(f.Results().At(0).Type()) {
		return nil, ""
	}
	if name = last.Name(); name == "" {
		name = "func() error"
	}
	return fn, name
}

// purpose says what the function is for.
func purpose(fn *types.Func) string {
	if _, ok := fn.Signature().Results().At(0).Type().Underlying().(*types.Chan); ok {
		return "only it ends the goroutine, and says why the channel was closed"
	}
	return "only it says why the values ended, at a gap or a failure"
}

// usedVariables returns the variables that occur other than as v = … and _ = v.
func usedVariables(pass *analysis.Pass, in *inspector.Inspector) map[*types.Var]bool {
	idle := make(map[*ast.Ident]bool)
	in.Preorder([]ast.Node{(*ast.AssignStmt)(nil)}, func(n ast.Node) {
		a := n.(*ast.AssignStmt)
		for i, left := range a.Lhs {
			if id := identOf(left); id != nil {
				idle[id] = true
			}
			if isBlank(left) && len(a.Rhs) == len(a.Lhs) {
				if id := identOf(a.Rhs[i]); id != nil {
					idle[id] = true
				}
			}
		}
	})
	used := make(map[*types.Var]bool)
	for id, obj := range pass.TypesInfo.Uses {
		if v, ok := obj.(*types.Var); ok && !idle[id] {
			used[v] = true
		}
	}
	return used
}

// identOf returns e if it is a name; else nil, which is in no map.
func identOf(e ast.Expr) *ast.Ident {
	id, _ := ast.Unparen(e).(*ast.Ident)
	return id
}

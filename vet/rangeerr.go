package vet

import (
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ast/inspector"
)

// Analyzers returns the analyzers of this package, in a new slice.
func Analyzers() []*analysis.Analyzer {
	return []*analysis.Analyzer{RangeErr, ResultFunc}
}

// RangeErr reports loops over a sequence with errors that leave the error out.
var RangeErr = &analysis.Analyzer{
	Name: "rangeerr",
	Doc: "report loops that ignore the errors of a sequence\n\n" +
		"A loop over an iter.Seq2[T, error] with one variable, or none, takes each error for a zero value.",
	URL:      "https://pkg.go.dev/github.com/sluice-go/sluice/vet",
	Requires: []*analysis.Analyzer{inspect.Analyzer},
	Run:      runRangeErr,
}

func runRangeErr(pass *analysis.Pass) (any, error) {
	in := pass.ResultOf[inspect.Analyzer].(*inspector.Inspector)
	in.Preorder([]ast.Node{(*ast.RangeStmt)(nil)}, func(n ast.Node) {
		loop := n.(*ast.RangeStmt)
		value, ok := valueWithError(pass.TypesInfo.TypeOf(loop.X))
		if !ok || loop.Value != nil && !isBlank(loop.Value) {
			return
		}
		name := types.TypeString(value, types.RelativeTo(pass.Pkg))
		pass.ReportRangef(loop.X, "the loop ignores the errors of a sequence of (%s, error): a gap or a failure looks like a zero value; "+
			"write for v, err := range", name)
	})
	return nil, nil
}

// valueWithError returns T if t is an iter.Seq2[T, error], whatever its name.
func valueWithError(t types.Type) (types.Type, bool) {
	if t == nil {
		return nil, false
	}
	seq, ok := t.Underlying().(*types.Signature)
	if !ok || seq.Params().Len() != 1 {
		return nil, false
	}
	yield, ok := seq.Params().At(0).Type().Underlying().(*types.Signature)
	if !ok || yield.Params().Len() != 2 || !isError(yield.Params().At(1).Type()) {
		return nil, false
	}
	return yield.Params().At(0).Type(), true
}

func isError(t types.Type) bool { return types.Identical(t, types.Universe.Lookup("error").Type()) }

func isBlank(e ast.Expr) bool {
	id, ok := ast.Unparen(e).(*ast.Ident)
	return ok && id.Name == "_"
}

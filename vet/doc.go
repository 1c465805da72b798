// Package vet has analyzers for go vet that find loops over a source which do not learn of its errors: the mistakes with which
// values are lost silently, and which the compiler lets pass.
//
// # Usage
//
//	go install github.com/sluice-go/sluice/vet/cmd/sluicevet@latest
//	go vet -vettool=$(which sluicevet) ./...
//
// A program of analyzers of your own (multichecker, golangci-lint) takes [Analyzers].
//
// # What they find
//
// [RangeErr], in a loop over any iter.Seq2 whose second value is an error:
//
//	for v := range cur.All(ctx) { … }    // a gap is a zero value here, and the end of a broken source looks like any other
//	for v, _ := range cur.All(ctx) { … } // the same: gofmt -s makes the one into the other
//
// [ResultFunc], in calls of Sluice's functions that return a function for what comes at the end:
//
//	values, _ := cur.Chan(ctx, 64)       // nobody stops the goroutine, or learns why the channel was closed
//	values, _ := cur.Backlog(ctx)        // nobody learns that it ended at a gap
//
// They know Cursor.Chan, Cursor.Values, Cursor.Backlog, chanx.Go, iterx.UntilErr, and every other function of the module whose
// last result, of several, is a func() error.
//
// # Errors
//
// A variable that is used for anything but _ = err counts as used, whether it is called or not, so what they report is
// a mistake. They do not follow it further.
package vet

package ranges

import (
	"context"
	"iter"
	"maps"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/iterx"
)

type stream iter.Seq2[string, error]

type failure struct{ error }

func loops(ctx context.Context, cur *sluice.Cursor[int]) {
	for v := range cur.All(ctx) { // want `the loop ignores the errors of a sequence of \(int, error\)`
		_ = v
	}
	for v, _ := range cur.All(ctx) { // want `ignores the errors`
		_ = v
	}
	for range cur.All(ctx) { // want `ignores the errors`
	}
	for e := range cur.Entries(ctx) { // want `ignores the errors of a sequence of \(github.com/sluice-go/sluice.Entry\[int\], error\)`
		_ = e
	}
	for b := range cur.Batches(ctx) { // want `ignores the errors of a sequence of \(\[\]int, error\)`
		_ = b
	}
	seq := cur.All(ctx)
	var v int
	for v = range seq { // want `ignores the errors`
	}
	for v, _ = range seq { // want `ignores the errors`
	}
	_ = v
	for c := range iterx.TryChunk(cur.All(ctx), 7) { // want `ignores the errors`
		_ = c
	}
	for s := range stream(nil) { // want `ignores the errors of a sequence of \(string, error\)`
		_ = s
	}
	for s := range func(yield func(string, error) bool) {} { // want `ignores the errors`
		_ = s
	}
}

func generic[T any, S iter.Seq2[T, error]](seq iter.Seq2[T, error]) {
	for v := range seq { // want `ignores the errors of a sequence of \(T, error\)`
		_ = v
	}
}

func right(ctx context.Context, cur *sluice.Cursor[int]) error {
	for v, err := range cur.All(ctx) {
		if err != nil {
			return err
		}
		_ = v
	}
	for _, err := range cur.All(ctx) {
		if err != nil {
			return err
		}
	}
	values, err := cur.Values(ctx)
	for v := range values {
		_ = v
	}
	for k := range maps.All(map[string]error{"a": nil}) { // want `ignores the errors of a sequence of \(string, error\)`
		_ = k
	}
	for k := range map[string]error{"a": nil} { // a map is no sequence
		_ = k
	}
	for i := range []error{nil} {
		_ = i
	}
	for i := range iterx.Enumerate(values) {
		_ = i
	}
	for v := range func(yield func(int, failure) bool) {} { // not the interface error
		_ = v
	}
	for range 3 {
	}
	return err()
}

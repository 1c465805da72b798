package results

import (
	"context"
	"iter"
	"slices"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/chanx"
	"github.com/sluice-go/sluice/iterx"
)

func ignored(ctx context.Context, cur *sluice.Cursor[int]) {
	ch, _ := cur.Chan(ctx, 1) // want `the result stop of Chan is ignored: only it ends the goroutine`
	<-ch
	values, _ := cur.Values(ctx) // want `the result err of Values is ignored: only it says why the values ended`
	slices.Collect(values)
	values, _ = cur.Backlog(ctx) // want `the result err of Backlog is ignored`
	slices.Collect(values)
	var more, _ = chanx.Go(ctx, 1, cur.All) // want `the result stop of Go is ignored`
	<-more
	values, _ = iterx.UntilErr(cur.All(ctx)) // want `the result func\(\) error of UntilErr is ignored`
	slices.Collect(values)
	_, _ = cur.Chan(ctx, 1)      // want `the result stop of Chan is ignored`
	cur.Chan(ctx, 1)             // want `the result stop of Chan is ignored`
	go cur.Chan(ctx, 1)          // want `the result stop of Chan is ignored`
	defer chanx.Go(ctx, 1, open) // want `the result stop of Go is ignored`
}

func neverCalled(ctx context.Context, cur *sluice.Cursor[int]) {
	ch, stop := cur.Chan(ctx, 1) // want `stop, of Chan, is never called: only it ends the goroutine`
	_ = stop
	<-ch
	values, err := cur.Values(ctx) // want `err, of Values, is never called`
	_, _ = err, values
	for range values {
	}
	func() {
		_, why := chanx.Go(ctx, 1, cur.All) // want `why, of Go, is never called`
		_ = why
	}()
}

func right(ctx context.Context, cur *sluice.Cursor[int]) error {
	ch, stop := cur.Chan(ctx, 1)
	defer stop()
	<-ch
	values, err := cur.Values(ctx)
	slices.Collect(values)
	if err() != nil {
		return err()
	}
	_, err = cur.Backlog(ctx) // an old variable, which is used
	keep(cur.Chan(ctx, 1))
	_, later := chanx.Go(ctx, 1, cur.All)
	func() { later() }()
	_, handed := chanx.Go(ctx, 1, cur.All)
	keep(nil, handed)
	_, _ = cur.Next(ctx)
	other := func() (<-chan int, func() error) { return nil, nil }
	_, _ = other() // not a function of Sluice's
	_, _ = chanx.Recv(ctx, ch)
	return err()
}

func passed(ctx context.Context, cur *sluice.Cursor[int]) (<-chan int, func() error) {
	return cur.Chan(ctx, 1)
}

func open(ctx context.Context) iter.Seq2[int, error] { return nil }

func keep(<-chan int, func() error) {}

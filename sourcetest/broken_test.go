package sourcetest_test

import (
	"strings"
	"testing"

	"github.com/sluice-go/sluice/sourcetest"
)

// A fault is what is wrong with a naive log.
type fault string

const (
	healthy fault = ""

	startsAtOne        fault = "the first offset is 1"
	returnsLastOffset  fault = "AppendAll returns the last offset"
	boundsGoBack       fault = "first goes back now and then"
	endGoesBack        fault = "Close takes the last value back"
	keepsCallersSlice  fault = "AppendAll keeps the caller's slice"
	appendHangs        fault = "Append never returns"
	oldestIsNewest     fault = "a late reader misses the past"
	newestTooEarly     fault = "Newest is one too early"
	newestIsLazy       fault = "Newest is resolved by the first read"
	endIsNoPosition    fault = "At(next) is refused"
	lastTooMany        fault = "Last(3) gives four"
	seekIgnored        fault = "Seek does nothing"
	rangeErrorMissing  fault = "a position beyond the end is taken for the end"
	rangeErrorEnds     fault = "a range error is told once only"
	failedSeekMoves    fault = "a Seek that fails moves"
	dropsValue         fault = "a value is dropped"
	givesTwice         fault = "a value comes twice"
	swapsTwo           fault = "two values are swapped"
	pollPanics         fault = "Poll panics"
	scribbles          fault = "a lent batch is used again too early"
	closesOthers       fault = "a cursor that is closed moves the others"
	losesWakeUp        fault = "every seventh append wakes nobody"
	looksThenParks     fault = "a reader looks first, then parks"
	wakesOne           fault = "an append wakes one reader only"
	neverWaits         fault = "Wait returns at once"
	ignoresCtx         fault = "Wait does not look at ctx"
	cancelSkips        fault = "a wait that is cancelled skips a value"
	closeDropsRest     fault = "Close ends before everything was read"
	closeWakesNobody   fault = "Close wakes nobody"
	closesOnce         fault = "the second Close fails"
	acceptsAfterClose  fault = "Append works after Close"
	emptyAfterClose    fault = "a cursor that is opened after Close gets nothing"
	forgetsError       fault = "a late reader does not get the writer's error"
	replacesError      fault = "the second CloseWithError counts"
	endsWithGap        fault = "the writer's own LagError is taken for a gap"
	cursorCloseSleeps  fault = "Cursor.Close does not wake its reader"
	gapTooLarge        fault = "a gap is one too large"
	gapTooSmall        fault = "a gap is one too small"
	gapStartsAtZero    fault = "a gap starts at the first offset of all"
	gapIsSilent        fault = "a gap is not told"
	gapIsFinal         fault = "a gap is the end"
	appendsTwoAtOnce   fault = "two appends at once get the same offset"
	appendsInPieces    fault = "others append in the middle of an AppendAll"
	leaksGoroutine     fault = "every cursor leaves a goroutine behind"
	neverFull          fault = "a gated log overwrites"
	waitsForFastest    fault = "Append waits for the fastest cursor only"
	returnsCtxErr      fault = "Append returns ctx.Err(), not the cause"
	appendsAfterCancel fault = "Append appends although ctx is done"
	closedStillCounts  fault = "a closed cursor holds the writer back"
	lentStillCounts    fault = "a closed cursor holds the writer back if a batch was lent to it"
	closeLeavesWriters fault = "Close does not wake a waiting Append"

	losesLastOnReopen   fault = "the last value is lost by closing"
	startsAgainOnReopen fault = "a log that is opened again is empty"
)

var (
	unlimited = kind{}
	lossy     = kind{room: 8}
	gated     = kind{room: 8, gated: true}
	durable   = kind{durable: true}
)

// broken says of each fault which rule must find it.
var broken = []struct {
	fault fault
	kind  kind
	rule  string
}{
	{startsAtOne, unlimited, "offsets"},
	{returnsLastOffset, unlimited, "offsets"},
	{appendHangs, unlimited, "offsets"},
	{boundsGoBack, lossy, "bounds"},
	{endGoesBack, unlimited, "bounds"},
	{keepsCallersSlice, unlimited, "caller's slice"},
	{oldestIsNewest, unlimited, "late join"},
	{newestTooEarly, unlimited, "newest"},
	{newestIsLazy, unlimited, "newest"},
	{endIsNoPosition, unlimited, "at"},
	{lastTooMany, unlimited, "last"},
	{seekIgnored, unlimited, "seek"},
	{rangeErrorMissing, unlimited, "range errors"},
	{rangeErrorEnds, unlimited, "range errors"},
	{failedSeekMoves, unlimited, "failed seek"},
	{gapTooLarge, gated, "old position"},
	{dropsValue, unlimited, "order"},
	{givesTwice, unlimited, "order"},
	{swapsTwo, unlimited, "order"},
	{pollPanics, unlimited, "order"},
	{scribbles, unlimited, "lent batches"},
	{scribbles, lossy, "lent batches"},
	{scribbles, gated, "lent batches"},
	{closesOthers, unlimited, "independent cursors"},
	{losesWakeUp, unlimited, "no lost wake-up"},
	{looksThenParks, unlimited, "no lost wake-up"},
	{wakesOne, unlimited, "wakes all"},
	{ignoresCtx, unlimited, "cancel"},
	{cancelSkips, unlimited, "cancel"},
	{closeDropsRest, unlimited, "close drains"},
	{closeWakesNobody, unlimited, "close wakes"},
	{closesOnce, unlimited, "close twice"},
	{acceptsAfterClose, unlimited, "append after close"},
	{emptyAfterClose, unlimited, "open after close"},
	{forgetsError, unlimited, "close with error"},
	{replacesError, unlimited, "close with error"},
	{endsWithGap, unlimited, "close with a gap"},
	{cursorCloseSleeps, unlimited, "cursor close wakes"},
	{gapTooLarge, lossy, "gaps are exact"},
	{gapTooSmall, lossy, "gaps are exact"},
	{gapStartsAtZero, lossy, "gaps are exact"},
	{gapIsSilent, lossy, "gaps are exact"},
	{gapIsFinal, lossy, "gaps are not final"},
	{gapStartsAtZero, lossy, "gaps are counted"},
	{gapIsSilent, lossy, "skipped gaps"},
	{appendsTwoAtOnce, unlimited, "many writers, many readers"},
	{appendsInPieces, unlimited, "append all is one piece"},
	{leaksGoroutine, unlimited, "goroutines"},
	{neverFull, gated, "full"},
	{waitsForFastest, gated, "full"},
	{returnsCtxErr, gated, "full"},
	{appendsAfterCancel, gated, "full"},
	{closedStillCounts, gated, "full"},
	{lentStillCounts, gated, "full"},
	{closeLeavesWriters, gated, "full"},
	{losesLastOnReopen, durable, "reopen"},
	{startsAgainOnReopen, durable, "reopen"},
	{oldestIsNewest, unlimited, "model"},
	{gapTooLarge, lossy, "model"},
}

// TestBrokenLogsAreFound: each fault is found by the rule that is meant for it, and by one without the fault it is not.
func TestBrokenLogsAreFound(t *testing.T) {
	for _, b := range broken {
		t.Run(b.rule+"/"+string(b.fault), func(t *testing.T) {
			t.Parallel()
			v := sourcetest.TryRule(t, b.kind.config(b.fault), b.rule)
			if !v.Failed {
				t.Errorf("the rule %q passed (or was skipped: %v), want it to find that %s", b.rule, v.Skipped, b.fault)
			}
			if !strings.HasSuffix(v.Text, "\nlaw: "+v.Law) || len(v.Law) < 20 {
				t.Errorf("the failure is %q, want it to end with the law %q", v.Text, v.Law)
			}
			t.Log(v.Text)
			if v := sourcetest.TryRule(t, b.kind.config(healthy), b.rule); v.Failed || v.Skipped {
				t.Errorf("the rule %q failed or was skipped on a healthy log: %s", b.rule, v.Text)
			}
		})
	}
}

// TestHealthyLogsPass runs the whole suite on logs of every kind.
func TestHealthyLogsPass(t *testing.T) {
	for _, k := range []kind{
		unlimited, durable,
		{room: 1}, {room: 2}, lossy, {room: 50},
		{room: 1, gated: true}, {room: 2, gated: true}, {room: 3, gated: true}, gated, {room: 100, gated: true},
		{room: 8, durable: true},
		{real: true}, {room: 8, real: true}, {room: 1, gated: true, real: true},
	} {
		t.Run(k.String(), func(t *testing.T) {
			t.Parallel()
			sourcetest.Test(t, k.config(healthy))
		})
	}
}

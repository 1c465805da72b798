// Package sourcetest proves an implementation of sluice.Log against the contract of package sluice: one rule for each of
// its sentences, a random search for what the rules forgot, and a badly behaved source to test readers with.
//
// # Usage
//
// Say in a [Config] how to make a log and what becomes of its old values, and call [Test]:
//
//	func TestConformance(t *testing.T) {
//		sourcetest.Test(t, sourcetest.Config[int]{
//			New:   func(testing.TB) sluice.Log[int] { return ring.New[int](8, ring.Options{}) },
//			Value: func(n int64) int { return int(n) },
//			Room:  8,
//		})
//	}
//
// Each rule runs as a subtest with its name, on a new log. A failure says what was seen and prints the law, the sentence of
// the contract that was broken. The rule "model" runs random operations against a plain model ([Machine]) and prints
// the seed and the shortest sequence that fails; rapid keeps that one under testdata/rapid.
//
// Who reads from a source can be tested with a [Script], which is as difficult as the contract allows, and random scripts
// ([Scripts]).
//
// # Concurrency
//
// Each rule runs in a bubble of testing/synctest, so that a wake-up that is lost fails at once instead of after a timeout, and a
// goroutine that is left behind is found without guessing. So Test must not be called from within a bubble. A log that waits
// for the outside world (a server, a child process) can't live in one; see [Config.NoSynctest].
//
// # Loss
//
// The rules count: what a cursor received and what it missed must be what was appended. A store that may drop values has
// its gaps checked for the exact range; one that may not must have none.
//
// # Errors
//
// A Config that makes no sense fails the test, and so does a log that panics, unless it does on a goroutine that the rule did
// not start: one of its own, or of Chan.
package sourcetest

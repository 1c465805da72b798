// Package spawn starts goroutines that run code of the caller's.
package spawn

// Go runs f in a goroutine of its own, and then behind it, also if f ends by runtime.Goexit. If f panics the program ends, as
// with any goroutine, and then is not called: who waits for the goroutine must not learn of its end before the program does, or
// main could return meanwhile and the program end well. sync.WaitGroup.Go does so since Go 1.26.
func Go(f, then func()) { go Then(f, then) }

// Then does in the goroutine that calls what [Go] does in another: for a then of which a part is code of the caller's, too.
func Then(f, then func()) {
	defer func() {
		if p := recover(); p != nil {
			panic(p) // with the stack of f: nothing is unwound yet
		}
		then()
	}()
	f()
}

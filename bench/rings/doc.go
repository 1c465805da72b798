// Package rings measures bounded broadcast: a ring of fixed capacity, or what stands for one, whose readers each get every
// value, or are told how many they missed.
//
// # Rivals
//
// One file for each, in our own words unless it is a module that can be imported. As in package values, the interface [Log]
// only sets up: appends and reads are whole loops inside the rival's own code, on concrete types.
//
// The Disruptor is there twice. [GoDisruptor] is what the goals name: github.com/smarty/go-disruptor with Gosched waiting,
// re-created from its public source, since the module can't be had: its protocol, its interface calls and its layout,
// not its code. [Disruptor] is the same idea as lean as we can write it, generic and without an interface: the stricter
// rival. Both hand a reader numbers, from which it finds the slots itself.
//
// # Honesty
//
// A reader checks each value that it gets against its place, see [Tally], and a run fails unless received and missed
// values are together all that were appended; for a rival that must not lose any, unless received ones are.
// Sluice's rows look at a context that can be cancelled, which the rivals don't have.
package rings

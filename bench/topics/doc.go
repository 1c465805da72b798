// Package topics measures fan-out by name: one publisher that publishes to four topics in turn, and consumers that each
// follow all four.
//
// # Rivals
//
// One file for each kind. They have the interface [Log] in common, which sets up only: its Publish and its readers run whole
// loops over the values inside the rival's own code. Every publish names its topic, as a program does whose messages come
// from outside; the rows that end in -handle have looked the topic up before.
//
// # Honesty
//
// Each reader checks every value that it gets, see [Tally], and a shape fails if one is missing or, in its topic, out of
// order. A message of ours names its topic, and the readers of the hub and of the rows channels-named and channels-handle look
// at that name for each value; those of the other rivals only see the value. All rivals hold the
// publisher back when a reader is slow, save for NATS, which is given all the memory that it wants, and the row hub-replay,
// which keeps everything.
package topics

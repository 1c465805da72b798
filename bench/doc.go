// Package bench is a module of its own that measures the stores of Sluice beside rivals: other ways to do the same,
// written here, or, for stores that have peers to import, third-party modules, which the core must not depend on.
//
// # Usage
//
//	go run ./cmd/ratios            # the goals: ratios of our rows to their peers, all measured in the same rounds
//	go run ./cmd/idle              # what ten thousand waiting readers cost
//	go test -bench . ./...         # the same code as benchmarks, for benchstat and profiles
//
// docs/benchmarks.md explains the rows and how to read the noise.
//
// # Adding rows
//
// Each store or format gets a package like values: one file for each rival, one for the shapes (what is timed), and a
// test that every rival delivers everything. Its tables go into cmd/ratios.
package bench

// Package spools measures package spool beside other ways to put memory in front of a slow writer: every rival is
// given the same lines, by one goroutine and by eight, and must have them in a file, or at a sink that takes 5 ms for each
// write, when it is closed. A rival that loses lines is not refused: the table says how many.
//
// phuslu's AsyncWriter keeps what Write is given, which an io.Writer must not do: with a caller that uses its buffer
// again, as loggers do, it writes something else. So it is given a copy of each line; a second row shows it without. All
// lines are alike, and hide that.
package spools

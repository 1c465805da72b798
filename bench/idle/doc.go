// Package idle measures what waiting readers cost: processor time while nothing is appended, and the append that has to
// wake them.
package idle

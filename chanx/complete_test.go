package chanx_test

import (
	"testing"

	"github.com/sluice-go/sluice/internal/lawtable"
)

// The laws are worth what the table holds: a new function must be added to it, and get an example.
func TestEveryFunctionIsInTheTableAndHasAnExample(t *testing.T) {
	var names []string
	for _, f := range functions {
		names = append(names, f.name)
	}
	lawtable.Complete(t, names)
}

package sourcetest_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain keeps rapid from storing the failures that are expected here.
func TestMain(m *testing.M) {
	flag.Parse()
	flag.Set("rapid.nofailfile", "true")
	os.Exit(m.Run())
}

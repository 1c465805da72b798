package sourcetest_test

import (
	"strings"
	"testing"

	"github.com/sluice-go/sluice/sourcetest"
)

func TestConfigProblems(t *testing.T) {
	for _, test := range []struct {
		want  string
		spoil func(*sourcetest.Config[int])
	}{
		{"", func(c *sourcetest.Config[int]) {}},
		{"Config.New is nil", func(c *sourcetest.Config[int]) { c.New = nil }},
		{"Config.Value is nil", func(c *sourcetest.Config[int]) { c.Value = nil }},
		{"equal values for 0 and 1", func(c *sourcetest.Config[int]) { c.Value = func(int64) int { return 1 } }},
		{"Value(1) is not Value(1)", func(c *sourcetest.Config[int]) { c.Equal = func(a, b int) bool { return false } }},
		{"Config.Room is negative", func(c *sourcetest.Config[int]) { c.Room = -1 }},
		{"Blocking needs Config.Room", func(c *sourcetest.Config[int]) { c.Blocking = true }},
	} {
		cfg := unlimited.config(healthy)
		test.spoil(&cfg)
		got := sourcetest.Problem(cfg)
		if !strings.Contains(got, test.want) || (got == "") != (test.want == "") {
			t.Errorf("the problem is %q, want %q", got, test.want)
		}
	}
}

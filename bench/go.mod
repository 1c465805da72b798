module github.com/sluice-go/sluice/bench

go 1.25

require (
	github.com/cskr/pubsub/v2 v2.0.2
	github.com/dustin/go-broadcast v0.0.0-20171205050544-f664265f5a66
	github.com/sluice-go/sluice v0.0.0
)

replace github.com/sluice-go/sluice => ..

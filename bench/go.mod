module github.com/sluice-go/sluice/bench

go 1.25

require (
	github.com/cskr/pubsub/v2 v2.0.2
	github.com/djherbis/stream v1.5.1
	github.com/dustin/go-broadcast v0.0.0-20171205050544-f664265f5a66
	github.com/samber/lo v1.53.0
	github.com/sluice-go/sluice v0.0.0
)

require (
	golang.org/x/exp v0.0.0-20260112195511-716be5621a96 // indirect
	golang.org/x/text v0.22.0 // indirect
)

replace github.com/sluice-go/sluice => ..

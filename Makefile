# The few commands that a developer types. `make ci` is what every change must pass.

.PHONY: test race ci soak bench

test:
	go test ./...

race:
	go test -race -shuffle=on ./...

ci:
	.ci/run

# The tests of diskq.Consumer and ImportNSQ.
consumers = ^Test(.*Consumer|Damaged|UnknownVersion|Positions|PositionFaults|Torn|Nack|AckWait|MaxInFlight|NothingLies|DeadLetters|Peek|All$$|Waiters|DeleteConsumed|FullQueue|DropOldest
consumers := $(consumers)|DamageCosts|Destroy|Moving|KilledInTheMiddle|Unbuffered|Stop|AutoAck|Chan|Crowd|Import|Receive|Panic|Commit|Late|Stats|ForEver|Deliveries)

# Longer than CI has time for: every conformance rule of every store, and every test of consumers, 200 times under the race
# detector.
soak:
	go test -race -shuffle=on -count=200 -run Conformance -timeout 60m .
	go test -race -shuffle=on -count=200 -run '$(consumers)' -rapid.checks=50 -timeout 60m ./diskq
	go test -race ./diskq -run TestKillWorkers -kills 200 -timeout 60m
	go test -race -shuffle=on -count=20 -timeout 60m ./...
	go test -race ./spool -run 'TestKill|Model' -kills 100 -rapid.checks 1000 -timeout 60m
	go test -race ./ring -run TestStress -stress 10m -timeout 15m

# Ratios against the named peers, in one run.
bench:
	cd bench && go run ./cmd/ratios

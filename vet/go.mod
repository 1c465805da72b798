module github.com/sluice-go/sluice/vet

go 1.25.0

require (
	github.com/sluice-go/sluice v0.0.0
	golang.org/x/tools v0.45.0
)

require (
	golang.org/x/exp v0.0.0-20260112195511-716be5621a96 // indirect
	golang.org/x/mod v0.36.0 // indirect
	golang.org/x/sync v0.20.0 // indirect
)

replace github.com/sluice-go/sluice => ..

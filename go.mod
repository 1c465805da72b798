module github.com/sluice-go/sluice

go 1.25

require (
	golang.org/x/exp v0.0.0-20260112195511-716be5621a96
	pgregory.net/rapid v1.3.0
)

//go:build !linux && !darwin

package fsx

func bootID() string { return "" }

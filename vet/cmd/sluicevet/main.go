// Sluicevet reports loops over a source that do not learn of its errors. It runs under go vet:
//
//	go vet -vettool=$(which sluicevet) ./...
package main

import (
	"golang.org/x/tools/go/analysis/unitchecker"

	"github.com/sluice-go/sluice/vet"
)

func main() { unitchecker.Main(vet.Analyzers()...) }

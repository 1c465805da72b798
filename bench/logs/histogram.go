package logs

import (
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// noHistogram is what Pebble counts its syncs in when nobody wants to know.
type noHistogram struct{}

func (noHistogram) Desc() *prometheus.Desc           { return nil }
func (noHistogram) Write(*dto.Metric) error          { return nil }
func (noHistogram) Describe(chan<- *prometheus.Desc) {}
func (noHistogram) Collect(chan<- prometheus.Metric) {}
func (noHistogram) Observe(float64)                  {}

var _ prometheus.Histogram = noHistogram{}

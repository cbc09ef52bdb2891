package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// The steps whose time is measured, and the values of the label stage.
const (
	stageRead      = "read"      // from the request's header to the end of its body
	stagePolicy    = "policy"    // the policy engine's answer, commit, anchor and signature included
	stageBroadcast = "broadcast" // a node's answer
	stageCommit    = "commit"    // storing a commit
	stageRecords   = "records"   // the other calls of the store
	stageIndex     = "index"
	stageCommits   = "commits"
	stageHashes    = "hashes"
)

// metrics are what the host itself measures.
type metrics struct {
	registry    *prometheus.Registry
	requests    *prometheus.CounterVec   // by method and outcome
	took        *prometheus.HistogramVec // by method
	stages      *prometheus.HistogramVec // by stage
	inFlight    prometheus.Gauge
	entries     prometheus.Histogram
	bytes       prometheus.Histogram
	storeErrors *prometheus.CounterVec // by operation
	broadcasts  *prometheus.CounterVec // by outcome
}

func newMetrics() *metrics {
	seconds := prometheus.ExponentialBuckets(0.0001, 2.5, 13) // 100 µs to 6 s
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "redoubt_requests_total", Help: "Requests that were answered, by method and outcome: ok, or the type of the error.",
		}, []string{"method", "outcome"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "redoubt_request_seconds", Help: "Time from the header of a request to the end of its answer.", Buckets: seconds,
		}, []string{"method"}),
		stages: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "redoubt_stage_seconds", Help: "Time of one step: of a request (read, policy, broadcast) or of the store.", Buckets: seconds,
		}, []string{"stage"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "redoubt_requests_in_flight", Help: "Requests that are not answered yet."}),
		entries: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "redoubt_commit_entries", Help: "Entries in one stored commit.", Buckets: prometheus.ExponentialBuckets(1, 2, 10),
		}),
		bytes: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "redoubt_commit_bytes", Help: "Bytes of one stored commit.", Buckets: prometheus.ExponentialBuckets(512, 4, 10),
		}),
		storeErrors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "redoubt_store_errors_total", Help: "Calls of the store that failed.",
		}, []string{"stage"}),
		broadcasts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "redoubt_broadcasts_total", Help: "Transactions handed to a node, by outcome: sent or failed.",
		}, []string{"outcome"}),
	}
	m.registry.MustRegister(
		m.requests, m.took, m.stages, m.inFlight, m.entries, m.bytes, m.storeErrors, m.broadcasts,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	for _, stage := range []string{stageCommit, stageRecords, stageIndex, stageCommits, stageHashes} {
		m.storeErrors.WithLabelValues(stage) // a rate of errors needs the zero before them
	}
	return m
}

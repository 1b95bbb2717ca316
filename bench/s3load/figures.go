package main

import (
	"math"
	"slices"
	"syscall"
	"time"
)

// result is what a run prints, as one line of JSON.
type result struct {
	Ops         int      `json:"ops"`
	Errors      int      `json:"errors"`
	Seconds     float64  `json:"seconds"`
	Moved       int64    `json:"moved"`
	P50         float64  `json:"p50_ms"`
	P90         float64  `json:"p90_ms"`
	P99         float64  `json:"p99_ms"`
	Max         float64  `json:"max_ms"`
	ClientCPU   float64  `json:"client_cpu_seconds"`
	FirstErrors []string `json:"first_errors"`
}

// percentile is the least value that at least percent of the values do not exceed; 0 of none.
func percentile(ordered []time.Duration, percent float64) time.Duration {
	if len(ordered) == 0 {
		return 0
	}
	rank := int(math.Ceil(float64(len(ordered)) * percent / 100))
	return ordered[max(1, rank)-1]
}

func milliseconds(took time.Duration) float64 { return float64(took) / float64(time.Millisecond) }

// tally is what one client has seen.
type tally struct {
	took   []time.Duration
	moved  int64
	errors int
	texts  []string
}

func summed(tallies []tally, elapsed time.Duration, cpu float64) result {
	all := []time.Duration{}
	made := result{Seconds: elapsed.Seconds(), ClientCPU: cpu, FirstErrors: []string{}}
	for _, each := range tallies {
		all = append(all, each.took...)
		made.Moved += each.moved
		made.Errors += each.errors
		for _, text := range each.texts {
			if len(made.FirstErrors) < 3 {
				made.FirstErrors = append(made.FirstErrors, text)
			}
		}
	}
	slices.Sort(all)
	made.Ops = len(all)
	made.P50 = milliseconds(percentile(all, 50))
	made.P90 = milliseconds(percentile(all, 90))
	made.P99 = milliseconds(percentile(all, 99))
	made.Max = milliseconds(percentile(all, 100))
	return made
}

// ownCPU is the processor time of this process in seconds.
func ownCPU() float64 {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	seconds := func(of syscall.Timeval) float64 { return float64(of.Sec) + float64(of.Usec)/1e6 }
	return seconds(used.Utime) + seconds(used.Stime)
}

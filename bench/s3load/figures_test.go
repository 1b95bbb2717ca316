package main

import (
	"testing"
	"time"
)

func TestPercentilesAreByNearestRank(t *testing.T) {
	values := []time.Duration{}
	for i := range 200 {
		values = append(values, time.Duration(i+1))
	}
	for percent, expected := range map[float64]time.Duration{0.1: 1, 50: 100, 99: 198, 99.9: 200, 100: 200} {
		if got := percentile(values, percent); got != expected {
			t.Errorf("%v %% is %d, not %d", percent, got, expected)
		}
	}
	if percentile(nil, 50) != 0 {
		t.Error("none has none")
	}
}

func TestTalliesAddUp(t *testing.T) {
	tallies := []tally{
		{took: []time.Duration{3 * time.Millisecond}, moved: 5, errors: 2, texts: []string{"a", "b"}},
		{took: []time.Duration{time.Millisecond}, moved: 7, errors: 3, texts: []string{"c", "d"}},
	}
	got := summed(tallies, 2*time.Second, 0.5)
	if got.Ops != 2 || got.Moved != 12 || got.Errors != 5 || got.P50 != 1 || got.Max != 3 || got.Seconds != 2 {
		t.Errorf("%+v", got)
	}
	if len(got.FirstErrors) != 3 || got.FirstErrors[2] != "c" {
		t.Error(got.FirstErrors)
	}
}

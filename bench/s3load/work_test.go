package main

import (
	"errors"
	"testing"
)

func TestWhatAPutMayBeAnsweredWith(t *testing.T) {
	for _, anonymous := range []bool{true, false} {
		for status, well := range map[int]bool{200: true, 201: anonymous, 204: anonymous, 207: false, 403: false} {
			_, err := stored(anonymous)(&answer{status: status}, nil)
			if (err == nil) != well {
				t.Errorf("%d, anonymous %v: %v", status, anonymous, err)
			}
		}
		broken := errors.New("broken")
		if _, err := stored(anonymous)(nil, broken); !errors.Is(err, broken) {
			t.Errorf("%v instead of what went wrong", err)
		}
	}
}

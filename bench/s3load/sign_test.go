package main

import (
	"testing"
	"time"
)

// The example of https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
// (GET Object with a Range), and that of chunks of 64 KiB in sigv4-streaming.html.
var example = &identity{
	access: "AKIAIOSFODNN7EXAMPLE",
	secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
	region: "us-east-1",
}

var exampleTime = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)

func TestTheExampleOfAGetHasItsSignature(t *testing.T) {
	headers := []header{{"host", "examplebucket.s3.amazonaws.com"}, {"range", "bytes=0-9"}}
	made := example.sign("GET", "/test.txt", "", headers, emptySHA256, exampleTime)
	const expected = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
	if made.signature != expected {
		t.Errorf("signature is %s", made.signature)
	}
}

func TestTheExampleOfChunksHasItsSignatures(t *testing.T) {
	headers := []header{
		{"content-encoding", "aws-chunked"},
		{"content-length", "66824"},
		{"host", "s3.amazonaws.com"},
		{"x-amz-decoded-content-length", "66560"},
		{"x-amz-storage-class", "REDUCED_REDUNDANCY"},
	}
	made := example.sign("PUT", "/examplebucket/chunkObject.txt", "", headers,
		"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", exampleTime)
	if made.signature != "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9" {
		t.Errorf("seed is %s", made.signature)
	}
	body := make([]byte, 66560)
	for i := range body {
		body[i] = 'a'
	}
	previous := made.signature
	for i, expected := range []string{
		"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
		"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
		"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
	} {
		data := [][]byte{body[:65536], body[65536:], nil}[i]
		previous = example.chunk(made, previous, hashed(data))
		if previous != expected {
			t.Errorf("chunk %d has %s", i, previous)
		}
	}
}

func TestPathsAndValuesAreEncodedAsSigV4Wants(t *testing.T) {
	if got := escaped("a b/ü~+"); got != "a%20b%2F%C3%BC~%2B" {
		t.Error(got)
	}
	if got := escapedPath("/bucket/a b/c"); got != "/bucket/a%20b/c" {
		t.Error(got)
	}
}

package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

const (
	emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	algorithm   = "AWS4-HMAC-SHA256"
	stamp       = "20060102T150405Z"
)

// identity signs for one key pair. It is used by one goroutine: it keeps the signing key of a day.
type identity struct {
	access, secret, region string
	day                    string
	key                    []byte
}

type header struct{ name, value string }

// signed is what was put into a request, and what the signatures of its chunks go on from.
type signed struct {
	authorization, signature, timestamp, scope string
}

func mac(key []byte, text string) []byte {
	hash := hmac.New(sha256.New, key)
	hash.Write([]byte(text))
	return hash.Sum(nil)
}

func hashed(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func (id *identity) signingKey(day string) []byte {
	if id.day != day {
		key := mac([]byte(algorithm[:4]+id.secret), day)
		for _, word := range []string{id.region, "s3", "aws4_request"} {
			key = mac(key, word)
		}
		id.day, id.key = day, key
	}
	return id.key
}

// sign computes the Authorization header of a request:
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
//
// path and query are encoded and sorted already; headers are all that are signed but x-amz-date and
// x-amz-content-sha256, their names in lower case.
func (id *identity) sign(method, path, query string, headers []header, payload string, at time.Time) signed {
	timestamp := at.UTC().Format(stamp)
	day := timestamp[:8]
	all := append(make([]header, 0, 8), headers...)
	all = append(all, header{"x-amz-content-sha256", payload}, header{"x-amz-date", timestamp})
	for i := 1; i < len(all); i++ {
		for j := i; j > 0 && all[j].name < all[j-1].name; j-- {
			all[j], all[j-1] = all[j-1], all[j]
		}
	}
	var canonical, names strings.Builder
	canonical.Grow(512)
	canonical.WriteString(method + "\n" + path + "\n" + query + "\n")
	for i, each := range all {
		canonical.WriteString(each.name + ":" + each.value + "\n")
		if i > 0 {
			names.WriteByte(';')
		}
		names.WriteString(each.name)
	}
	canonical.WriteString("\n" + names.String() + "\n" + payload)
	scope := day + "/" + id.region + "/s3/aws4_request"
	text := algorithm + "\n" + timestamp + "\n" + scope + "\n" + hashed([]byte(canonical.String()))
	signature := hex.EncodeToString(mac(id.signingKey(day), text))
	return signed{
		authorization: algorithm + " Credential=" + id.access + "/" + scope +
			", SignedHeaders=" + names.String() + ", Signature=" + signature,
		signature: signature,
		timestamp: timestamp,
		scope:     scope,
	}
}

// chunk signs one chunk of an aws-chunked body after the one signed with previous:
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
func (id *identity) chunk(made signed, previous, sha256Hex string) string {
	text := algorithm + "-PAYLOAD\n" + made.timestamp + "\n" + made.scope + "\n" +
		previous + "\n" + emptySHA256 + "\n" + sha256Hex
	return hex.EncodeToString(mac(id.signingKey(made.timestamp[:8]), text))
}

const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

// escaped encodes a value of a query, or a segment of a path, as SigV4 wants it.
func escaped(text string) string {
	const digits = "0123456789ABCDEF"
	var built strings.Builder
	for i := 0; i < len(text); i++ {
		if strings.IndexByte(unreserved, text[i]) >= 0 {
			built.WriteByte(text[i])
		} else {
			built.WriteByte('%')
			built.WriteByte(digits[text[i]>>4])
			built.WriteByte(digits[text[i]&15])
		}
	}
	return built.String()
}

// escapedPath encodes all of a path but its slashes.
func escapedPath(path string) string {
	segments := strings.Split(path, "/")
	for i := range segments {
		segments[i] = escaped(segments[i])
	}
	return strings.Join(segments, "/")
}

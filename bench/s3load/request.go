package main

import (
	"net"
	"strconv"
	"time"
)

// Ways to send and protect a body.
const (
	sha256InHeader  = "sha256"
	unsignedPayload = "unsigned"
	signedChunks    = "chunked"
	crc32Trailer    = "trailer-crc32"
)

// maker makes the requests of one client. What it returns is good until the next is made.
type maker struct {
	host      string
	bucket    string
	id        *identity
	anonymous bool
	head      []byte
	buffers   net.Buffers
}

func (m *maker) path(key string) string {
	if key == "" {
		return "/" + m.bucket
	}
	return "/" + m.bucket + "/" + escapedPath(key)
}

// plain is a request with no body, or with a short one whose SHA-256 is signed.
func (m *maker) plain(method, path, query string, extra []header, body []byte) net.Buffers {
	payload := emptySHA256
	if len(body) > 0 {
		payload = hashed(body)
	}
	length := -1
	if len(body) > 0 || method == "PUT" || method == "POST" {
		length = len(body)
	}
	m.begin(method, path, query, extra, payload, "", length)
	m.buffers = append(m.buffers[:0], m.head)
	if len(body) > 0 {
		m.buffers = append(m.buffers, body)
	}
	return m.buffers
}

// upload is a PUT of an object, or of a part if the query says so.
func (m *maker) upload(path, query string, what *content, kind string) net.Buffers {
	switch kind {
	case signedChunks:
		return m.chunked(path, query, what)
	case crc32Trailer:
		return m.trailed(path, query, what)
	}
	payload := "UNSIGNED-PAYLOAD"
	if kind != unsignedPayload {
		payload = what.sha256()
	}
	m.begin("PUT", path, query, nil, payload, "", len(what.bytes))
	if len(what.bytes) <= chunkSize {
		m.head = append(m.head, what.bytes...)
		m.buffers = append(m.buffers[:0], m.head)
	} else {
		m.buffers = append(m.buffers[:0], m.head, what.bytes)
	}
	return m.buffers
}

var lineEnd = []byte("\r\n")

func (m *maker) chunked(path, query string, what *content) net.Buffers {
	const signature = len(";chunk-signature=") + 64
	length := 1 + signature + 4
	for _, piece := range what.chunks {
		length += len(strconv.FormatInt(int64(len(piece)), 16)) + signature + 4 + len(piece)
	}
	extra := []header{{"x-amz-decoded-content-length", strconv.Itoa(len(what.bytes))}}
	made := m.begin("PUT", path, query, extra, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "aws-chunked", length)
	m.buffers = append(m.buffers[:0], m.head)
	previous, digests := made.signature, what.chunkSHA256()
	for i, piece := range what.chunks {
		previous = m.id.chunk(made, previous, digests[i])
		m.buffers = append(m.buffers, chunkLine(len(piece), previous), piece, lineEnd)
	}
	last := m.id.chunk(made, previous, emptySHA256)
	m.buffers = append(m.buffers, chunkLine(0, last), lineEnd)
	return m.buffers
}

func chunkLine(size int, signature string) []byte {
	return []byte(strconv.FormatInt(int64(size), 16) + ";chunk-signature=" + signature + "\r\n")
}

// trailed is unsigned, in chunks, with the checksum in a trailer:
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
func (m *maker) trailed(path, query string, what *content) net.Buffers {
	tail := "0\r\nx-amz-checksum-crc32:" + what.crc32() + "\r\n\r\n"
	length := len(tail)
	for _, piece := range what.chunks {
		length += len(strconv.FormatInt(int64(len(piece)), 16)) + 4 + len(piece)
	}
	extra := []header{
		{"x-amz-decoded-content-length", strconv.Itoa(len(what.bytes))},
		{"x-amz-trailer", "x-amz-checksum-crc32"},
	}
	m.begin("PUT", path, query, extra, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "aws-chunked", length)
	m.buffers = append(m.buffers[:0], m.head)
	for _, piece := range what.chunks {
		line := []byte(strconv.FormatInt(int64(len(piece)), 16) + "\r\n")
		m.buffers = append(m.buffers, line, piece, lineEnd)
	}
	m.buffers = append(m.buffers, []byte(tail))
	return m.buffers
}

// begin writes the head. A length below zero means that the request says none.
func (m *maker) begin(method, path, query string, extra []header, payload, encoding string, length int) signed {
	head := append(m.head[:0], method...)
	head = append(append(head, ' '), path...)
	if query != "" {
		head = append(append(head, '?'), query...)
	}
	head = field(append(head, " HTTP/1.1\r\n"...), "host", m.host)
	var made signed
	if !m.anonymous {
		all := append([]header{{"host", m.host}}, extra...)
		made = m.id.sign(method, path, query, all, payload, time.Now())
		head = field(head, "x-amz-date", made.timestamp)
		head = field(head, "x-amz-content-sha256", payload)
		head = field(head, "authorization", made.authorization)
	}
	for _, each := range extra {
		head = field(head, each.name, each.value)
	}
	if encoding != "" {
		head = field(head, "content-encoding", encoding)
	}
	if length >= 0 {
		head = field(head, "content-length", strconv.Itoa(length))
	}
	m.head = append(head, "\r\n"...)
	return made
}

func field(head []byte, name, value string) []byte {
	head = append(append(head, name...), ": "...)
	return append(append(head, value...), "\r\n"...)
}

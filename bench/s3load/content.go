package main

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"math/rand"
	"sync"
)

const chunkSize = 64 << 10

// content is what objects hold, with the digests that requests need, each computed when one does.
type content struct {
	bytes       []byte
	chunks      [][]byte
	sha256      func() string
	chunkSHA256 func() []string
	crc32       func() string
}

// madeContent gives size bytes, the same in each run, that nothing on the way can compress.
func madeContent(size int) *content {
	data := make([]byte, size)
	rand.New(rand.NewSource(20260101)).Read(data)
	return of(data)
}

func of(data []byte) *content {
	made := &content{bytes: data}
	for start := 0; start < len(data); start += chunkSize {
		made.chunks = append(made.chunks, data[start:min(start+chunkSize, len(data))])
	}
	made.sha256 = sync.OnceValue(func() string { return hashed(data) })
	made.chunkSHA256 = sync.OnceValue(func() []string {
		all := make([]string, len(made.chunks))
		for i, piece := range made.chunks {
			all[i] = hashed(piece)
		}
		return all
	})
	made.crc32 = sync.OnceValue(func() string {
		var sum [4]byte
		binary.BigEndian.PutUint32(sum[:], crc32.ChecksumIEEE(data))
		return base64.StdEncoding.EncodeToString(sum[:])
	})
	return made
}

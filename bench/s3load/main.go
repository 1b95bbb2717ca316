// s3load loads one S3 endpoint on this machine with signed requests and tells what came of it.
//
// It makes what the work needs, warms up, prints "ready", waits for a line on standard input, runs
// for the time given and prints one line of JSON. Who started it reads the server's processor time
// before that line and after the answer. The keys are in S3LOAD_ACCESS_KEY and S3LOAD_SECRET_KEY.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

const (
	mostErrors = 100
	fillTries  = 4
)

type options struct {
	endpoint, bucket, region string
	size, part               int
	clients                  int
	seconds, warm            float64
	anonymous                bool
	directory                string
}

func main() {
	var o options
	p := &plan{}
	flag.StringVar(&p.work, "work", "", "get, head, put, delete, list, page, copy, multipart, mixed or buckets;\n"+
		"bucket creates the bucket; fill puts the objects and ends; files writes them below -directory;\n"+
		"print writes one upload as bytes and ends")
	flag.StringVar(&o.endpoint, "endpoint", "http://127.0.0.1:9000", "where to send; loopback only")
	flag.StringVar(&o.bucket, "bucket", "bench", "bucket")
	flag.StringVar(&o.region, "region", "us-east-1", "region that is signed")
	flag.StringVar(&p.prefix, "prefix", "", "what the keys begin with")
	flag.IntVar(&p.objects, "objects", 0, "how many objects there are; put: 0 is always new keys")
	flag.IntVar(&o.size, "size", 4096, "bytes of an object")
	flag.IntVar(&o.part, "part", 16<<20, "bytes of a part")
	flag.StringVar(&p.kind, "payload", sha256InHeader, "sha256, unsigned, chunked or trailer-crc32")
	flag.IntVar(&p.folders, "folders", 0, "folders that keys to list are spread over")
	flag.IntVar(&p.listed, "listed", 0, "keys that a listing must have")
	flag.StringVar(&p.after, "after", "", "page: the key it starts after")
	flag.StringVar(&p.source, "source", "", "copy: the key it reads")
	flag.IntVar(&o.clients, "clients", 16, "connections, each with one request at a time")
	flag.Float64Var(&o.seconds, "seconds", 3, "how long; fill: at most")
	flag.Float64Var(&o.warm, "warm", 0.3, "seconds before it, not counted")
	flag.BoolVar(&o.anonymous, "anonymous", false, "do not sign")
	flag.StringVar(&o.directory, "directory", "", "files: where they are written")
	flag.Parse()
	if err := run(p, o); err != nil {
		fmt.Fprintln(os.Stderr, "s3load:", err)
		os.Exit(1)
	}
}

func run(p *plan, o options) error {
	address, err := loopback(o.endpoint)
	if err != nil {
		return err
	}
	if p.work == "copy" { // It moves nothing itself.
		p.whole = &content{bytes: make([]byte, o.size)}
	} else {
		p.whole = madeContent(o.size)
	}
	if p.work == "multipart" {
		for start := 0; start < o.size; start += o.part {
			p.parts = append(p.parts, of(p.whole.bytes[start:min(start+o.part, o.size)]))
		}
	}
	clients := make([]*client, o.clients)
	for i := range clients {
		clients[i] = newClient(p, o, address, i)
		defer clients[i].line.close()
	}
	switch p.work {
	case "print":
		buffers := clients[0].made.upload(clients[0].made.path(p.key(0)), "", p.whole, p.kind)
		_, err := buffers.WriteTo(os.Stdout)
		return err
	case "bucket":
		_, err := clients[0].createBucket()
		return err
	case "files":
		return files(p, filepath.Join(o.directory, o.bucket))
	case "fill":
		return written(fill(p, clients, duration(o.seconds)))
	}
	do, there := operations[p.work]
	if !there {
		return fmt.Errorf("there is no work %q", p.work)
	}
	if o.warm > 0 {
		loaded(clients, do, duration(o.warm))
	}
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return fmt.Errorf("no word to begin: %w", err)
	}
	return written(loaded(clients, do, duration(o.seconds)))
}

func loopback(endpoint string) (string, error) {
	parts, err := url.Parse(endpoint)
	if err != nil {
		return "", err
	}
	if ip := net.ParseIP(parts.Hostname()); parts.Scheme != "http" || ip == nil || !ip.IsLoopback() {
		return "", fmt.Errorf("%s is not http on a loopback address", endpoint)
	}
	return parts.Host, nil
}

func newClient(p *plan, o options, address string, number int) *client {
	id := &identity{
		access: os.Getenv("S3LOAD_ACCESS_KEY"),
		secret: os.Getenv("S3LOAD_SECRET_KEY"),
		region: o.region,
	}
	return &client{
		plan:   p,
		number: number,
		chance: rand.New(rand.NewSource(int64(number))),
		made:   &maker{host: address, bucket: o.bucket, id: id, anonymous: o.anonymous},
		line:   newConnection(address),
	}
}

func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

func written(made result) error { return json.NewEncoder(os.Stdout).Encode(made) }

// loaded lets all clients work for so long; each ends what it has begun, and does one at least.
func loaded(clients []*client, do operation, lasts time.Duration) result {
	tallies := make([]tally, len(clients))
	var group sync.WaitGroup
	before, began := ownCPU(), time.Now()
	ends := began.Add(lasts)
	for i, each := range clients {
		group.Add(1)
		go func() {
			defer group.Done()
			seen := &tallies[i]
			for first := true; first || time.Now().Before(ends); first = false {
				sent := time.Now()
				moved, err := do(each)
				if err == nil {
					seen.took = append(seen.took, time.Since(sent))
					seen.moved += int64(moved)
				} else if seen.failed(err) {
					return
				}
			}
		}()
	}
	group.Wait()
	return summed(tallies, time.Since(began), ownCPU()-before)
}

// failed counts an error and says whether there were too many.
func (t *tally) failed(err error) bool {
	t.errors++
	if len(t.texts) < 3 {
		t.texts = append(t.texts, err.Error())
	}
	return t.errors >= mostErrors
}

// fill puts every object once. Some servers refuse what comes first into a new folder: it is tried
// again, and an error is told only if that does not help.
func fill(p *plan, clients []*client, lasts time.Duration) result {
	tallies := make([]tally, len(clients))
	var next atomic.Int64
	var group sync.WaitGroup
	before, began := ownCPU(), time.Now()
	ends := began.Add(lasts)
	for i, each := range clients {
		group.Add(1)
		go func() {
			defer group.Done()
			seen := &tallies[i]
			for time.Now().Before(ends) {
				number := int(next.Add(1) - 1)
				if number >= p.objects {
					return
				}
				sent := time.Now()
				moved, err := each.put(p.listedKey(number))
				for try := 1; err != nil && try < fillTries; try++ {
					moved, err = each.put(p.listedKey(number))
				}
				if err == nil {
					seen.took = append(seen.took, time.Since(sent))
					seen.moved += int64(moved)
				} else if seen.failed(err) {
					return
				}
			}
		}()
	}
	group.Wait()
	return summed(tallies, time.Since(began), ownCPU()-before)
}

func files(p *plan, folder string) error {
	for number := range p.objects {
		path := filepath.Join(folder, filepath.FromSlash(p.listedKey(number)))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, p.whole.bytes, 0o644); err != nil {
			return err
		}
	}
	return nil
}

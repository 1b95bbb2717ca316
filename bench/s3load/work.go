package main

import (
	"bytes"
	"fmt"
	"math/rand"
	"regexp"
	"strings"
	"sync/atomic"
)

// plan is what all clients do.
type plan struct {
	work    string
	prefix  string
	objects int
	whole   *content
	parts   []*content
	kind    string
	folders int
	listed  int
	after   string
	source  string
	next    atomic.Int64
}

func (p *plan) key(number int) string { return fmt.Sprintf("%sobj-%08d", p.prefix, number) }

// listedKey spreads keys over folders, or gives them flat if there are none.
func (p *plan) listedKey(number int) string {
	if p.folders == 0 {
		return p.key(number)
	}
	return fmt.Sprintf("%sp%02d/obj-%08d", p.prefix, number%p.folders, number)
}

// client does one operation after the other over one connection.
type client struct {
	plan    *plan
	number  int
	chance  *rand.Rand
	made    *maker
	line    *connection
	written []string
	count   int
}

type operation func(*client) (moved int, err error)

var operations = map[string]operation{
	"get":       (*client).get,
	"head":      (*client).head,
	"put":       (*client).putNext,
	"multipart": (*client).multipart,
	"list":      (*client).listFolder,
	"page":      (*client).page,
	"copy":      (*client).copy,
	"mixed":     (*client).mixed,
	"delete":    (*client).deleteNext,
	"buckets":   (*client).buckets,
}

func (c *client) any() string { return c.plan.key(c.chance.Intn(c.plan.objects)) }

func (c *client) get() (int, error) {
	request := c.made.plain("GET", c.made.path(c.any()), "", nil, nil)
	_, err := expected(200)(c.line.ask(request, want{content: c.plan.whole}))
	return len(c.plan.whole.bytes), err
}

func (c *client) head() (int, error) {
	request := c.made.plain("HEAD", c.made.path(c.any()), "", nil, nil)
	_, err := expected(200)(c.line.ask(request, want{bodiless: true}))
	return 0, err
}

func (c *client) put(key string) (int, error) {
	request := c.made.upload(c.made.path(key), "", c.plan.whole, c.plan.kind)
	_, err := stored(c.made.anonymous)(c.line.ask(request, want{text: true}))
	return len(c.plan.whole.bytes), err
}

// putNext puts keys in turn: over and over if the plan counts objects, else always new ones.
func (c *client) putNext() (int, error) {
	number := int(c.plan.next.Add(1) - 1)
	if c.plan.objects > 0 {
		number %= c.plan.objects
	}
	return c.put(c.plan.key(number))
}

func (c *client) remove(key string) (int, error) {
	request := c.made.plain("DELETE", c.made.path(key), "", nil, nil)
	_, err := expected(204)(c.line.ask(request, want{text: true}))
	return 0, err
}

func (c *client) deleteNext() (int, error) {
	return c.remove(c.plan.key(int(c.plan.next.Add(1) - 1)))
}

func (c *client) buckets() (int, error) {
	_, err := expected(200)(c.line.ask(c.made.plain("GET", "/", "", nil, nil), want{text: true}))
	return 0, err
}

func (c *client) createBucket() (int, error) {
	_, err := expected(200)(c.line.ask(c.made.plain("PUT", c.made.path(""), "", nil, nil), want{text: true}))
	return 0, err
}

func (c *client) listFolder() (int, error) {
	folder := fmt.Sprintf("%sp%02d/", c.plan.prefix, c.number%c.plan.folders)
	return c.list("list-type=2&prefix=" + escaped(folder))
}

func (c *client) page() (int, error) {
	query := "list-type=2&max-keys=1000"
	if c.plan.prefix != "" {
		query += "&prefix=" + escaped(c.plan.prefix)
	}
	return c.list(query + "&start-after=" + escaped(c.plan.after))
}

func (c *client) list(query string) (int, error) {
	request := c.made.plain("GET", c.made.path(""), query, nil, nil)
	got, err := expected(200)(c.line.ask(request, want{text: true}))
	if err != nil {
		return 0, err
	}
	if keys := bytes.Count(got.text, []byte("<Key>")); keys != c.plan.listed {
		return 0, fmt.Errorf("%d keys listed instead of %d", keys, c.plan.listed)
	}
	return len(got.text), nil
}

func (c *client) copy() (int, error) {
	extra := []header{{"x-amz-copy-source", c.made.path(c.plan.source)}}
	key := fmt.Sprintf("%scopy-%02d", c.plan.prefix, c.number)
	request := c.made.plain("PUT", c.made.path(key), "", extra, nil)
	got, err := expected(200)(c.line.ask(request, want{text: true}))
	if err == nil && !bytes.Contains(got.text, []byte("CopyObjectResult>")) {
		// S3 answers 200 before it knows how a copy ends.
		err = fmt.Errorf("200 without a result: %.300s", got.text)
	}
	return len(c.plan.whole.bytes), err
}

// mixed is 45 % GET, 30 % HEAD, 15 % PUT, 10 % DELETE of what this client has put.
func (c *client) mixed() (int, error) {
	roll := c.chance.Intn(100)
	switch {
	case roll < 45:
		return c.get()
	case roll < 75:
		return c.head()
	case roll < 90 || len(c.written) == 0:
		key := fmt.Sprintf("%smix-%02d-%08d", c.plan.prefix, c.number, c.count)
		c.count++
		moved, err := c.put(key)
		if err == nil {
			c.written = append(c.written, key)
		}
		return moved, err
	}
	last := len(c.written) - 1
	key := c.written[last]
	c.written = c.written[:last]
	return c.remove(key)
}

var uploadID = regexp.MustCompile(`<UploadId>([^<]+)</UploadId>`)

// multipart is one object: create, its parts one after the other, complete.
func (c *client) multipart() (int, error) {
	number := int(c.plan.next.Add(1) - 1)
	path := c.made.path(c.plan.key(number % max(1, c.plan.objects)))
	got, err := expected(200)(c.line.ask(c.made.plain("POST", path, "uploads=", nil, nil), want{text: true}))
	if err != nil {
		return 0, err
	}
	found := uploadID.FindSubmatch(got.text)
	if found == nil {
		return 0, fmt.Errorf("no UploadId: %.300s", got.text)
	}
	upload := "uploadId=" + escaped(string(found[1]))
	var list strings.Builder
	for i, part := range c.plan.parts {
		query := fmt.Sprintf("partNumber=%d&%s", i+1, upload)
		got, err = expected(200)(c.line.ask(c.made.upload(path, query, part, c.plan.kind), want{text: true}))
		if err != nil {
			return 0, err
		}
		fmt.Fprintf(&list, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>",
			i+1, strings.ReplaceAll(got.etag, `"`, "&quot;"))
	}
	body := []byte("<CompleteMultipartUpload>" + list.String() + "</CompleteMultipartUpload>")
	got, err = expected(200)(c.line.ask(c.made.plain("POST", path, upload, nil, body), want{text: true}))
	if err == nil && !bytes.Contains(got.text, []byte("CompleteMultipartUploadResult")) {
		err = fmt.Errorf("200 without a result: %.300s", got.text)
	}
	return len(c.plan.whole.bytes), err
}

// stored is what a PUT must be answered with: of a server that knows no S3, any of HTTP's own.
func stored(anonymous bool) func(*answer, error) (*answer, error) {
	return func(got *answer, err error) (*answer, error) {
		if anonymous && err == nil && (got.status == 201 || got.status == 204) {
			return got, nil
		}
		return expected(200)(got, err)
	}
}

// expected makes an error of an answer with another status; 200 will do for 204.
func expected(status int) func(*answer, error) (*answer, error) {
	return func(got *answer, err error) (*answer, error) {
		if err != nil || got.status == status || status == 204 && got.status == 200 {
			return got, err
		}
		return got, fmt.Errorf("%d instead of %d: %.300s", got.status, status, got.text)
	}
}

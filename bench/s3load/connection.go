package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strconv"
	"strings"
)

const mostText = 4 << 20

// answer is what came back. text holds the body of one that was asked for, or of an error.
type answer struct {
	status int
	etag   string
	text   []byte
}

// connection is kept alive from request to request, and made anew when the server has closed it.
type connection struct {
	address string
	socket  net.Conn
	reader  *bufio.Reader
	buffer  []byte
	text    bytes.Buffer
}

func newConnection(address string) *connection {
	return &connection{address: address, buffer: make([]byte, 256<<10)}
}

func (c *connection) close() {
	if c.socket != nil {
		c.socket.Close()
		c.socket = nil
	}
}

// want says how an answer is read: its body compared with content, gathered as text, or not there.
type want struct {
	content  *content
	text     bool
	bodiless bool
}

// ask sends one request and reads its answer to the end. After an error the connection is closed.
func (c *connection) ask(request net.Buffers, expected want) (*answer, error) {
	if c.socket == nil {
		socket, err := net.Dial("tcp", c.address)
		if err != nil {
			return nil, err
		}
		c.socket, c.reader = socket, bufio.NewReaderSize(socket, 32<<10)
	}
	if err := c.send(request); err != nil {
		c.close()
		return nil, err
	}
	got, closes, err := c.receive(expected)
	if err != nil || closes {
		c.close()
	}
	return got, err
}

func (c *connection) send(request net.Buffers) error {
	if len(request) == 1 {
		_, err := c.socket.Write(request[0])
		return err
	}
	_, err := request.WriteTo(c.socket)
	return err
}

func (c *connection) receive(expected want) (*answer, bool, error) {
	got, length, chunked, closes, err := c.head()
	if err != nil {
		return nil, true, err
	}
	if expected.bodiless && got.status < 300 || got.status == 204 || got.status == 304 {
		return got, closes, nil
	}
	body := io.Reader(c.reader)
	switch {
	case chunked:
		body = httputil.NewChunkedReader(c.reader)
	case length >= 0:
		body = io.LimitReader(c.reader, length)
	default:
		closes = true
	}
	if expected.content != nil && got.status < 300 {
		err = c.compare(body, expected.content.bytes)
	} else {
		c.text.Reset()
		_, err = c.text.ReadFrom(io.LimitReader(body, mostText))
		got.text = c.text.Bytes()
		if err == nil && length >= 0 && int64(len(got.text)) != length {
			err = errors.New("the body is shorter or longer than announced")
		}
	}
	if err == nil && chunked {
		err = c.trailers()
	}
	return got, closes, err
}

func (c *connection) head() (got *answer, length int64, chunked, closes bool, err error) {
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return nil, 0, false, true, err
	}
	if len(line) < 12 || string(line[:7]) != "HTTP/1." {
		return nil, 0, false, true, fmt.Errorf("no HTTP answer: %.60q", line)
	}
	got = &answer{}
	length = -1
	if got.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return nil, 0, false, true, err
	}
	for {
		line, err = c.reader.ReadSlice('\n')
		if err != nil {
			return nil, 0, false, true, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			return got, length, chunked, closes, nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case equalFold(name, "content-length"):
			if length, err = strconv.ParseInt(string(value), 10, 64); err != nil {
				return nil, 0, false, true, err
			}
		case equalFold(name, "transfer-encoding"):
			chunked = equalFold(value, "chunked")
		case equalFold(name, "connection"):
			closes = equalFold(value, "close")
		case equalFold(name, "etag"):
			got.etag = string(value)
		}
	}
}

func equalFold(name []byte, lower string) bool {
	return len(name) == len(lower) && strings.EqualFold(string(name), lower)
}

func (c *connection) compare(body io.Reader, expected []byte) error {
	at := 0
	for {
		count, err := body.Read(c.buffer)
		if at+count > len(expected) || !bytes.Equal(c.buffer[:count], expected[at:at+count]) {
			return fmt.Errorf("other bytes than were put, at or after offset %d", at)
		}
		at += count
		if err == io.EOF {
			if at < len(expected) {
				return fmt.Errorf("%d bytes instead of %d", at, len(expected))
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (c *connection) trailers() error {
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			return nil
		}
	}
}

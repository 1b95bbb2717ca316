package main

import (
	"bufio"
	"bytes"
	"net"
	"strings"
	"testing"
)

func answered(t *testing.T, raw string, expected want) (*answer, bool, error) {
	t.Helper()
	near, far := net.Pipe()
	go func() {
		far.Write([]byte(raw))
		far.Close()
	}()
	line := newConnection("")
	line.socket, line.reader = near, bufio.NewReader(near)
	return line.receive(expected)
}

func TestAnswersAreRead(t *testing.T) {
	four := &content{bytes: []byte("four")}
	for raw, expected := range map[string]want{
		"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nETag: \"x\"\r\n\r\nfour":                            {content: four},
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: \"x\"\r\n\r\n4\r\nfour\r\n0\r\n\r\n": {content: four},
		"HTTP/1.1 200 OK\r\netag: \"x\"\r\n\r\nfour":                                                 {content: four},
		"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nETag: \"x\"\r\n\r\n":                                {bodiless: true},
	} {
		got, _, err := answered(t, raw, expected)
		if err != nil || got.status != 200 || got.etag != `"x"` {
			t.Errorf("%q: %+v, %v", raw, got, err)
		}
	}
}

func TestWhatIsWrongWithAnAnswerIsTold(t *testing.T) {
	four := &content{bytes: []byte("four")}
	for raw, words := range map[string]string{
		"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfive":  "other bytes",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfours": "other bytes",
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nfou":   "3 bytes instead of 4",
		"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfo":    "2 bytes instead of 4",
		"SSH-2.0-OpenSSH_9.2p1 Debian\r\n":                  "no HTTP answer",
		"HTTP/1.1 200 OK\r\nContent-Length: 4":              "EOF",
	} {
		_, closes, err := answered(t, raw, want{content: four})
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%q: %v, %v", raw, closes, err)
		}
	}
	if _, _, err := answered(t, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfour", want{text: true}); err == nil {
		t.Error("a text that is cut was taken")
	}
}

func TestAClosedConnectionIsKnown(t *testing.T) {
	raw := "HTTP/1.1 503 Slow\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"
	got, closes, err := answered(t, raw, want{content: &content{}})
	if err != nil || !closes || got.status != 503 || !bytes.Equal(got.text, []byte("no")) {
		t.Errorf("%+v, %v, %v", got, closes, err)
	}
}

func TestOnlyThisMachineIsLoaded(t *testing.T) {
	for endpoint, good := range map[string]bool{
		"http://127.0.0.1:9000":  true,
		"http://[::1]:9000":      true,
		"http://192.0.2.1:9000":  false,
		"https://127.0.0.1:9000": false,
		"http://localhost:9000":  false, // A name may mean another machine.
		"":                       false,
	} {
		if _, err := loopback(endpoint); (err == nil) != good {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

// What Go programs do with S3 by the Go Cloud Development Kit, one function a case:
//
//	go_cdk CASE BUCKET
//
// Status 0 if the server did it, 1 with the reason if not. The environment says where
// (S3_ENDPOINT, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION).
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/s3blob"
	"gocloud.dev/gcerrors"
)

const mib = 1024 * 1024

var cases = map[string]func(context.Context, *blob.Bucket) error{
	"blobs":     blobs,
	"ranges":    ranges,
	"streams":   streams,
	"abandoned": abandoned,
	"download":  download,
	"listing":   listing,
	"copies":    copies,
	"claims":    claims,
	"links":     links,
	"missing":   missing,
	"load":      load,
}

func main() {
	if len(os.Args) != 3 || cases[os.Args[1]] == nil {
		names := make([]string, 0, len(cases))
		for name := range cases {
			names = append(names, name)
		}
		sort.Strings(names)
		fmt.Fprintln(os.Stderr, "usage: go_cdk CASE BUCKET; cases:", strings.Join(names, " "))
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx, cases[os.Args[1]], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, do func(context.Context, *blob.Bucket) error, name string) error {
	bucket, err := opened(ctx, name)
	if err != nil {
		return err
	}
	defer bucket.Close()
	return do(ctx, bucket)
}

// opened is the bucket by its URL, as programs are configured. The kit asks once: to ask again would
// hide what went wrong.
func opened(ctx context.Context, name string) (*blob.Bucket, error) {
	query := url.Values{
		"endpoint":       {os.Getenv("S3_ENDPOINT")},
		"region":         {os.Getenv("AWS_REGION")},
		"use_path_style": {"true"},
	}
	if err := os.Setenv("AWS_MAX_ATTEMPTS", "1"); err != nil {
		return nil, err
	}
	return blob.OpenBucket(ctx, "s3://"+name+"?"+query.Encode())
}

// content is size bytes that do not repeat.
func content(size int) []byte {
	data := make([]byte, size)
	rand.New(rand.NewSource(int64(size))).Read(data)
	return data
}

func same(ctx context.Context, bucket *blob.Bucket, key string, data []byte) error {
	got, err := bucket.ReadAll(ctx, key)
	if err != nil {
		return fmt.Errorf("ReadAll %q: %w", key, err)
	}
	if !bytes.Equal(got, data) {
		return fmt.Errorf("%q has %d bytes that are not the %d written", key, len(got), len(data))
	}
	return nil
}

// coded is nil if err is one that the kit gives this code.
func coded(err error, code gcerrors.ErrorCode) error {
	if gcerrors.Code(err) != code {
		return fmt.Errorf("expected %v, got %v: %v", code, gcerrors.Code(err), err)
	}
	return nil
}

func blobs(ctx context.Context, bucket *blob.Bucket) error {
	options := &blob.WriterOptions{
		CacheControl:       "max-age=60",
		ContentDisposition: `attachment; filename="a b.txt"`,
		ContentEncoding:    "identity",
		ContentLanguage:    "en",
		ContentType:        "text/plain; charset=utf-8",
		Metadata:           map[string]string{"plain": "1", "a@b:c=d": "é 日本/%", "ümlaut": " spaces "},
	}
	for _, key := range []string{"plain", "a b+é/日本", "a//b", "dir/", "a%2Fb", "../up", "\x01\n", "~!*'()"} {
		data := append([]byte(key), content(1000)...)
		if err := bucket.WriteAll(ctx, key, data, options); err != nil {
			return fmt.Errorf("WriteAll %q: %w", key, err)
		}
		if err := same(ctx, bucket, key, data); err != nil {
			return err
		}
		told, err := bucket.Attributes(ctx, key)
		if err != nil {
			return fmt.Errorf("Attributes of %q: %w", key, err)
		}
		written := []any{
			options.CacheControl, options.ContentDisposition, options.ContentEncoding,
			options.ContentLanguage, options.ContentType, options.Metadata, int64(len(data)),
		}
		back := []any{
			told.CacheControl, told.ContentDisposition, told.ContentEncoding,
			told.ContentLanguage, told.ContentType, told.Metadata, told.Size,
		}
		if !reflect.DeepEqual(written, back) {
			return fmt.Errorf("attributes of %q are %q, not %q", key, back, written)
		}
	}
	return nil
}

func ranges(ctx context.Context, bucket *blob.Bucket) error {
	data := content(300_000)
	if err := bucket.WriteAll(ctx, "a", data, nil); err != nil {
		return err
	}
	for _, each := range []struct{ offset, length int64 }{
		{0, 1}, {0, -1}, {100, 0}, {299_999, 1}, {299_990, 1000}, {1000, 200_000}, {299_000, -1},
	} {
		reader, err := bucket.NewRangeReader(ctx, "a", each.offset, each.length, nil)
		if err != nil {
			return fmt.Errorf("range %v: %w", each, err)
		}
		got, err := io.ReadAll(reader)
		if err := errors.Join(err, reader.Close()); err != nil {
			return fmt.Errorf("range %v: %w", each, err)
		}
		end := int64(len(data))
		if each.length >= 0 {
			end = min(end, each.offset+each.length)
		}
		if !bytes.Equal(got, data[each.offset:end]) || reader.Size() != int64(len(data)) {
			return fmt.Errorf("range %v has %d bytes of %d", each, len(got), reader.Size())
		}
	}
	return sought(ctx, bucket, "a", data)
}

// sought reads here and there by one reader, as archive/zip does.
func sought(ctx context.Context, bucket *blob.Bucket, key string, data []byte) error {
	reader, err := bucket.NewReader(ctx, key, nil)
	if err != nil {
		return err
	}
	defer reader.Close()
	for _, offset := range []int64{250_000, 0, 123_456} {
		if _, err := reader.Seek(offset, io.SeekStart); err != nil {
			return fmt.Errorf("Seek %d: %w", offset, err)
		}
		got := make([]byte, 1000)
		if _, err := io.ReadFull(reader, got); err != nil {
			return fmt.Errorf("after Seek %d: %w", offset, err)
		}
		if !bytes.Equal(got, data[offset:offset+1000]) {
			return fmt.Errorf("other bytes at %d", offset)
		}
	}
	return nil
}

func streams(ctx context.Context, bucket *blob.Bucket) error {
	for _, size := range []int{0, 1, 5 * mib, 5*mib + 1, 23 * mib} {
		key := fmt.Sprint("stream/", size)
		writer, err := bucket.NewWriter(ctx, key, &blob.WriterOptions{BufferSize: 5 * mib, MaxConcurrency: 3})
		if err != nil {
			return err
		}
		data := content(size)
		for start := 0; start < size; start += 777_777 {
			if _, err := writer.Write(data[start:min(size, start+777_777)]); err != nil {
				return fmt.Errorf("Write of %q: %w", key, err)
			}
		}
		if err := writer.Close(); err != nil {
			return fmt.Errorf("Close of %q: %w", key, err)
		}
		if err := same(ctx, bucket, key, data); err != nil {
			return err
		}
	}
	return nil
}

// abandoned ends a write by its context: what was there stays, and no new key appears.
func abandoned(ctx context.Context, bucket *blob.Bucket) error {
	old := []byte("old")
	if err := bucket.WriteAll(ctx, "old", old, nil); err != nil {
		return err
	}
	for _, key := range []string{"old", "new"} {
		given, cancel := context.WithCancel(ctx)
		writer, err := bucket.NewWriter(given, key, &blob.WriterOptions{BufferSize: 5 * mib})
		if err != nil {
			cancel()
			return err
		}
		_, err = writer.Write(content(12 * mib))
		cancel()
		if closed := writer.Close(); err == nil && closed == nil {
			return fmt.Errorf("%q was written though its context had ended", key)
		}
	}
	if is, err := bucket.Exists(ctx, "new"); err != nil || is {
		return fmt.Errorf("the key of an abandoned write exists: %v %v", is, err)
	}
	return same(ctx, bucket, "old", old)
}

// download reads many ranges at once into a file.
func download(ctx context.Context, bucket *blob.Bucket) error {
	data := content(21*mib + 7)
	if err := bucket.WriteAll(ctx, "a", data, nil); err != nil {
		return err
	}
	for _, parallel := range []bool{false, true} {
		file, err := os.CreateTemp(".", "download")
		if err != nil {
			return err
		}
		err = bucket.Download(ctx, "a", file, &blob.ReaderOptions{
			AllowParallelDownload: parallel, BufferSize: 2 * mib, MaxConcurrency: 6,
		})
		if err := errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("Download: %w", err)
		}
		got, err := os.ReadFile(filepath.Clean(file.Name()))
		if err != nil {
			return err
		}
		if !bytes.Equal(got, data) {
			return fmt.Errorf("parallel %v: %d bytes that are not those written", parallel, len(got))
		}
	}
	return nil
}

func listing(ctx context.Context, bucket *blob.Bucket) error {
	keys := []string{"a", "a/b", "a/c/d", "a/c/e", "b&<>", "b\x02", "z+é"}
	for _, key := range keys {
		if err := bucket.WriteAll(ctx, key, []byte(key), nil); err != nil {
			return err
		}
	}
	sort.Strings(keys)
	for _, each := range []struct {
		prefix, delimiter string
		listed            []string
	}{
		{"", "", []string{"a", "a/b", "a/c/d", "a/c/e", "b&<>", "b\x02", "z+é"}},
		{"", "/", []string{"a", "a/", "b&<>", "b\x02", "z+é"}},
		{"a/", "/", []string{"a/b", "a/c/"}},
		{"b", "", []string{"b&<>", "b\x02"}},
		{"nothing/", "", nil},
	} {
		options := &blob.ListOptions{Prefix: each.prefix, Delimiter: each.delimiter}
		got, err := listed(ctx, bucket, options)
		if err != nil {
			return fmt.Errorf("List %q %q: %w", each.prefix, each.delimiter, err)
		}
		if !reflect.DeepEqual(got, each.listed) {
			return fmt.Errorf("List %q %q: %q, not %q", each.prefix, each.delimiter, got, each.listed)
		}
	}
	return nil
}

// listed is every key, in pages of two.
func listed(ctx context.Context, bucket *blob.Bucket, options *blob.ListOptions) ([]string, error) {
	var keys []string
	token := blob.FirstPageToken
	for len(token) > 0 {
		page, next, err := bucket.ListPage(ctx, token, 2, options)
		if err != nil {
			return nil, err
		}
		for _, each := range page {
			keys = append(keys, each.Key)
			if !each.IsDir && each.Size != int64(len(each.Key)) {
				return nil, fmt.Errorf("%q has %d bytes", each.Key, each.Size)
			}
		}
		token = next
	}
	return keys, nil
}

func copies(ctx context.Context, bucket *blob.Bucket) error {
	data := content(70_000)
	options := &blob.WriterOptions{ContentType: "a/b", Metadata: map[string]string{"k": "v"}}
	if err := bucket.WriteAll(ctx, "from a+é%2F?", data, options); err != nil {
		return err
	}
	if err := bucket.Copy(ctx, "to/a+é%2F?", "from a+é%2F?", nil); err != nil {
		return fmt.Errorf("Copy: %w", err)
	}
	if err := bucket.Delete(ctx, "from a+é%2F?"); err != nil {
		return fmt.Errorf("Delete: %w", err)
	}
	told, err := bucket.Attributes(ctx, "to/a+é%2F?")
	if err != nil {
		return err
	}
	if told.ContentType != "a/b" || told.Metadata["k"] != "v" {
		return fmt.Errorf("the copy has %q, %q", told.ContentType, told.Metadata)
	}
	return same(ctx, bucket, "to/a+é%2F?", data)
}

// claims lets eight writers create one key: one does, and its bytes stay.
func claims(ctx context.Context, bucket *blob.Bucket) error {
	for _, size := range []int{100, 6 * mib} {
		key := fmt.Sprint("claim/", size)
		var winner atomic.Int32
		var lost atomic.Int32
		var writers sync.WaitGroup
		for number := range 8 {
			writers.Add(1)
			go func() {
				defer writers.Done()
				data := append([]byte{byte(number)}, content(size)...)
				err := bucket.WriteAll(ctx, key, data, &blob.WriterOptions{IfNotExist: true, BufferSize: 5 * mib})
				switch {
				case err == nil:
					winner.Add(int32(number) + 1)
				case gcerrors.Code(err) == gcerrors.FailedPrecondition, strings.Contains(err.Error(), "ConditionalRequestConflict"):
					lost.Add(1)
				default:
					fmt.Fprintln(os.Stderr, err)
				}
			}()
		}
		writers.Wait()
		if lost.Load() != 7 {
			return fmt.Errorf("%d of 8 writers were told that %q exists", lost.Load(), key)
		}
		data := append([]byte{byte(winner.Load() - 1)}, content(size)...)
		if err := same(ctx, bucket, key, data); err != nil {
			return err
		}
	}
	return nil
}

func links(ctx context.Context, bucket *blob.Bucket) error {
	data := content(50_000)
	link, err := bucket.SignedURL(ctx, "a b+é", &blob.SignedURLOptions{Method: http.MethodPut})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, link, bytes.NewReader(data))
	if err != nil {
		return err
	}
	put, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer put.Body.Close()
	if put.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(put.Body)
		return fmt.Errorf("PUT by link: %s: %s", put.Status, said)
	}
	if link, err = bucket.SignedURL(ctx, "a b+é", nil); err != nil {
		return err
	}
	got, err := http.Get(link)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	back, err := io.ReadAll(got.Body)
	if err != nil {
		return err
	}
	if !bytes.Equal(back, data) {
		return fmt.Errorf("GET by link: %s: %d bytes that are not those written", got.Status, len(back))
	}
	return nil
}

func missing(ctx context.Context, bucket *blob.Bucket) error {
	if is, err := bucket.IsAccessible(ctx); err != nil || !is {
		return fmt.Errorf("the bucket is not accessible: %v", err)
	}
	if is, err := bucket.Exists(ctx, "missing"); err != nil || is {
		return fmt.Errorf("a missing blob exists: %v %v", is, err)
	}
	_, read := bucket.ReadAll(ctx, "missing")
	_, told := bucket.Attributes(ctx, "missing")
	copied := bucket.Copy(ctx, "to", "missing", nil)
	for _, err := range []error{read, told, copied, bucket.Delete(ctx, "missing")} {
		if err := coded(err, gcerrors.NotFound); err != nil {
			return err
		}
	}
	other, err := opened(ctx, "no-such-bucket-of-anyone")
	if err != nil {
		return err
	}
	defer other.Close()
	if is, err := other.IsAccessible(ctx); err != nil || is {
		return fmt.Errorf("a bucket that is missing is accessible: %v %v", is, err)
	}
	return nil
}

// What Thanos, Cortex and Mimir do with S3, by the library that keeps their blocks there, one
// function a case:
//
//	objstore CASE BUCKET
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
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strings"
	"time"

	"github.com/go-kit/log"
	"github.com/thanos-io/objstore"
	"github.com/thanos-io/objstore/providers/s3"
)

const mib = 1024 * 1024

var cases = map[string]func(context.Context, string) error{
	"objects":     objects,
	"ranges":      ranges,
	"parts":       parts,
	"iteration":   iteration,
	"directories": directories,
	"refusals":    refusals,
	"encryption":  encryption,
}

func main() {
	if len(os.Args) != 3 || cases[os.Args[1]] == nil {
		names := make([]string, 0, len(cases))
		for name := range cases {
			names = append(names, name)
		}
		sort.Strings(names)
		fmt.Fprintln(os.Stderr, "usage: objstore CASE BUCKET; cases:", strings.Join(names, " "))
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := cases[os.Args[1]](ctx, os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// opened is the bucket by the file that is given to Thanos, and lines more.
func opened(name string, more ...string) (*s3.Bucket, error) {
	host, insecure := strings.CutPrefix(os.Getenv("S3_ENDPOINT"), "http://")
	lines := append([]string{
		"bucket: " + name,
		"endpoint: " + strings.TrimPrefix(host, "https://"),
		"region: " + os.Getenv("AWS_REGION"),
		"access_key: " + os.Getenv("AWS_ACCESS_KEY_ID"),
		"secret_key: " + os.Getenv("AWS_SECRET_ACCESS_KEY"),
		fmt.Sprint("insecure: ", insecure),
		"bucket_lookup_type: path",
		"max_retries: 1",
	}, more...)
	return s3.NewBucket(log.NewNopLogger(), []byte(strings.Join(lines, "\n")), "conformance", nil)
}

// content is size bytes that do not repeat.
func content(size int) []byte {
	data := make([]byte, size)
	rand.New(rand.NewSource(int64(size))).Read(data)
	return data
}

// unseekable hides the size of a reader, as a pipe has none.
type unseekable struct{ io.Reader }

func read(ctx context.Context, bucket objstore.Bucket, name string) ([]byte, error) {
	reader, err := bucket.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(reader)
	return got, errors.Join(err, reader.Close())
}

func same(ctx context.Context, bucket objstore.Bucket, name string, data []byte) error {
	got, err := read(ctx, bucket, name)
	if err != nil {
		return fmt.Errorf("Get %q: %w", name, err)
	}
	if !bytes.Equal(got, data) {
		return fmt.Errorf("%q has %d bytes that are not the %d written", name, len(got), len(data))
	}
	told, err := bucket.Attributes(ctx, name)
	if err != nil {
		return fmt.Errorf("Attributes of %q: %w", name, err)
	}
	if told.Size != int64(len(data)) || time.Since(told.LastModified).Abs() > 10*time.Minute {
		return fmt.Errorf("attributes of %q: %v", name, told)
	}
	return nil
}

func objects(ctx context.Context, name string) error {
	for _, more := range [][]string{
		{"send_content_md5: true"},
		{"send_content_md5: false"},
		{"put_user_metadata: {X-Amz-Storage-Class: STANDARD, owner: thanos}"},
		{"disable_multipart: true"},
	} {
		bucket, err := opened(name, more...)
		if err != nil {
			return err
		}
		for _, key := range []string{"meta.json", "a b+é/日本", "a//b", "a%2Fb"} {
			data := append([]byte(key+more[0]), content(100_000)...)
			if err := bucket.Upload(ctx, key, bytes.NewReader(data)); err != nil {
				return fmt.Errorf("%s: Upload %q: %w", more[0], key, err)
			}
			if err := same(ctx, bucket, key, data); err != nil {
				return fmt.Errorf("%s: %w", more[0], err)
			}
			if err := deleted(ctx, bucket, key); err != nil {
				return err
			}
		}
	}
	return nil
}

func deleted(ctx context.Context, bucket objstore.Bucket, name string) error {
	if is, err := bucket.Exists(ctx, name); err != nil || !is {
		return fmt.Errorf("%q is missing: %v", name, err)
	}
	if err := bucket.Delete(ctx, name); err != nil {
		return fmt.Errorf("Delete %q: %w", name, err)
	}
	if is, err := bucket.Exists(ctx, name); err != nil || is {
		return fmt.Errorf("%q is there after its deletion: %v", name, err)
	}
	return nil
}

func ranges(ctx context.Context, name string) error {
	bucket, err := opened(name)
	if err != nil {
		return err
	}
	data := content(300_000)
	if err := bucket.Upload(ctx, "chunks/000001", bytes.NewReader(data)); err != nil {
		return err
	}
	for _, each := range []struct{ offset, length int64 }{
		{0, 1}, {0, -1}, {299_999, 1}, {299_990, 1000}, {1000, 200_000}, {299_000, -1},
	} {
		reader, err := bucket.GetRange(ctx, "chunks/000001", each.offset, each.length)
		if err != nil {
			return fmt.Errorf("GetRange %v: %w", each, err)
		}
		got, err := io.ReadAll(reader)
		if err := errors.Join(err, reader.Close()); err != nil {
			return fmt.Errorf("GetRange %v: %w", each, err)
		}
		end := int64(len(data))
		if each.length >= 0 {
			end = min(end, each.offset+each.length)
		}
		if !bytes.Equal(got, data[each.offset:end]) {
			return fmt.Errorf("GetRange %v: %d bytes that are not those written", each, len(got))
		}
	}
	return nil
}

// parts uploads what is longer than a part, its length known and not. Nothing is empty: the library
// takes the end of an empty object for an error, whoever serves it.
func parts(ctx context.Context, name string) error {
	bucket, err := opened(name, "part_size: 5242880")
	if err != nil {
		return err
	}
	for _, size := range []int{1, 5 * mib, 5*mib + 1, 17 * mib} {
		data := content(size)
		if err := bucket.Upload(ctx, "index", bytes.NewReader(data)); err != nil {
			return fmt.Errorf("Upload of %d bytes: %w", size, err)
		}
		if err := same(ctx, bucket, "index", data); err != nil {
			return err
		}
	}
	data := content(20 * mib)
	if err := bucket.Upload(ctx, "stream", unseekable{bytes.NewReader(data)}); err != nil {
		return fmt.Errorf("Upload of a stream: %w", err)
	}
	return same(ctx, bucket, "stream", data)
}

func iteration(ctx context.Context, name string) error {
	keys := []string{"01A/chunks/000001", "01A/index", "01A/meta.json", "01B/meta.json", "debug", "é/x"}
	for _, version := range []string{"v1", "v2"} {
		bucket, err := opened(name, "list_objects_version: "+version)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if err := bucket.Upload(ctx, key, strings.NewReader(key)); err != nil {
				return err
			}
		}
		for _, each := range []struct {
			folder  string
			options []objstore.IterOption
			found   []string
		}{
			{"", nil, []string{"01A/", "01B/", "debug", "é/"}},
			{"01A", nil, []string{"01A/chunks/", "01A/index", "01A/meta.json"}},
			{"", []objstore.IterOption{objstore.WithRecursiveIter()}, keys},
			{"01", nil, nil},
		} {
			var found []string
			add := func(key string) error { found = append(found, key); return nil }
			if err := bucket.Iter(ctx, each.folder, add, each.options...); err != nil {
				return fmt.Errorf("%s: Iter %q: %w", version, each.folder, err)
			}
			sort.Strings(found)
			if !reflect.DeepEqual(found, each.found) {
				return fmt.Errorf("%s: Iter %q: %q, not %q", version, each.folder, found, each.found)
			}
		}
		if err := dated(ctx, bucket); err != nil {
			return fmt.Errorf("%s: %w", version, err)
		}
	}
	return nil
}

// dated asks for the times too, as the compactor does to find what to delete.
func dated(ctx context.Context, bucket objstore.Bucket) error {
	return bucket.IterWithAttributes(ctx, "01A", func(each objstore.IterObjectAttributes) error {
		listed, is := each.LastModified()
		if !is {
			return fmt.Errorf("%q has no time", each.Name)
		}
		told, err := bucket.Attributes(ctx, each.Name)
		if err != nil {
			return err
		}
		if !listed.Truncate(time.Second).Equal(told.LastModified) {
			return fmt.Errorf("%q was listed with %v, and has %v", each.Name, listed, told.LastModified)
		}
		return nil
	}, objstore.WithRecursiveIter(), objstore.WithUpdatedAt())
}

// directories takes a block there and back, eight files at once.
func directories(ctx context.Context, name string) error {
	bucket, err := opened(name)
	if err != nil {
		return err
	}
	logger := log.NewNopLogger()
	files := map[string][]byte{"meta.json": []byte("{}"), "index": content(3 * mib)}
	for number := range 40 {
		files[fmt.Sprintf("chunks/%06d", number)] = content(20_000 + number)
	}
	for file, data := range files {
		path := filepath.Join("block", file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	if err := objstore.UploadDir(ctx, logger, bucket, "block", "01A", objstore.WithUploadConcurrency(8)); err != nil {
		return fmt.Errorf("UploadDir: %w", err)
	}
	err = objstore.DownloadDir(ctx, logger, bucket, "01A", "01A", "back", objstore.WithFetchConcurrency(8))
	if err != nil {
		return fmt.Errorf("DownloadDir: %w", err)
	}
	for file, data := range files {
		got, err := os.ReadFile(filepath.Join("back", file))
		if err != nil {
			return err
		}
		if !bytes.Equal(got, data) {
			return fmt.Errorf("%q came back with %d bytes that are not those written", file, len(got))
		}
	}
	return nil
}

func refusals(ctx context.Context, name string) error {
	bucket, err := opened(name)
	if err != nil {
		return err
	}
	_, got := bucket.Get(ctx, "missing")
	_, ranged := bucket.GetRange(ctx, "missing", 5, 5)
	_, told := bucket.Attributes(ctx, "missing")
	for _, err := range []error{got, ranged, told} {
		if !bucket.IsObjNotFoundErr(err) {
			return fmt.Errorf("expected that the object is not found, got %v", err)
		}
	}
	if err := bucket.Delete(ctx, "missing"); err != nil {
		return fmt.Errorf("Delete of a missing object: %w", err)
	}
	other, err := opened("no-such-bucket-of-anyone")
	if err != nil {
		return err
	}
	_, got = other.Get(ctx, "missing")
	if got == nil || other.IsObjNotFoundErr(got) {
		return fmt.Errorf("a missing bucket: %v", got)
	}
	return nil
}

// encryption is not built: it must be refused by name, and nothing be stored.
func encryption(ctx context.Context, name string) error {
	bucket, err := opened(name, "sse_config: {type: SSE-S3}")
	if err != nil {
		return err
	}
	err = bucket.Upload(ctx, "secret", strings.NewReader("in the clear"))
	if err == nil || !strings.Contains(err.Error(), "x-amz-server-side-encryption") {
		return fmt.Errorf("expected a refusal of x-amz-server-side-encryption, got %v", err)
	}
	if is, err := bucket.Exists(ctx, "secret"); err != nil || is {
		return fmt.Errorf("what was refused is there: %v %v", is, err)
	}
	return nil
}

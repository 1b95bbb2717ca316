// What Go programs do with S3, one function a case:
//
//	go_sdk CASE BUCKET
//
// Status 0 if the server did it, 1 with the reason if not. The environment says where
// (S3_ENDPOINT, S3_DOMAIN, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION).
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

const mib = 1024 * 1024

var cases = map[string]func(context.Context, *s3.Client, string) error{
	"objects":       objects,
	"listing":       listing,
	"checksums":     checksums,
	"trailers":      trailers,
	"multipart":     multipart,
	"presigned":     presigned,
	"conditions":    conditions,
	"hosts":         hosts,
	"refusals":      refusals,
	"configuration": configuration,
}

func main() {
	if len(os.Args) != 3 || cases[os.Args[1]] == nil {
		names := make([]string, 0, len(cases))
		for name := range cases {
			names = append(names, name)
		}
		sort.Strings(names)
		fmt.Fprintln(os.Stderr, "usage: go_sdk CASE BUCKET; cases:", strings.Join(names, " "))
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := cases[os.Args[1]](ctx, client(nil), os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func client(change func(*s3.Options)) *s3.Client {
	options := s3.Options{
		BaseEndpoint: aws.String(os.Getenv("S3_ENDPOINT")),
		Region:       os.Getenv("AWS_REGION"),
		UsePathStyle: true,
		Retryer:      aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider(
			os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), ""),
	}
	if change == nil {
		return s3.New(options)
	}
	return s3.New(options, change)
}

// content is size bytes that do not repeat.
func content(size int) []byte {
	data := make([]byte, size)
	rand.New(rand.NewSource(int64(size))).Read(data)
	return data
}

// unseekable hides every method of a reader but Read, as a pipe has no other.
type unseekable struct{ io.Reader }

func read(ctx context.Context, c *s3.Client, bucket, key string) ([]byte, error) {
	got, err := c.GetObject(ctx, &s3.GetObjectInput{
		Bucket: &bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled,
	})
	if err != nil {
		return nil, err
	}
	defer got.Body.Close()
	return io.ReadAll(got.Body)
}

func same(ctx context.Context, c *s3.Client, bucket, key string, data []byte) error {
	got, err := read(ctx, c, bucket, key)
	if err != nil {
		return fmt.Errorf("GetObject %q: %w", key, err)
	}
	if !bytes.Equal(got, data) {
		return fmt.Errorf("%q has %d bytes that are not the %d written", key, len(got), len(data))
	}
	return nil
}

func put(ctx context.Context, c *s3.Client, bucket, key string, data []byte) error {
	_, err := c.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &bucket, Key: &key, Body: bytes.NewReader(data),
	})
	return err
}

// refused is nil if err is a refusal of that code.
func refused(err error, code string) error {
	var refusal smithy.APIError
	if !errors.As(err, &refusal) {
		return fmt.Errorf("expected %s, got %v", code, err)
	}
	if refusal.ErrorCode() != code {
		return fmt.Errorf("expected %s, got %s: %s", code, refusal.ErrorCode(), refusal.ErrorMessage())
	}
	return nil
}

func objects(ctx context.Context, c *s3.Client, bucket string) error {
	for _, key := range []string{"plain", "a b+é/日本", "a//b", "dir/", "a%2Fb", "~!*'()"} {
		data := append([]byte(key), content(1000)...)
		if err := put(ctx, c, bucket, key, data); err != nil {
			return fmt.Errorf("PutObject %q: %w", key, err)
		}
		if err := same(ctx, c, bucket, key, data); err != nil {
			return err
		}
	}
	_, err := c.CopyObject(ctx, &s3.CopyObjectInput{
		Bucket: &bucket, Key: aws.String("copy"), CopySource: aws.String(bucket + "/plain"),
		MetadataDirective: types.MetadataDirectiveReplace, Metadata: map[string]string{"a": "1"},
	})
	if err != nil {
		return fmt.Errorf("CopyObject: %w", err)
	}
	head, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: aws.String("copy")})
	if err != nil {
		return fmt.Errorf("HeadObject: %w", err)
	}
	if head.Metadata["a"] != "1" || *head.ContentLength != 1005 {
		return fmt.Errorf("HeadObject tells %v, %d bytes", head.Metadata, *head.ContentLength)
	}
	told, err := c.GetObjectAttributes(ctx, &s3.GetObjectAttributesInput{
		Bucket: &bucket, Key: aws.String("copy"),
		ObjectAttributes: []types.ObjectAttributes{
			types.ObjectAttributesEtag, types.ObjectAttributesObjectSize,
		},
	})
	if err != nil {
		return fmt.Errorf("GetObjectAttributes: %w", err)
	}
	if told.ObjectSize == nil || *told.ObjectSize != 1005 || told.ETag == nil {
		return fmt.Errorf("GetObjectAttributes tells %v, %v", told.ObjectSize, told.ETag)
	}
	return nil
}

func listing(ctx context.Context, c *s3.Client, bucket string) error {
	keys := []string{"a", "a/b", "a/c/d", "b&<>", "z+é"}
	for _, key := range keys {
		if err := put(ctx, c, bucket, key, nil); err != nil {
			return err
		}
	}
	var listed []string
	pages := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{
		Bucket: &bucket, MaxKeys: aws.Int32(2),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, each := range page.Contents {
			listed = append(listed, *each.Key)
		}
	}
	if fmt.Sprint(listed) != fmt.Sprint(keys) {
		return fmt.Errorf("listed %q, not %q", listed, keys)
	}
	doomed := make([]types.ObjectIdentifier, 0, len(keys))
	for _, key := range keys {
		doomed = append(doomed, types.ObjectIdentifier{Key: aws.String(key)})
	}
	done, err := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{
		Bucket: &bucket, Delete: &types.Delete{Objects: doomed},
	})
	if err != nil {
		return fmt.Errorf("DeleteObjects: %w", err)
	}
	if len(done.Deleted) != len(keys) || len(done.Errors) != 0 {
		return fmt.Errorf("deleted %d, %d errors", len(done.Deleted), len(done.Errors))
	}
	return nil
}

var algorithms = []types.ChecksumAlgorithm{
	types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc32c, types.ChecksumAlgorithmCrc64nvme,
	types.ChecksumAlgorithmSha1, types.ChecksumAlgorithmSha256,
}

func checksums(ctx context.Context, c *s3.Client, bucket string) error {
	data := content(100_000)
	for _, algorithm := range algorithms {
		key := string(algorithm)
		_, err := c.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &bucket, Key: &key, Body: bytes.NewReader(data), ChecksumAlgorithm: algorithm,
		})
		if err != nil {
			return fmt.Errorf("PutObject with %s: %w", algorithm, err)
		}
		if err := same(ctx, c, bucket, key, data); err != nil {
			return err
		}
	}
	_, err := c.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &bucket, Key: aws.String("wrong"), Body: bytes.NewReader(data),
		ChecksumCRC32: aws.String("AAAAAA=="),
	})
	return refused(err, "BadDigest")
}

// trailers sends a body whose length is told but which cannot be read twice: over TLS the SDK frames
// it with an unsigned trailer, over plain HTTP it must sign the payload, so it is told not to.
func trailers(ctx context.Context, c *s3.Client, bucket string) error {
	data := content(300_000)
	for _, algorithm := range algorithms {
		key := "trailer/" + string(algorithm)
		_, err := c.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &bucket, Key: &key, Body: bytes.NewReader(data),
			ContentLength: aws.Int64(int64(len(data))), ChecksumAlgorithm: algorithm,
			ContentEncoding: aws.String("gzip"),
		})
		if err != nil {
			return fmt.Errorf("PutObject with %s: %w", algorithm, err)
		}
		head, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
		if err != nil {
			return err
		}
		if aws.ToString(head.ContentEncoding) != "gzip" {
			return fmt.Errorf("content encoding is %q", aws.ToString(head.ContentEncoding))
		}
		if err := same(ctx, c, bucket, key, data); err != nil {
			return err
		}
	}
	return nil
}

func multipart(ctx context.Context, c *s3.Client, bucket string) error {
	data := content(21*mib + 3)
	manager := transfermanager.New(c, func(o *transfermanager.Options) {
		o.PartSizeBytes = 5 * mib
		o.MultipartUploadThreshold = 5 * mib
	})
	key := "dir/big"
	_, err := manager.UploadObject(ctx, &transfermanager.UploadObjectInput{
		Bucket: &bucket, Key: &key, Body: unseekable{bytes.NewReader(data)},
	})
	if err != nil {
		return fmt.Errorf("UploadObject: %w", err)
	}
	head, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return err
	}
	if !strings.HasSuffix(aws.ToString(head.ETag), `-5"`) {
		return fmt.Errorf("the ETag is %s", aws.ToString(head.ETag))
	}
	got, err := manager.GetObject(ctx, &transfermanager.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return fmt.Errorf("GetObject in parts: %w", err)
	}
	whole, err := io.ReadAll(got.Body)
	if err != nil {
		return fmt.Errorf("reading in parts: %w", err)
	}
	if !bytes.Equal(whole, data) {
		return fmt.Errorf("%d bytes that are not the %d written", len(whole), len(data))
	}
	return nil
}

func fetch(ctx context.Context, method, url string, body io.Reader) (int, string, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return 0, "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), err
}

func presigned(ctx context.Context, c *s3.Client, bucket string) error {
	signer := s3.NewPresignClient(c)
	key := "a b+é"
	to, err := signer.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return err
	}
	if status, text, err := fetch(ctx, to.Method, to.URL, strings.NewReader("x")); err != nil || status != 200 {
		return fmt.Errorf("presigned PUT: %d %s %v", status, text, err)
	}
	from, err := signer.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return err
	}
	if status, text, err := fetch(ctx, from.Method, from.URL, nil); err != nil || status != 200 || text != "x" {
		return fmt.Errorf("presigned GET: %d %s %v", status, text, err)
	}
	status, text, err := fetch(ctx, "GET", from.URL+"&response-content-type=text/html", nil)
	if err != nil || status != 403 || !strings.Contains(text, "SignatureDoesNotMatch") {
		return fmt.Errorf("changed URL: %d %s %v", status, text, err)
	}
	return nil
}

func conditions(ctx context.Context, c *s3.Client, bucket string) error {
	write := func(match, none *string) error {
		_, err := c.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &bucket, Key: aws.String("k"), Body: strings.NewReader("x"),
			IfMatch: match, IfNoneMatch: none,
		})
		return err
	}
	if err := write(nil, aws.String("*")); err != nil {
		return fmt.Errorf("first write: %w", err)
	}
	if err := refused(write(nil, aws.String("*")), "PreconditionFailed"); err != nil {
		return err
	}
	return refused(write(aws.String(`"0"`), nil), "PreconditionFailed")
}

func hosts(ctx context.Context, _ *s3.Client, bucket string) error {
	// RFC 6761, 6.3: names below localhost are the loopback.
	dialer := net.Dialer{}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, port, err := net.SplitHostPort(address)
			if err == nil && strings.HasSuffix(host, ".localhost") {
				address = net.JoinHostPort("127.0.0.1", port)
			}
			return dialer.DialContext(ctx, network, address)
		},
	}
	hosted := client(func(o *s3.Options) {
		o.BaseEndpoint = aws.String("http://" + os.Getenv("S3_DOMAIN"))
		o.UsePathStyle = false
		o.HTTPClient = &http.Client{Transport: transport}
	})
	if err := put(ctx, hosted, bucket, "é//k", []byte("hosted")); err != nil {
		return err
	}
	return same(ctx, hosted, bucket, "é//k", []byte("hosted"))
}

func refusals(ctx context.Context, c *s3.Client, bucket string) error {
	wrong := client(func(o *s3.Options) {
		o.Credentials = credentials.NewStaticCredentialsProvider(os.Getenv("AWS_ACCESS_KEY_ID"), "wrong", "")
	})
	if err := refused(put(ctx, wrong, bucket, "k", nil), "SignatureDoesNotMatch"); err != nil {
		return err
	}
	_, err := read(ctx, c, bucket, "absent")
	if err := refused(err, "NoSuchKey"); err != nil {
		return err
	}
	_, err = read(ctx, c, bucket+"-absent", "k")
	return refused(err, "NoSuchBucket")
}

func configuration(ctx context.Context, c *s3.Client, bucket string) error {
	if _, err := c.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &bucket}); err != nil {
		return fmt.Errorf("GetBucketVersioning: %w", err)
	}
	if _, err := c.GetBucketAcl(ctx, &s3.GetBucketAclInput{Bucket: &bucket}); err != nil {
		return fmt.Errorf("GetBucketAcl: %w", err)
	}
	_, err := c.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: &bucket})
	if err := refused(err, "NoSuchBucketPolicy"); err != nil {
		return err
	}
	_, err = c.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: &bucket})
	if err := refused(err, "NoSuchLifecycleConfiguration"); err != nil {
		return err
	}
	_, err = c.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket: &bucket,
		VersioningConfiguration: &types.VersioningConfiguration{
			Status: types.BucketVersioningStatusEnabled,
		},
	})
	return refused(err, "NotImplemented")
}

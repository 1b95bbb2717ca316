package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

const (
	loadWorkers    = 8
	loadOperations = 150
	loadKeys       = 12
)

// load lets eight workers write, copy, read, list and delete the same few keys. No operation fails but
// for a key that is missing, and whatever is read is whole: one of the bodies that were written.
func load(ctx context.Context, bucket *blob.Bucket) error {
	done := make(chan error, loadWorkers)
	for worker := range loadWorkers {
		go func() { done <- worked(ctx, bucket, rand.New(rand.NewSource(int64(worker)))) }()
	}
	var all []error
	for range loadWorkers {
		all = append(all, <-done)
	}
	return errors.Join(all...)
}

func worked(ctx context.Context, bucket *blob.Bucket, random *rand.Rand) error {
	operations := []struct {
		name string
		do   func(context.Context, *blob.Bucket, *rand.Rand) error
	}{
		{"write", loadWrite}, {"write", loadWrite}, {"read", loadRead}, {"read", loadRead},
		{"read to the end", loadRange}, {"list", loadList}, {"copy", loadCopy}, {"delete", loadDelete},
	}
	for range loadOperations {
		each := operations[random.Intn(len(operations))]
		if err := each.do(ctx, bucket, random); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
			return fmt.Errorf("%s: %w", each.name, err)
		}
	}
	return nil
}

func loadKey(random *rand.Rand) string {
	return fmt.Sprintf("load/%02d", random.Intn(loadKeys))
}

func loadWrite(ctx context.Context, bucket *blob.Bucket, random *rand.Rand) error {
	sizes := []int{100, 100, 5_000, 5_000, 70_000, 300_000, 6 * mib}
	body := make([]byte, sizes[random.Intn(len(sizes))])
	random.Read(body)
	sum := sha256.Sum256(body)
	options := &blob.WriterOptions{BufferSize: 5 * mib}
	return bucket.WriteAll(ctx, loadKey(random), append(sum[:], body...), options)
}

// whole is nil if data is a body as loadWrite makes them: its digest goes before.
func whole(data []byte) error {
	if len(data) < sha256.Size {
		return fmt.Errorf("%d bytes are no body", len(data))
	}
	sum := sha256.Sum256(data[sha256.Size:])
	if !bytes.Equal(sum[:], data[:sha256.Size]) {
		return fmt.Errorf("%d bytes are none of the bodies written", len(data))
	}
	return nil
}

func loadRead(ctx context.Context, bucket *blob.Bucket, random *rand.Rand) error {
	data, err := bucket.ReadAll(ctx, loadKey(random))
	if err != nil {
		return err
	}
	return whole(data)
}

func loadRange(ctx context.Context, bucket *blob.Bucket, random *rand.Rand) error {
	reader, err := bucket.NewRangeReader(ctx, loadKey(random), 50, -1, nil)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(reader)
	if err := errors.Join(err, reader.Close()); err != nil {
		return err
	}
	if int64(len(data)) != reader.Size()-50 {
		return fmt.Errorf("%d bytes of %d", len(data), reader.Size())
	}
	return nil
}

func loadList(ctx context.Context, bucket *blob.Bucket, _ *rand.Rand) error {
	objects, _, err := bucket.ListPage(ctx, blob.FirstPageToken, 1000, &blob.ListOptions{Prefix: "load/"})
	if err != nil {
		return err
	}
	for place, each := range objects {
		if place > 0 && objects[place-1].Key >= each.Key {
			return fmt.Errorf("%q is listed before %q", objects[place-1].Key, each.Key)
		}
	}
	if len(objects) > loadKeys {
		return fmt.Errorf("%d keys of %d", len(objects), loadKeys)
	}
	return nil
}

func loadCopy(ctx context.Context, bucket *blob.Bucket, random *rand.Rand) error {
	from, to := loadKey(random), loadKey(random)
	if from == to {
		return nil
	}
	return bucket.Copy(ctx, to, from, nil)
}

func loadDelete(ctx context.Context, bucket *blob.Bucket, random *rand.Rand) error {
	return bucket.Delete(ctx, loadKey(random))
}

package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/redoubt-kms/redoubt/client"
	"github.com/redoubt-kms/redoubt/proof"
)

const maxAnswer = 16 << 20

func get(ctx context.Context, address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: status %d", address, response.StatusCode)
	}
	return b, err
}

// verifyServer reads all leaves of a server's log and checks that they have the root that the certifier signed.
func verifyServer(ctx context.Context, address string, show func(done, all uint64), tail *newest) (verified, error) {
	address = strings.TrimSuffix(address, "/")
	a, err := client.New(address, "", nil).Attestation(ctx)
	if err != nil {
		return verified{}, err
	}
	if a.Receipt.Head.Size == a.Checkpoint.Size && a.Receipt.Head.Root != a.Checkpoint.Root {
		return verified{}, errors.New("receipt and checkpoint disagree about the root")
	}
	root, err := rootOfTiles(ctx, address, a.Checkpoint.Size, show, tail)
	if err != nil {
		return verified{}, err
	}
	if root != a.Checkpoint.Root {
		return verified{}, fmt.Errorf("the %d entries that the server shows do not have the root that its certifier signed", a.Checkpoint.Size)
	}
	note := "note: the server chose the manifest; compare its hash with the one that you were given, or pass it as --manifest"
	rebased := (*rebaseLine)(nil)
	if a.Rebase != nil {
		rebased = lineOfRebase(*a.Rebase)
	}
	return verified{rebased: rebased, size: a.Checkpoint.Size, root: root, manifest: a.Hash, notes: []string{note}, head: a.Receipt.Head, entries: tail.entries()}, nil
}

// rootOfTiles computes the root from the leaf hashes alone.
func rootOfTiles(ctx context.Context, address string, size uint64, show func(done, all uint64), tail *newest) (proof.Hash, error) {
	var hashes storedHashes
	for at := int64(0); at < int64(size); show(uint64(at), size) {
		data, err := leaves(ctx, address, at, size)
		if err != nil {
			return proof.Hash{}, err
		}
		for leaf := range slices.Chunk(data, tlog.HashSize) {
			more, err := tlog.StoredHashesForRecordHash(at, tlog.Hash(leaf), hashes)
			if err != nil {
				return proof.Hash{}, err
			}
			hashes = append(hashes, more...)
			tail.add(entry{Index: uint64(at), Leaf: hex.EncodeToString(leaf)})
			at++
		}
	}
	return tlog.TreeHash(int64(size), hashes)
}

// leaves reads the tile of leaf hashes that begins at an entry, or the part of it that is there.
func leaves(ctx context.Context, address string, at int64, size uint64) ([]byte, error) {
	const height = 8
	tile := tlog.TileForIndex(height, tlog.StoredHashIndex(0, at))
	tile.W = int(min(1<<height, int64(size)-tile.N<<height))
	data, err := get(ctx, address+"/log/"+tile.Path())
	if err == nil && len(data) != tile.W*tlog.HashSize {
		err = fmt.Errorf("tile %s has %d bytes", tile.Path(), len(data))
	}
	return data, err
}

type storedHashes []tlog.Hash

// ReadHashes implements tlog.HashReader.
func (h storedHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x >= int64(len(h)) {
			return nil, fmt.Errorf("no hash %d", x)
		}
		out[i] = h[x]
	}
	return out, nil
}

package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// Lock is the right to work on one key. The kernel gives it back when the
// process ends, however it ends.
type Lock struct {
	key string
	f   *flock.Flock
}

// Lock takes the key's lock, or returns ErrLocked. It tries for a tenth of a
// second, because Busy holds the lock for a moment to look at it.
func (s *Store) Lock(ctx context.Context, key string) (*Lock, error) {
	f := flock.New(filepath.Join(s.root, "locks", key))
	if err := s.disk.before("lock", f.Path()); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	ok, err := f.TryLockContext(ctx, 5*time.Millisecond)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("lock %s: %w", short(key), err)
	}
	if !ok {
		return nil, fmt.Errorf("%s: %w", short(key), ErrLocked)
	}
	return &Lock{key, f}, nil
}

// Release gives the lock back.
func (l *Lock) Release() error { return l.f.Close() }

// Busy says whether some process works on the key at this moment.
func (s *Store) Busy(key string) bool {
	path := filepath.Join(s.root, "locks", key)
	if _, err := stampOf(path); err != nil {
		return false
	}
	f := flock.New(path)
	ok, err := f.TryRLock()
	f.Close()
	return err == nil && !ok
}

package runtime

import "sync/atomic"

// mutex is the lock of this package's own Go data. Waiting goroutines park.
type mutex struct {
	users atomic.Int32 // holder and waiters
	sema  uint32
}

func lock(m *mutex) {
	if m.users.Add(1) > 1 {
		semacquire(&m.sema)
	}
}

func unlock(m *mutex) {
	if m.users.Add(-1) > 0 {
		semrelease(&m.sema, false, 0)
	}
}

// semacquire and semrelease are the semaphores of package sync.

//go:linkname semacquire sync.runtime_Semacquire
func semacquire(s *uint32)

//go:linkname semrelease sync.runtime_Semrelease
func semrelease(s *uint32, handoff bool, skipframes int)

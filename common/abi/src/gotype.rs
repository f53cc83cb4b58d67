//! Type descriptors (internal/abi), see the module of the same name in Go. Filled by the allocator.

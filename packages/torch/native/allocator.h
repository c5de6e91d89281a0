// CPU memory for tensors, kept for reuse.
//
// A training step frees and takes the same hundreds of buffers again and again. glibc hands large ones back to the
// system each time, and every first touch of a page then costs a fault and a clearing, often more than the operator
// itself. Freed blocks stay here in lists by size class instead, up to a limit; large ones ask for huge pages.
// One allocator serves the whole process, every thread and every environment.
#pragma once

#include <cstddef>

namespace unmask {

// Makes libtorch take CPU memory from here; repeated calls do nothing.
void installAllocator();

struct AllocatorFacts {
  size_t cachedBytes;  // free here, but not given back to the system
  size_t totalBytes;   // taken from the system
};
AllocatorFacts allocatorFacts();

// Gives every cached block back to the system.
void emptyCache();

}  // namespace unmask

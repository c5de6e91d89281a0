#include "allocator.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <vector>

namespace unmask {

// What CMake found out about this libtorch's headers.
#ifdef UNMASK_ALLOCATE_IS_CONST
#define UNMASK_CONST_ALLOCATE const
#else
#define UNMASK_CONST_ALLOCATE
#endif
#ifdef UNMASK_HAS_COPY_DATA
#define UNMASK_OVERRIDE_COPY_DATA override
#else
#define UNMASK_OVERRIDE_COPY_DATA
#endif

namespace {

// A block begins with its size class; the data follow at the alignment that libtorch's kernels expect.
constexpr size_t kAlignment = 64;
constexpr size_t kLarge = size_t{1} << 22;
// Each doubling is cut into 8 classes, so that at most an eighth of a block is wasted.
constexpr int kBitsPerDoubling = 3;
constexpr size_t kClasses = 64 << kBitsPerDoubling;

struct SizeClass {
  size_t index;
  size_t bytes;
};

// The smallest class of at least `bytes` bytes (bytes >= 2^kBitsPerDoubling).
SizeClass classOf(size_t bytes) {
  int exponent = 63 - __builtin_clzll(bytes);
  size_t step = size_t{1} << (exponent - kBitsPerDoubling);
  size_t rounded = (bytes + step - 1) / step * step;
  if (rounded >> (exponent + 1) != 0) {
    exponent++;
    step <<= 1;
  }
  size_t place = (rounded - (size_t{1} << exponent)) / step;
  return {(static_cast<size_t>(exponent) << kBitsPerDoubling) + place, rounded};
}

SizeClass sizeOf(const char* block) {
  SizeClass size{};
  std::memcpy(&size, block, sizeof(size));
  return size;
}

class Cache {
 public:
  Cache() {
    size_t memory = static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGE_SIZE));
    limit_ = memory / 2;
  }

  void* take(size_t bytes) {
    SizeClass size = classOf(bytes + kAlignment);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (char* block = fromCache(size)) return block + kAlignment;
      if (size.bytes >= kLarge) makeRoom(size);
    }
    char* block = fromSystem(size.bytes, bytes);
    std::memcpy(block, &size, sizeof(size));
    return block + kAlignment;
  }

  // Shapes that change from step to step (the hidden rows of a batch) would leave a block of every class behind. So a
  // large block serves a request of half its size too.
  char* fromCache(const SizeClass& size) {
    size_t last = size.index + (size.bytes >= kLarge ? 1 << kBitsPerDoubling : 0);
    for (size_t index = size.index; index <= std::min(last, kClasses - 1); index++) {
      auto& list = lists_[index];
      if (list.empty()) continue;
      char* block = list.back();
      list.pop_back();
      cached_ -= sizeOf(block).bytes;
      return block;
    }
    return nullptr;
  }

  // What is too small for a large request goes back to the system for it, the largest first; later ones of its size find
  // the new block.
  void makeRoom(const SizeClass& size) {
    size_t freed = 0;
    for (size_t index = size.index; freed < size.bytes && index-- > 0;) {
      auto& list = lists_[index];
      if (!list.empty() && sizeOf(list.back()).bytes < kLarge) break;
      while (freed < size.bytes && !list.empty()) {
        freed += sizeOf(list.back()).bytes;
        std::free(list.back());
        list.pop_back();
      }
    }
    cached_ -= freed;
    total_ -= freed;
  }

  void give(void* data) {
    char* block = static_cast<char*>(data) - kAlignment;
    SizeClass size = sizeOf(block);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (cached_ + size.bytes <= limit_) {
        lists_[size.index].push_back(block);
        cached_ += size.bytes;
        return;
      }
      total_ -= size.bytes;
    }
    std::free(block);
  }

  void clear() {
    std::lock_guard<std::mutex> lock(mutex_);
    for (auto& list : lists_) {
      for (char* block : list) std::free(block);
      list.clear();
    }
    total_ -= cached_;
    cached_ = 0;
  }

  AllocatorFacts facts() {
    std::lock_guard<std::mutex> lock(mutex_);
    return {cached_, total_};
  }

 private:
  char* fromSystem(size_t bytes, size_t asked) {
    void* block = nullptr;
    int failure = posix_memalign(&block, kAlignment, bytes);
    if (failure != 0) {
      clear();
      failure = posix_memalign(&block, kAlignment, bytes);
    }
    TORCH_CHECK(failure == 0, "cannot allocate ", asked, " bytes for a tensor: there is not enough memory");
    std::lock_guard<std::mutex> lock(mutex_);
    total_ += bytes;
    return static_cast<char*>(block);
  }

  std::mutex mutex_;
  std::array<std::vector<char*>, kClasses> lists_;
  size_t cached_ = 0;
  size_t total_ = 0;
  size_t limit_ = 0;
};

// Never destroyed: tensors may outlive every environment.
Cache& cache() {
  static Cache* instance = new Cache();
  return *instance;
}

void release(void* data) {
  if (data != nullptr) cache().give(data);
}

class CachingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) UNMASK_CONST_ALLOCATE override {
    void* data = bytes == 0 ? nullptr : cache().take(bytes);
    return {data, data, &release, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  // Pure virtual in newer libtorch, unknown to older.
  void copy_data(void* target, const void* source, std::size_t count) const UNMASK_OVERRIDE_COPY_DATA {
    std::memcpy(target, source, count);
  }
};

}  // namespace

void installAllocator() {
  static std::once_flag once;
  std::call_once(once, [] { c10::SetCPUAllocator(new CachingAllocator(), 1); });
}

AllocatorFacts allocatorFacts() { return cache().facts(); }

void emptyCache() { cache().clear(); }

}  // namespace unmask

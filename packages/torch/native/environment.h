// Everything that belongs to one Node environment (the main thread or a worker): the wire, the handle table,
// the operator cache and the asynchronous worker. Nothing here is global, so that several environments can
// live in one process and each cleans up after itself.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <napi.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "operator.h"

namespace unmask {

class AsyncWorker;
struct Distributed;

// A mistake of the caller that was found before libtorch saw the call.
struct ArgumentError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Tensors that JavaScript holds, by small integer. Slots are reused; only one JavaScript object ever owns a
// handle, and it forgets the handle when it is disposed of.
class TensorTable {
 public:
  uint32_t add(at::Tensor tensor);
  void remove(uint32_t handle);
  // After an operator that gave the tensor other memory.
  void recount(double handle);
  const at::Tensor& get(double handle) const;
  void clear();
  size_t live() const { return live_; }
  // Bytes of the distinct storages that live handles refer to (views count once).
  int64_t bytes() const { return bytes_; }

 private:
  struct StorageUse {
    uint32_t handles;
    int64_t bytes;
  };
  struct Slot {
    at::Tensor tensor;
    const void* storage = nullptr;  // what the handle is counted for; only compared
  };
  void count(Slot& slot);
  void uncount(Slot& slot);
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  std::unordered_map<const void*, StorageUse> storages_;
  size_t live_ = 0;
  int64_t bytes_ = 0;
};

struct Environment {
  explicit Environment(Napi::Env env);
  ~Environment();
  static Environment& of(napi_env env);

  // Tells V8 about tensor memory in steps, because each report may trigger a collection.
  void reportMemory(napi_env env);

  // The wire: arguments and results of a call as tagged float64 values (see values.h).
  // The last element, behind wireLength, says whether a scope is open.
  double* wire = nullptr;
  size_t wireLength = 0;
  Napi::Reference<Napi::Float64Array> wireReference;

  TensorTable tensors;
  std::vector<at::Generator> generators;
  std::vector<std::string> strings;
  std::unordered_map<std::string, uint32_t> stringIds;
  std::vector<std::unique_ptr<Operator>> operators;
  std::unordered_map<std::string, uint32_t> operatorIds;
  std::unique_ptr<AsyncWorker> worker;            // operators
  std::unique_ptr<AsyncWorker> collectiveWorker;  // waits for other processes
  std::unique_ptr<AsyncWorker> storeWorker;       // asks the job's store
  std::shared_ptr<Distributed> distributed;       // made when first needed
  int64_t reportedBytes = 0;
};

// A failure of the job of several processes, in a whole sentence.
struct DistributedFailure : std::runtime_error {
  DistributedFailure(int rank, const std::string& message) : std::runtime_error(message), rank(rank) {}
  int rank;  // whose fault it is; -1 if that is not known
};

// Runs `body` and turns every C++ exception into a JavaScript one: Error with `code` ARGUMENT (ours), TORCH, or
// RANK followed by a number (a DistributedFailure).
template <typename Body>
napi_value guarded(napi_env env, Body body);

// The message of the exception in flight, and whether it is ours.
struct Failure {
  std::string code;
  std::string message;
};
Failure currentFailure();

template <typename Body>
napi_value guarded(napi_env env, Body body) {
  try {
    return body(Environment::of(env));
  } catch (...) {
    Failure failure = currentFailure();
    napi_throw_error(env, failure.code.c_str(), failure.message.c_str());
    return nullptr;
  }
}

}  // namespace unmask

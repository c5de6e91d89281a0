#include "environment.h"

#include <c10/util/Exception.h>

#include "async.h"

namespace unmask {

namespace {
// A call with a thousand tensors (a fused optimiser step) needs a few thousand values.
constexpr size_t kWireLength = 1 << 16;
constexpr int64_t kReportStep = 1 << 23;  // bytes
}  // namespace

void TensorTable::count(Slot& slot) {
  slot.storage = nullptr;
  if (!slot.tensor.has_storage()) return;
  const c10::Storage& storage = slot.tensor.storage();
  slot.storage = storage.unsafeGetStorageImpl();
  int64_t size = static_cast<int64_t>(storage.nbytes());
  auto [entry, isNew] = storages_.try_emplace(slot.storage, StorageUse{0, size});
  if (isNew) bytes_ += size;
  entry->second.handles++;
}

void TensorTable::uncount(Slot& slot) {
  auto entry = storages_.find(slot.storage);
  if (entry == storages_.end() || --entry->second.handles > 0) return;
  bytes_ -= entry->second.bytes;
  storages_.erase(entry);
}

uint32_t TensorTable::add(at::Tensor tensor) {
  Slot slot;
  slot.tensor = std::move(tensor);
  count(slot);
  live_++;
  if (free_.empty()) {
    slots_.push_back(std::move(slot));
    return static_cast<uint32_t>(slots_.size() - 1);
  }
  uint32_t handle = free_.back();
  free_.pop_back();
  slots_[handle] = std::move(slot);
  return handle;
}

void TensorTable::remove(uint32_t handle) {
  if (handle >= slots_.size() || !slots_[handle].tensor.defined()) return;
  uncount(slots_[handle]);
  slots_[handle] = Slot();
  free_.push_back(handle);
  live_--;
}

void TensorTable::recount(double handle) {
  get(handle);
  Slot& slot = slots_[static_cast<size_t>(handle)];
  uncount(slot);
  count(slot);
}

const at::Tensor& TensorTable::get(double handle) const {
  auto index = static_cast<int64_t>(handle);
  if (index < 0 || index >= static_cast<int64_t>(slots_.size()) || !slots_[index].tensor.defined()) {
    throw ArgumentError("a tensor was used after it had been freed");
  }
  return slots_[index].tensor;
}

void TensorTable::clear() {
  slots_.clear();
  free_.clear();
  storages_.clear();
  live_ = 0;
  bytes_ = 0;
}

Environment::Environment(Napi::Env env) {
  auto array = Napi::Float64Array::New(env, kWireLength);
  wire = array.Data();
  wireLength = kWireLength - 1;
  wireReference = Napi::Persistent(array);
}

Environment::~Environment() = default;

Environment& Environment::of(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return *static_cast<Environment*>(data);
}

void Environment::reportMemory(napi_env env) {
  // Inside a scope the collector could free nothing, and being told of a step's activations would only make it run.
  if (wire[wireLength] != 0) return;
  int64_t change = tensors.bytes() - reportedBytes;
  if (change < kReportStep && change > -kReportStep) return;
  int64_t total = 0;
  napi_adjust_external_memory(env, change, &total);
  reportedBytes += change;
}

Failure currentFailure() {
  try {
    throw;
  } catch (const ArgumentError& error) {
    return {"ARGUMENT", error.what()};
  } catch (const DistributedFailure& error) {
    return {"RANK" + std::to_string(error.rank), error.what()};
  } catch (const c10::Error& error) {
    return {"TORCH", error.what_without_backtrace()};
  } catch (const std::exception& error) {
    return {"TORCH", error.what()};
  } catch (...) {
    return {"TORCH", "unknown C++ exception"};
  }
}

}  // namespace unmask

// Gradients summed over ranks while backward still runs: flat buffers of some MiB, filled by hooks on the parameters'
// gradient accumulators, each sent as soon as it and all before it are full.
//
// A hook takes the gradient out of the parameter and adds it to its place in the bucket, so that gradients of several
// micro-batches add up there (in float32 if they are of low precision) and nothing is held twice. A parameter may be
// reached by several backward() calls of one step, or by none: its bucket is sent when it was reached as often as in
// the step before. What comes later than that stays in the parameter and is summed in a second round, which all
// ranks agree on in finish().
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/csrc/autograd/function.h>

#include <exception>
#include <memory>
#include <mutex>
#include <vector>

#include "communicator.h"

namespace unmask {

class GradientBuckets : public std::enable_shared_from_this<GradientBuckets> {
 public:
  struct Sizes {
    int64_t first;  // bytes of the first bucket
    int64_t rest;   // and of the others
  };

  GradientBuckets(std::shared_ptr<Communicator> communicator, const std::vector<at::Tensor>& parameters,
                  const Sizes& sizes);
  ~GradientBuckets();
  // After the constructor: hooks hold a weak pointer to this.
  void hook();
  void unhook();

  void begin(bool communicate);
  // Sends the rest; returns what waits for it and hands the sums to the parameters, on whatever thread.
  std::function<void()> finish();
  // Buckets sent since the step began.
  int64_t launched();

 private:
  enum class Mode { Idle, Adding, Communicating };
  struct Slot {
    at::Tensor parameter;
    size_t bucket;
    at::Tensor sum;  // its place in the bucket
    bool filled = false;
    int64_t arrivals = 0;  // in backward passes that communicate
    int64_t expected = 1;  // as in the step before
    std::shared_ptr<torch::autograd::Node> accumulator;
    uintptr_t hook = 0;
  };
  struct Bucket {
    at::Tensor flat;
    std::vector<size_t> slots;
    int64_t missing = 0;
    Pending pending;
  };

  void assign(const std::vector<at::Tensor>& parameters, const Sizes& sizes);
  void allocate(Bucket& bucket);
  void onGradient(size_t index);
  void take(Slot& slot);
  void launchFull();
  void launchNext();
  at::Tensor report();
  void settle(const at::Tensor& agreed);
  void sumLate(const std::vector<bool>& late);
  void handOver(const Slot& slot, bool present);

  std::shared_ptr<Communicator> communicator_;
  std::vector<Slot> slots_;
  std::vector<Bucket> buckets_;
  std::mutex mutex_;
  Mode mode_ = Mode::Idle;
  size_t launched_ = 0;
  std::exception_ptr failure_;  // of a hook, for finish()
};

}  // namespace unmask

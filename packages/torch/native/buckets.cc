#include "buckets.h"

#include <ATen/Functions.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <map>

#include "environment.h"

namespace unmask {

namespace {

// Runs after a gradient has been accumulated into its leaf.
struct Arrival : torch::autograd::FunctionPostHook {
  explicit Arrival(std::function<void()> body) : body(std::move(body)) {}
  torch::autograd::variable_list operator()(const torch::autograd::variable_list& outputs,
                                            const torch::autograd::variable_list&) override {
    body();
    return outputs;
  }
  std::function<void()> body;
};

at::ScalarType sumDtype(const at::Tensor& parameter) {
  return parameter.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

}  // namespace

GradientBuckets::GradientBuckets(std::shared_ptr<Communicator> communicator,
                                 const std::vector<at::Tensor>& parameters, const Sizes& sizes)
    : communicator_(std::move(communicator)) {
  for (const auto& parameter : parameters) {
    if (!parameter.is_leaf() || !parameter.requires_grad()) {
      throw ArgumentError("every parameter must be a leaf that wants a gradient");
    }
  }
  assign(parameters, sizes);
  for (auto& bucket : buckets_) allocate(bucket);
}

GradientBuckets::~GradientBuckets() { unhook(); }

// The last parameters first, for their gradients come first; one dtype and device a bucket.
void GradientBuckets::assign(const std::vector<at::Tensor>& parameters, const Sizes& sizes) {
  struct Open {
    std::vector<size_t> slots;
    int64_t bytes = 0;
  };
  std::map<std::pair<at::ScalarType, std::string>, Open> open;
  auto close = [&](Open& one) {
    buckets_.push_back({});
    for (size_t index : one.slots) slots_[index].bucket = buckets_.size() - 1;
    buckets_.back().slots = std::move(one.slots);
    one = {};
  };
  slots_.resize(parameters.size());
  for (size_t i = parameters.size(); i-- > 0;) {
    slots_[i].parameter = parameters[i];
    auto dtype = sumDtype(parameters[i]);
    Open& one = open[{dtype, parameters[i].device().str()}];
    int64_t bytes = parameters[i].numel() * static_cast<int64_t>(c10::elementSize(dtype));
    int64_t limit = buckets_.empty() ? sizes.first : sizes.rest;
    if (!one.slots.empty() && one.bytes + bytes > limit) close(one);
    one.slots.push_back(i);
    one.bytes += bytes;
    if (one.bytes >= limit) close(one);
  }
  for (auto& [key, one] : open) {
    if (!one.slots.empty()) close(one);
  }
}

void GradientBuckets::allocate(Bucket& bucket) {
  int64_t total = 0;
  for (size_t index : bucket.slots) total += slots_[index].parameter.numel();
  const at::Tensor& first = slots_[bucket.slots[0]].parameter;
  bucket.flat = at::zeros({total}, first.options().dtype(sumDtype(first)).requires_grad(false));
  int64_t start = 0;
  for (size_t index : bucket.slots) {
    Slot& slot = slots_[index];
    slot.sum = bucket.flat.narrow(0, start, slot.parameter.numel()).view(slot.parameter.sizes());
    start += slot.parameter.numel();
  }
}

void GradientBuckets::hook() {
  for (size_t i = 0; i < slots_.size(); i++) {
    Slot& slot = slots_[i];
    slot.accumulator = torch::autograd::impl::grad_accumulator(slot.parameter);
    slot.hook = slot.accumulator->add_post_hook(std::make_unique<Arrival>([weak = weak_from_this(), i] {
      if (auto self = weak.lock()) self->onGradient(i);
    }));
  }
}

void GradientBuckets::unhook() {
  for (auto& slot : slots_) {
    if (slot.accumulator) slot.accumulator->del_post_hook(slot.hook);
    slot.accumulator = nullptr;
  }
}

void GradientBuckets::begin(bool communicate) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (mode_ == Mode::Communicating) throw ArgumentError("finish() has not ended the step before");
  if (mode_ == Mode::Idle) {
    failure_ = nullptr;
    launched_ = 0;
    for (auto& bucket : buckets_) bucket.missing = 0;
    for (auto& slot : slots_) {
      if (slot.expected > 0) buckets_[slot.bucket].missing++;
      slot.filled = false;
      slot.arrivals = 0;
      slot.parameter.mutable_grad().reset();
    }
  }
  mode_ = communicate ? Mode::Communicating : Mode::Adding;
}

int64_t GradientBuckets::launched() {
  std::lock_guard<std::mutex> lock(mutex_);
  return static_cast<int64_t>(launched_);
}

// On autograd's thread. An exception here would leave the rest of backward undone, so it waits for finish().
void GradientBuckets::onGradient(size_t index) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (mode_ == Mode::Idle || failure_) return;
  try {
    Slot& slot = slots_[index];
    if (mode_ == Mode::Communicating) slot.arrivals++;
    if (slot.bucket < launched_) return;  // too late: stays in the parameter
    take(slot);
    if (mode_ == Mode::Communicating && slot.arrivals == slot.expected) {
      buckets_[slot.bucket].missing--;
      launchFull();
    }
  } catch (...) {
    failure_ = std::current_exception();
  }
}

void GradientBuckets::take(Slot& slot) {
  c10::NoGradGuard noGrad;
  at::Tensor& gradient = slot.parameter.mutable_grad();
  if (!gradient.defined()) return;
  if (slot.filled) slot.sum.add_(gradient);
  else slot.sum.copy_(gradient);
  slot.filled = true;
  gradient.reset();
}

void GradientBuckets::launchFull() {
  while (launched_ < buckets_.size() && buckets_[launched_].missing == 0) launchNext();
}

void GradientBuckets::launchNext() {
  Bucket& bucket = buckets_[launched_];
  for (size_t index : bucket.slots) {
    if (!slots_[index].filled) slots_[index].sum.zero_();
  }
  launched_++;
  bucket.pending = communicator_->launchSum(bucket.flat);
}

std::function<void()> GradientBuckets::finish() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (mode_ == Mode::Idle) throw ArgumentError("finish() without a begin()");
  mode_ = Mode::Idle;
  if (failure_) std::rethrow_exception(failure_);
  // Gradients that came without the hook: set by hand.
  for (auto& slot : slots_) {
    if (slot.bucket >= launched_) take(slot);
  }
  while (launched_ < buckets_.size()) launchNext();
  at::Tensor reported = report();
  Pending agreement = communicator_->launchLargest(reported);
  return [self = shared_from_this(), reported, agreement] {
    for (auto& bucket : self->buckets_) self->communicator_->wait(bucket.pending, "an all-reduce of gradients");
    self->communicator_->wait(agreement, "an all-reduce of gradients");
    self->settle(reported.cpu());
  };
}

// What ranks must agree on, largest wins: whether each parameter has a gradient, and whether one came late. How often
// each was reached is this rank's own affair: the order in which buckets are sent is the same for all.
at::Tensor GradientBuckets::report() {
  at::Tensor host = at::zeros({static_cast<int64_t>(slots_.size()), 2}, at::kInt);
  auto rows = host.accessor<int32_t, 2>();
  for (size_t i = 0; i < slots_.size(); i++) {
    bool late = slots_[i].parameter.grad().defined();
    rows[i][0] = slots_[i].filled || late;
    rows[i][1] = late;
    slots_[i].expected = slots_[i].arrivals;
  }
  return slots_.empty() ? host : host.to(slots_[0].parameter.device());
}

void GradientBuckets::settle(const at::Tensor& agreed) {
  c10::NoGradGuard noGrad;
  auto rows = agreed.accessor<int32_t, 2>();
  std::vector<bool> late(buckets_.size(), false);
  for (size_t i = 0; i < slots_.size(); i++) {
    if (rows[i][1] != 0) late[slots_[i].bucket] = true;
  }
  sumLate(late);
  for (size_t i = 0; i < slots_.size(); i++) handOver(slots_[i], rows[i][0] != 0);
}

// The second round: what arrived after its bucket had been sent, on any rank.
void GradientBuckets::sumLate(const std::vector<bool>& late) {
  for (size_t i = 0; i < buckets_.size(); i++) {
    if (!late[i]) continue;
    std::vector<at::Tensor> parts;
    for (size_t index : buckets_[i].slots) {
      const at::Tensor& gradient = slots_[index].parameter.grad();
      parts.push_back((gradient.defined() ? gradient.to(buckets_[i].flat.scalar_type())
                                          : at::zeros_like(slots_[index].sum))
                          .reshape({-1}));
    }
    at::Tensor rest = at::cat(parts);
    communicator_->wait(communicator_->launchSum(rest), "an all-reduce of gradients");
    buckets_[i].flat.add_(rest);
  }
}

void GradientBuckets::handOver(const Slot& slot, bool present) {
  at::Tensor& gradient = slot.parameter.mutable_grad();
  gradient.reset();
  if (present) gradient = slot.sum.detach().to(slot.parameter.scalar_type());
}

}  // namespace unmask

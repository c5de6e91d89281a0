#include "communicator.h"

#include <ATen/Functions.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#ifdef UNMASK_HAS_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include <deque>
#include <sstream>

#include "environment.h"
#include "packing.h"

namespace unmask {

namespace {

c10::intrusive_ptr<Group> glooGroup(const c10::intrusive_ptr<c10d::Store>& store, const Heartbeat::Options& place,
                                    const Communicator::Options& options) {
  using Gloo = c10d::ProcessGroupGloo;
  auto settings = Gloo::Options::create(options.timeout);
  std::stringstream names(options.interface);
  for (std::string name; std::getline(names, name, ',');) settings->devices.push_back(Gloo::createDeviceForInterface(name));
  if (settings->devices.empty()) {
    settings->devices.push_back(options.address.empty() ? Gloo::createDefaultDevice()
                                                        : Gloo::createDeviceForHostname(options.address));
  }
  settings->threads = static_cast<int>(settings->devices.size()) * 2;
  auto own = c10::make_intrusive<c10d::PrefixStore>("gloo", store);
  return c10::make_intrusive<Gloo>(own, place.rank, place.size, settings);
}

c10::intrusive_ptr<Group> ncclGroup([[maybe_unused]] const c10::intrusive_ptr<c10d::Store>& store,
                                    [[maybe_unused]] const Heartbeat::Options& place,
                                    [[maybe_unused]] const Communicator::Options& options) {
#ifdef UNMASK_HAS_NCCL
  auto settings = c10d::ProcessGroupNCCL::Options::create();
  settings->timeout = options.timeout;
  auto own = c10::make_intrusive<c10d::PrefixStore>("nccl", store);
  return c10::make_intrusive<c10d::ProcessGroupNCCL>(own, place.rank, place.size, settings);
#else
  throw ArgumentError("this build has no NCCL");
#endif
}

std::string firstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

Communicator::Communicator(const c10::intrusive_ptr<c10d::Store>& store, std::unique_ptr<Heartbeat> heartbeat,
                           std::shared_ptr<Signal> signal, const Options& options)
    : signal_(std::move(signal)), heartbeat_(std::move(heartbeat)) {
  try {
    host_ = glooGroup(store, heartbeat_->options(), options);
    if (options.nccl) device_ = ncclGroup(store, heartbeat_->options(), options);
  } catch (const std::exception& error) {
    explain("connecting the ranks", error);
  }
}

// Without a release the groups are left alone: their threads may wait for ranks that will never answer.
Communicator::~Communicator() {
  heartbeat_->stop();
  host_.release();
  device_.release();
}

void Communicator::release() {
  host_.reset();
  device_.reset();
}

void Communicator::interrupt() {
  {
    std::lock_guard<std::mutex> lock(signal_->mutex);
    interrupted_ = true;
  }
  signal_->wake.notify_all();
  heartbeat_->cancel();
}

void Communicator::throwVerdict() {
  auto verdict = heartbeat_->verdict();
  if (!verdict) return;
  heartbeat_->acknowledge();
  throw DistributedFailure(verdict->rank, verdict->message);
}

Pending Communicator::launch(const at::Device& device, const char* what, const Begin& begin) {
  throwVerdict();
  bool onDevice = device_ && !device.is_cpu();
  auto& group = onDevice ? device_ : host_;
  if (!group) throw ArgumentError("the world has been closed");
  heartbeat_->publish(++begun_);
  try {
    return {begin(*group), onDevice};
  } catch (const std::exception& error) {
    explain(what, error);
  }
}

void Communicator::wait(const Pending& pending, const char* what) {
  if (!pending.onDevice) {
    auto done = std::make_shared<bool>(false);
    pending.work->getFuture()->addCallback([signal = signal_, done](c10::ivalue::Future&) {
      {
        std::lock_guard<std::mutex> lock(signal->mutex);
        *done = true;
      }
      signal->wake.notify_all();
    });
    std::unique_lock<std::mutex> lock(signal_->mutex);
    signal_->wake.wait(lock, [&] { return *done || interrupted_ || heartbeat_->verdict(); });
    bool finished = *done;
    bool ending = interrupted_;
    lock.unlock();
    if (!finished) throwVerdict();
    if (!finished && ending) throw DistributedFailure(-1, "the process is ending");
  }
  try {
    pending.work->wait();
  } catch (const std::exception& error) {
    explain(what, error);
  }
}

void Communicator::explain(const char* what, const std::exception& error) {
  throwVerdict();
  std::string reason = firstLine(error.what());
  bool late = contains(reason, "imed out") || contains(reason, "imeout");
  if (!late && heartbeat_->awaitVerdict()) throwVerdict();
  if (late) {
    if (auto slow = heartbeat_->slowest()) {
      heartbeat_->condemn(*slow, heartbeat_->name(*slow) + " did not take part in " + what + " in time (" + reason + ")");
      throwVerdict();
    }
  }
  int rank = heartbeat_->options().rank;
  heartbeat_->condemn(rank, std::string(what) + " failed on " + heartbeat_->name(rank) + ": " + reason);
  throwVerdict();
  throw DistributedFailure(-1, reason);  // not reached: there is a verdict now
}

Pending Communicator::launchReduce(at::Tensor tensor, bool largest) {
  std::vector<at::Tensor> one{std::move(tensor)};
  c10d::AllreduceOptions options;
  options.reduceOp = largest ? c10d::ReduceOp::MAX : c10d::ReduceOp::SUM;
  return launch(one[0].device(), "an all-reduce", [&](Group& group) { return group.allreduce(one, options); });
}

// Low precisions travel, and are added, as float32: Gloo does not know bfloat16 everywhere, and sums round less.
void Communicator::allReduce(const std::vector<at::Tensor>& tensors, bool largest) {
  c10::NoGradGuard noGrad;
  std::vector<at::Tensor> sent;
  std::vector<Pending> works;
  for (const auto& tensor : tensors) {
    auto dtype = tensor.scalar_type();
    bool low = dtype == at::kBFloat16 || dtype == at::kHalf;
    sent.push_back((low ? tensor.to(at::kFloat) : tensor).detach().contiguous());
    if (tensor.numel() > 0) works.push_back(launchReduce(sent.back(), largest));
  }
  for (const auto& work : works) wait(work, "an all-reduce");
  for (size_t i = 0; i < tensors.size(); i++) {
    at::Tensor target = tensors[i].detach();
    if (!target.is_alias_of(sent[i])) target.copy_(sent[i]);
  }
}

void Communicator::broadcast(const std::vector<at::Tensor>& tensors, int from) {
  c10::NoGradGuard noGrad;
  int rank = heartbeat_->options().rank;
  std::deque<std::pair<Parcel, Pending>> underway;
  auto finishOne = [&] {
    auto& [parcel, pending] = underway.front();
    wait(pending, "a broadcast");
    if (rank != from) parcel.unpack();
    underway.pop_front();
  };
  for (auto& contents : contentsOfParcels(tensors)) {
    Parcel parcel(std::move(contents));
    if (rank == from) parcel.pack();
    std::vector<at::Tensor> one{parcel.bytes()};
    c10d::BroadcastOptions options;
    options.rootRank = from;
    auto pending =
        launch(one[0].device(), "a broadcast", [&](Group& group) { return group.broadcast(one, options); });
    underway.emplace_back(std::move(parcel), std::move(pending));
    // Two at a time: one is packed while the other travels, and no more memory than theirs.
    if (underway.size() == 2) finishOne();
  }
  while (!underway.empty()) finishOne();
}

std::vector<at::Tensor> Communicator::allGather(const at::Tensor& tensor) {
  c10::NoGradGuard noGrad;
  std::vector<at::Tensor> all;
  std::vector<std::vector<at::Tensor>> outputs(1);
  for (int i = 0; i < heartbeat_->options().size; i++) {
    all.push_back(at::empty(tensor.sizes(), tensor.options()));
    outputs[0].push_back(bytesOf(all.back()));
  }
  if (tensor.numel() == 0) return all;
  std::vector<at::Tensor> inputs{bytesOf(tensor.detach().contiguous())};
  auto work = launch(tensor.device(), "an all-gather", [&](Group& group) { return group.allgather(outputs, inputs); });
  wait(work, "an all-gather");
  return all;
}

void Communicator::barrier() {
  wait(launch(at::kCPU, "a barrier", [](Group& group) { return group.barrier(); }), "a barrier");
}

}  // namespace unmask

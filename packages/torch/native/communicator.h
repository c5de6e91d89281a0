// Collectives between the processes of a job: c10d's groups (Gloo for tensors on the CPU, NCCL for CUDA where libtorch
// has it), with waits that end when a rank is found dead and failures that say which.
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "heartbeat.h"

namespace unmask {

// libtorch 2.x made a base class Backend of what was ProcessGroup before.
using Group = std::conditional_t<std::is_base_of_v<c10d::ProcessGroup, c10d::ProcessGroupGloo>, c10d::ProcessGroup,
                                 c10d::Backend>;

// A collective that has begun.
struct Pending {
  c10::intrusive_ptr<c10d::Work> work;
  bool onDevice;  // NCCL: waiting only orders streams
};

class Communicator {
 public:
  struct Options {
    std::string interface;  // network interfaces for Gloo, comma-separated; "" for the default
    std::string address;    // of this machine, for Gloo; "" for the default
    bool nccl;
    std::chrono::milliseconds timeout;  // of one collective
  };

  // Blocks until every rank has come.
  Communicator(const c10::intrusive_ptr<c10d::Store>& store, std::unique_ptr<Heartbeat> heartbeat,
               std::shared_ptr<Signal> signal, const Options& options);
  ~Communicator();

  void broadcast(const std::vector<at::Tensor>& tensors, int from);
  void allReduce(const std::vector<at::Tensor>& tensors, bool largest);
  std::vector<at::Tensor> allGather(const at::Tensor& tensor);
  void barrier();

  // Begins summing a tensor in place; the gradient buckets' way in.
  Pending launchSum(at::Tensor tensor) { return launchReduce(std::move(tensor), false); }
  Pending launchLargest(at::Tensor tensor) { return launchReduce(std::move(tensor), true); }
  // Throws a DistributedFailure if the work failed or a rank is known to be dead.
  void wait(const Pending& pending, const char* what);

  Heartbeat& heartbeat() { return *heartbeat_; }
  // Makes every wait, present and future, fail at once: the process is ending.
  void interrupt();
  // Frees the groups; only after a barrier, for their threads wait for what was begun.
  void release();

 private:
  Pending launchReduce(at::Tensor tensor, bool largest);
  using Begin = std::function<c10::intrusive_ptr<c10d::Work>(Group&)>;
  Pending launch(const at::Device& device, const char* what, const Begin& begin);
  [[noreturn]] void explain(const char* what, const std::exception& error);
  void throwVerdict();

  std::shared_ptr<Signal> signal_;
  std::unique_ptr<Heartbeat> heartbeat_;
  c10::intrusive_ptr<Group> host_;
  c10::intrusive_ptr<Group> device_;
  std::atomic<int64_t> begun_{0};
  bool interrupted_ = false;
};

}  // namespace unmask

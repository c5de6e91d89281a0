// What one Node environment holds of a job: connections to stores, at most one world, and gradient buckets.
#pragma once

#include <torch/csrc/distributed/c10d/Store.hpp>

#include <memory>
#include <vector>

#include "buckets.h"
#include "communicator.h"
#include "environment.h"

namespace unmask {

struct Distributed {
  std::vector<c10::intrusive_ptr<c10d::Store>> stores;
  std::shared_ptr<Communicator> communicator;
  std::vector<std::shared_ptr<GradientBuckets>> buckets;

  static Distributed& of(Environment& environment) {
    if (!environment.distributed) environment.distributed = std::make_shared<Distributed>();
    return *environment.distributed;
  }
  static std::shared_ptr<Communicator> world(Environment& environment) {
    auto& communicator = of(environment).communicator;
    if (!communicator) throw ArgumentError("this process has joined no world");
    return communicator;
  }
};

}  // namespace unmask

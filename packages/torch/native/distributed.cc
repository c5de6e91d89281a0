#include "distributed.h"

#include "async.h"
#include "distributed-state.h"
#include "values.h"

namespace unmask {

namespace {

napi_value nothing(napi_env env, Environment&) { return Napi::Env(env).Undefined(); }

std::chrono::milliseconds milliseconds(const Napi::Object& given, const char* name) {
  return std::chrono::milliseconds(given.Get(name).ToNumber().Int64Value());
}

Heartbeat::Options heartbeatOptions(const Napi::Object& given) {
  auto names = given.Get("names").As<Napi::Array>();
  Heartbeat::Options options;
  options.rank = given.Get("rank").ToNumber();
  options.size = given.Get("size").ToNumber();
  options.interval = milliseconds(given, "interval");
  options.timeout = milliseconds(given, "heartbeat");
  for (uint32_t i = 0; i < names.Length(); i++) options.names.push_back(names.Get(i).ToString());
  options.store = given.Get("storeAddress").ToString();
  options.storeRank = given.Get("storeRank").ToNumber();
  return options;
}

void interruptAtEnd(void* environment) { interruptDistributed(*static_cast<Environment*>(environment)); }

c10::intrusive_ptr<c10d::Store> storeAt(Environment& environment, const Napi::Object& given, const char* name) {
  return Distributed::of(environment).stores.at(given.Get(name).ToNumber().Uint32Value());
}

}  // namespace

napi_value distributedFacts(napi_env env, napi_callback_info) {
  auto facts = Napi::Object::New(env);
  facts.Set("gloo", true);
#ifdef UNMASK_HAS_NCCL
  facts.Set("nccl", true);
#else
  facts.Set("nccl", false);
#endif
  return facts;
}

napi_value joinWorld(napi_env env, napi_callback_info info) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    Napi::Object given = Napi::CallbackInfo(env, info)[0].As<Napi::Object>();
    auto& state = Distributed::of(environment);
    if (state.communicator) throw ArgumentError("this process has joined a world already");
    auto store = storeAt(environment, given, "store");
    auto beats = storeAt(environment, given, "beats");
    auto place = heartbeatOptions(given);
    Communicator::Options options{given.Get("interface").ToString(), given.Get("address").ToString(),
                                  given.Get("nccl").ToBoolean(), milliseconds(given, "timeout")};
    auto made = std::make_shared<std::shared_ptr<Communicator>>();
    auto work = [=] {
      auto signal = std::make_shared<Signal>();
      auto heartbeat = std::make_unique<Heartbeat>(beats, place, signal);
      *made = std::make_shared<Communicator>(store, std::move(heartbeat), signal, options);
    };
    return environment.collectiveWorker->run(env, work, [made](napi_env env, Environment& environment) {
      Distributed::of(environment).communicator = *made;
      // Hooks run in reverse order: this one before the worker's, which waits for its job.
      napi_add_env_cleanup_hook(env, interruptAtEnd, &environment);
      return nothing(env, environment);
    });
  });
}

napi_value leaveWorld(napi_env env, napi_callback_info) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    auto world = Distributed::world(environment);
    napi_remove_env_cleanup_hook(env, interruptAtEnd, &environment);
    Distributed::of(environment).communicator.reset();
    Distributed::of(environment).buckets.clear();
    return environment.collectiveWorker->run(
        env,
        [world] {
          world->heartbeat().farewell();
          world->release();
        },
        nothing);
  });
}

napi_value condemnWorld(napi_env env, napi_callback_info info) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    auto& world = Distributed::of(environment).communicator;
    if (!world) return nullptr;
    std::string reason = Napi::CallbackInfo(env, info)[0].ToString();
    Heartbeat& heartbeat = world->heartbeat();
    heartbeat.condemn(heartbeat.options().rank, reason);
    heartbeat.acknowledge();
    heartbeat.linger();
    return nullptr;
  });
}

napi_value broadcast(napi_env env, napi_callback_info info) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    int from = Napi::CallbackInfo(env, info)[0].ToNumber();
    auto tensors = WireReader(environment, 0).tensorList();
    auto world = Distributed::world(environment);
    return environment.collectiveWorker->run(env, [=] { world->broadcast(tensors, from); }, nothing);
  });
}

napi_value allReduce(napi_env env, napi_callback_info info) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    bool largest = Napi::CallbackInfo(env, info)[0].ToBoolean();
    auto tensors = WireReader(environment, 0).tensorList();
    auto world = Distributed::world(environment);
    return environment.collectiveWorker->run(env, [=] { world->allReduce(tensors, largest); }, nothing);
  });
}

napi_value allGather(napi_env env, napi_callback_info) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    auto tensor = WireReader(environment, 0).tensor();
    auto world = Distributed::world(environment);
    auto stack = std::make_shared<torch::jit::Stack>();
    return environment.collectiveWorker->run(env, stack, [=] {
      for (auto& one : world->allGather(tensor)) stack->emplace_back(one);
    });
  });
}

napi_value barrier(napi_env env, napi_callback_info) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    auto world = Distributed::world(environment);
    return environment.collectiveWorker->run(env, [world] { world->barrier(); }, nothing);
  });
}

namespace {

std::shared_ptr<GradientBuckets>& bucketsOf(Environment& environment, const Napi::Value& id) {
  auto& all = Distributed::of(environment).buckets;
  size_t index = id.ToNumber().Uint32Value();
  if (index >= all.size() || !all[index]) throw ArgumentError("the gradient buckets have been disposed of");
  return all[index];
}

}  // namespace

napi_value createBuckets(napi_env env, napi_callback_info info) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    Napi::CallbackInfo arguments(env, info);
    GradientBuckets::Sizes sizes{arguments[0].ToNumber().Int64Value(), arguments[1].ToNumber().Int64Value()};
    auto tensors = WireReader(environment, 0).tensorList();
    auto buckets = std::make_shared<GradientBuckets>(Distributed::world(environment), tensors, sizes);
    buckets->hook();
    auto& all = Distributed::of(environment).buckets;
    all.push_back(std::move(buckets));
    return Napi::Number::New(env, static_cast<double>(all.size() - 1));
  });
}

napi_value beginBuckets(napi_env env, napi_callback_info info) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    Napi::CallbackInfo arguments(env, info);
    bucketsOf(environment, arguments[0])->begin(arguments[1].ToBoolean());
    return nullptr;
  });
}

napi_value finishBuckets(napi_env env, napi_callback_info info) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    Napi::CallbackInfo arguments(env, info);
    auto wait = bucketsOf(environment, arguments[0])->finish();
    return environment.collectiveWorker->run(env, wait, nothing);
  });
}

napi_value launchedBuckets(napi_env env, napi_callback_info info) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    Napi::CallbackInfo arguments(env, info);
    return Napi::Number::New(env, static_cast<double>(bucketsOf(environment, arguments[0])->launched()));
  });
}

napi_value freeBuckets(napi_env env, napi_callback_info info) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    Napi::CallbackInfo arguments(env, info);
    auto& buckets = bucketsOf(environment, arguments[0]);
    buckets->unhook();
    buckets.reset();
    return nullptr;
  });
}

void interruptDistributed(Environment& environment) {
  if (environment.distributed && environment.distributed->communicator) {
    environment.distributed->communicator->interrupt();
  }
}

}  // namespace unmask

// In place of distributed.cc and store.cc where libtorch was built without c10d's Gloo.
#include "distributed.h"
#include "environment.h"

namespace unmask {

// environment.h holds a pointer to it.
struct Distributed {};

namespace {

napi_value refuse(napi_env env) {
  return guarded(env, [](Environment&) -> napi_value {
    throw ArgumentError("this libtorch was built without torch.distributed (Gloo)");
  });
}

}  // namespace

napi_value distributedFacts(napi_env env, napi_callback_info) {
  auto facts = Napi::Object::New(env);
  facts.Set("gloo", false);
  facts.Set("nccl", false);
  return facts;
}

napi_value openStore(napi_env env, napi_callback_info) { return refuse(env); }
napi_value closeStore(napi_env env, napi_callback_info) { return refuse(env); }
napi_value storeSet(napi_env env, napi_callback_info) { return refuse(env); }
napi_value storeGet(napi_env env, napi_callback_info) { return refuse(env); }
napi_value storeAdd(napi_env env, napi_callback_info) { return refuse(env); }
napi_value storeDelete(napi_env env, napi_callback_info) { return refuse(env); }
napi_value joinWorld(napi_env env, napi_callback_info) { return refuse(env); }
napi_value leaveWorld(napi_env env, napi_callback_info) { return refuse(env); }
napi_value condemnWorld(napi_env, napi_callback_info) { return nullptr; }
napi_value broadcast(napi_env env, napi_callback_info) { return refuse(env); }
napi_value allReduce(napi_env env, napi_callback_info) { return refuse(env); }
napi_value allGather(napi_env env, napi_callback_info) { return refuse(env); }
napi_value barrier(napi_env env, napi_callback_info) { return refuse(env); }
napi_value createBuckets(napi_env env, napi_callback_info) { return refuse(env); }
napi_value beginBuckets(napi_env env, napi_callback_info) { return refuse(env); }
napi_value finishBuckets(napi_env env, napi_callback_info) { return refuse(env); }
napi_value launchedBuckets(napi_env env, napi_callback_info) { return refuse(env); }
napi_value freeBuckets(napi_env env, napi_callback_info) { return refuse(env); }

void interruptDistributed(Environment&) {}

}  // namespace unmask

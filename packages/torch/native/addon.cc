// The module: one Environment per Node environment, and the table of functions that TypeScript sees
// (src/core/native.ts gives their types).
#include <napi.h>

#include "allocator.h"
#include "async.h"
#include "autograd.h"
#include "dispatch.h"
#include "distributed.h"
#include "environment.h"
#include "generator.h"
#include "tensor.h"

namespace {

void define(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function = nullptr;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
  napi_set_named_property(env, exports, name, function);
}

void defineDistributed(napi_env env, napi_value exports) {
  define(env, exports, "distributedFacts", unmask::distributedFacts);
  define(env, exports, "openStore", unmask::openStore);
  define(env, exports, "closeStore", unmask::closeStore);
  define(env, exports, "storeSet", unmask::storeSet);
  define(env, exports, "storeGet", unmask::storeGet);
  define(env, exports, "storeAdd", unmask::storeAdd);
  define(env, exports, "storeDelete", unmask::storeDelete);
  define(env, exports, "joinWorld", unmask::joinWorld);
  define(env, exports, "leaveWorld", unmask::leaveWorld);
  define(env, exports, "condemnWorld", unmask::condemnWorld);
  define(env, exports, "broadcast", unmask::broadcast);
  define(env, exports, "allReduce", unmask::allReduce);
  define(env, exports, "allGather", unmask::allGather);
  define(env, exports, "barrier", unmask::barrier);
  define(env, exports, "createBuckets", unmask::createBuckets);
  define(env, exports, "beginBuckets", unmask::beginBuckets);
  define(env, exports, "finishBuckets", unmask::finishBuckets);
  define(env, exports, "launchedBuckets", unmask::launchedBuckets);
  define(env, exports, "freeBuckets", unmask::freeBuckets);
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  unmask::installAllocator();
  auto* environment = new unmask::Environment(env);
  for (auto* worker : {&environment->worker, &environment->collectiveWorker, &environment->storeWorker}) {
    *worker = std::make_unique<unmask::AsyncWorker>(env);
  }
  napi_set_instance_data(
      env, environment, [](napi_env, void* data, void*) { delete static_cast<unmask::Environment*>(data); }, nullptr);
  exports.Set("wire", environment->wireReference.Value());
  define(env, exports, "lookUpOperator", unmask::lookUpOperator);
  define(env, exports, "operatorSchema", unmask::operatorSchema);
  define(env, exports, "allSchemas", unmask::allSchemas);
  define(env, exports, "internString", unmask::internString);
  define(env, exports, "call", unmask::call);
  define(env, exports, "callAsync", unmask::callAsync);
  define(env, exports, "stopAsync", unmask::stopAsync);
  define(env, exports, "freeTensor", unmask::freeTensor);
  define(env, exports, "tensorInfo", unmask::tensorInfo);
  define(env, exports, "writeBytes", unmask::writeBytes);
  define(env, exports, "readBytes", unmask::readBytes);
  define(env, exports, "liveTensors", unmask::liveTensors);
  define(env, exports, "backward", unmask::backward);
  define(env, exports, "gradients", unmask::gradients);
  define(env, exports, "gradientOf", unmask::gradientOf);
  define(env, exports, "setGradient", unmask::setGradient);
  define(env, exports, "setRequiresGrad", unmask::setRequiresGrad);
  define(env, exports, "setGradMode", unmask::setGradMode);
  define(env, exports, "createGenerator", unmask::createGenerator);
  define(env, exports, "setThreads", unmask::setThreads);
  define(env, exports, "buildInfo", unmask::buildInfo);
  define(env, exports, "allocatorFacts", unmask::cacheFacts);
  define(env, exports, "emptyCache", unmask::dropCache);
  defineDistributed(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(unmask_torch, initialise)

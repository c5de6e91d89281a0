#include "generator.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/version.h>

#include <mutex>

#include "allocator.h"
#include "values.h"

namespace unmask {

napi_value createGenerator(napi_env env, napi_callback_info info) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    Napi::CallbackInfo arguments(env, info);
    at::Device device = decodeDevice(Napi::Number(env, arguments[0]).DoubleValue());
    bool lossless = false;
    uint64_t seed = Napi::BigInt(env, arguments[1]).Uint64Value(&lossless);
    at::Generator generator = at::globalContext().defaultGenerator(device).clone();
    {
      std::lock_guard<std::mutex> lock(generator.mutex());
      generator.set_current_seed(seed);
    }
    environment.generators.push_back(std::move(generator));
    return Napi::Number::New(env, static_cast<double>(environment.generators.size() - 1));
  });
}

napi_value setThreads(napi_env env, napi_callback_info info) {
  return guarded(env, [&](Environment&) -> napi_value {
    Napi::CallbackInfo arguments(env, info);
    at::set_num_threads(Napi::Number(env, arguments[0]).Int32Value());
    return nullptr;
  });
}

napi_value buildInfo(napi_env env, napi_callback_info) {
  return guarded(env, [&](Environment&) -> napi_value {
    int cudaDevices = 0;
    if (c10::impl::hasDeviceGuardImpl(c10::DeviceType::CUDA)) {
      cudaDevices = c10::impl::getDeviceGuardImpl(c10::DeviceType::CUDA)->deviceCount();
    }
    auto facts = Napi::Object::New(env);
    facts.Set("version", TORCH_VERSION);
    facts.Set("config", at::show_config());
    facts.Set("parallel", at::get_parallel_info());
    facts.Set("threads", at::get_num_threads());
    facts.Set("cudaDevices", cudaDevices);
    return facts;
  });
}

napi_value cacheFacts(napi_env env, napi_callback_info) {
  return guarded(env, [&](Environment&) -> napi_value {
    AllocatorFacts facts = allocatorFacts();
    auto result = Napi::Object::New(env);
    result.Set("cachedBytes", static_cast<double>(facts.cachedBytes));
    result.Set("totalBytes", static_cast<double>(facts.totalBytes));
    return result;
  });
}

napi_value dropCache(napi_env env, napi_callback_info) {
  return guarded(env, [&](Environment&) -> napi_value {
    emptyCache();
    return nullptr;
  });
}

}  // namespace unmask

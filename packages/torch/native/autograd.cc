#include "autograd.h"

#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include "async.h"
#include "values.h"

namespace unmask {

namespace {

bool wantsAsync(napi_env env, napi_callback_info info) {
  Napi::CallbackInfo arguments(env, info);
  return arguments.Length() > 0 && arguments[0].ToBoolean();
}

napi_value runOrQueue(napi_env env, Environment& environment, bool async, std::shared_ptr<torch::jit::Stack> stack,
                      std::function<void()> work) {
  if (async) return environment.worker->run(env, std::move(stack), std::move(work));
  work();
  writeResults(environment, *stack);
  environment.reportMemory(env);
  return nullptr;
}

}  // namespace

napi_value backward(napi_env env, napi_callback_info info) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    WireReader reader(environment, 0);
    auto outputs = reader.tensorList();
    auto gradients = reader.tensorList();
    bool retainGraph = reader.flag();
    bool createGraph = reader.flag();
    auto inputs = reader.tensorList();
    auto work = [=] { torch::autograd::backward(outputs, gradients, retainGraph, createGraph, inputs); };
    return runOrQueue(env, environment, wantsAsync(env, info), std::make_shared<torch::jit::Stack>(), work);
  });
}

napi_value gradients(napi_env env, napi_callback_info info) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    WireReader reader(environment, 0);
    auto outputs = reader.tensorList();
    auto inputs = reader.tensorList();
    auto outer = reader.tensorList();
    bool retainGraph = reader.flag();
    bool createGraph = reader.flag();
    bool allowUnused = reader.flag();
    auto stack = std::make_shared<torch::jit::Stack>();
    auto work = [=] {
      for (auto& gradient : torch::autograd::grad(outputs, inputs, outer, retainGraph, createGraph, allowUnused)) {
        stack->emplace_back(gradient);
      }
    };
    return runOrQueue(env, environment, wantsAsync(env, info), stack, work);
  });
}

napi_value gradientOf(napi_env env, napi_callback_info) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    writeResults(environment, {WireReader(environment, 0).tensor().grad()});
    environment.reportMemory(env);
    return nullptr;
  });
}

napi_value setGradient(napi_env env, napi_callback_info) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    WireReader reader(environment, 0);
    at::Tensor tensor = reader.tensor();
    tensor.mutable_grad() = reader.tensor();
    return nullptr;
  });
}

napi_value setRequiresGrad(napi_env env, napi_callback_info) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    WireReader reader(environment, 0);
    at::Tensor tensor = reader.tensor();
    tensor.set_requires_grad(reader.flag());
    return nullptr;
  });
}

napi_value setGradMode(napi_env env, napi_callback_info info) {
  return guarded(env, [&](Environment&) -> napi_value {
    bool previous = c10::GradMode::is_enabled();
    c10::GradMode::set_enabled(wantsAsync(env, info));
    return Napi::Boolean::New(env, previous);
  });
}

}  // namespace unmask

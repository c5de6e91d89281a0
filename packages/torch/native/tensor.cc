#include "tensor.h"

#include <cstring>

#include "values.h"

namespace unmask {

namespace {

uint32_t handleArgument(napi_env env, napi_value value) {
  uint32_t handle = UINT32_MAX;
  napi_get_value_uint32(env, value, &handle);
  return handle;
}

struct Bytes {
  char* data;
  size_t length;
};

// The memory of a contiguous CPU tensor and of a Uint8Array of the same length.
std::pair<Bytes, Bytes> pairOfBytes(napi_env env, Environment& environment, napi_callback_info info) {
  Napi::CallbackInfo arguments(env, info);
  const at::Tensor& tensor = environment.tensors.get(handleArgument(env, arguments[0]));
  if (!arguments[1].IsTypedArray()) throw ArgumentError("expected a Uint8Array");
  auto array = arguments[1].As<Napi::Uint8Array>();
  if (!tensor.device().is_cpu() || !tensor.is_contiguous()) {
    throw ArgumentError("bytes can be copied only to and from a contiguous tensor on the CPU");
  }
  Bytes ours{static_cast<char*>(tensor.data_ptr()), tensor.nbytes()};
  Bytes theirs{reinterpret_cast<char*>(array.Data()), array.ByteLength()};
  if (ours.length != theirs.length) {
    throw ArgumentError("the tensor has " + std::to_string(ours.length) + " bytes and the array " +
                        std::to_string(theirs.length));
  }
  return {ours, theirs};
}

}  // namespace

napi_value freeTensor(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument = nullptr;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  Environment& environment = Environment::of(env);
  environment.tensors.remove(handleArgument(env, argument));
  environment.reportMemory(env);
  return nullptr;
}

napi_value tensorInfo(napi_env env, napi_callback_info info) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    size_t count = 1;
    napi_value argument = nullptr;
    napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
    const at::Tensor& tensor = environment.tensors.get(handleArgument(env, argument));
    double* wire = environment.wire;
    wire[0] = static_cast<int>(tensor.scalar_type());
    wire[1] = encodeDevice(tensor.device());
    wire[2] = (tensor.requires_grad() ? 1 : 0) + (tensor.is_leaf() ? 2 : 0) + (tensor.is_contiguous() ? 4 : 0);
    wire[3] = static_cast<double>(tensor.dim());
    for (int64_t i = 0; i < tensor.dim(); i++) wire[4 + i] = static_cast<double>(tensor.size(i));
    return nullptr;
  });
}

napi_value writeBytes(napi_env env, napi_callback_info info) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    auto [ours, theirs] = pairOfBytes(env, environment, info);
    std::memcpy(ours.data, theirs.data, ours.length);
    return nullptr;
  });
}

napi_value readBytes(napi_env env, napi_callback_info info) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    auto [ours, theirs] = pairOfBytes(env, environment, info);
    std::memcpy(theirs.data, ours.data, ours.length);
    return nullptr;
  });
}

napi_value liveTensors(napi_env env, napi_callback_info) {
  Environment& environment = Environment::of(env);
  environment.wire[0] = static_cast<double>(environment.tensors.live());
  environment.wire[1] = static_cast<double>(environment.tensors.bytes());
  return nullptr;
}

}  // namespace unmask

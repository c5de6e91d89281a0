// The second door, part one: autograd entry points that are not dispatcher operators.
#pragma once

#include <napi.h>

namespace unmask {

// Wire: [outputs list, gradients list or None, retainGraph, createGraph, inputs list]. (async: boolean)
napi_value backward(napi_env env, napi_callback_info info);
// Wire: [outputs, inputs, gradients or None, retainGraph, createGraph, allowUnused] -> [count, tensors…]
napi_value gradients(napi_env env, napi_callback_info info);
napi_value gradientOf(napi_env env, napi_callback_info info);   // wire [tensor] -> [1, tensor or None]
napi_value setGradient(napi_env env, napi_callback_info info);  // wire [tensor, tensor or None]
napi_value setRequiresGrad(napi_env env, napi_callback_info info);  // wire [tensor, flag]
napi_value setGradMode(napi_env env, napi_callback_info info);  // (enabled) -> previous

}  // namespace unmask

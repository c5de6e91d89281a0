// Handle life time, facts about a tensor, and copies of its bytes.
#pragma once

#include <napi.h>

namespace unmask {

napi_value freeTensor(napi_env env, napi_callback_info info);      // (handle)
napi_value tensorInfo(napi_env env, napi_callback_info info);      // (handle) -> wire [dtype, device, flags, rank, sizes…]
napi_value writeBytes(napi_env env, napi_callback_info info);      // (handle, Uint8Array): contiguous CPU tensor
napi_value readBytes(napi_env env, napi_callback_info info);       // (handle, Uint8Array): contiguous CPU tensor
napi_value liveTensors(napi_env env, napi_callback_info info);     // () -> wire [handles, bytes]

}  // namespace unmask

// The second door, part two: libtorch's own generators (for its random operators) and facts about the build.
#pragma once

#include <napi.h>

namespace unmask {

napi_value createGenerator(napi_env env, napi_callback_info info);  // (device code, seed: bigint) -> index
napi_value setThreads(napi_env env, napi_callback_info info);       // (count)
napi_value buildInfo(napi_env env, napi_callback_info info);        // () -> {version, config, parallel, threads, cudaDevices}

napi_value cacheFacts(napi_env env, napi_callback_info info);       // () -> {cachedBytes, totalBytes} of CPU memory
napi_value dropCache(napi_env env, napi_callback_info info);        // () gives cached CPU memory back

}  // namespace unmask

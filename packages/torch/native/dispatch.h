// The generic door: look an operator up by name, call it boxed with the arguments on the wire.
#pragma once

#include <napi.h>

#include <ATen/core/stack.h>

#include "environment.h"

namespace unmask {

// (name: string, overload: string) -> id, or -1 when libtorch has no such operator.
napi_value lookUpOperator(napi_env env, napi_callback_info info);
// (id) -> schema string
napi_value operatorSchema(napi_env env, napi_callback_info info);
// () -> every schema known to the dispatcher
napi_value allSchemas(napi_env env, napi_callback_info info);
// (text) -> id of an interned string
napi_value internString(napi_env env, napi_callback_info info);
// The wire holds [id, count, values…]; afterwards [count, values…].
napi_value call(napi_env env, napi_callback_info info);
// The same, run on the environment's worker thread; returns a promise of a Float64Array in the same format.
napi_value callAsync(napi_env env, napi_callback_info info);

}  // namespace unmask

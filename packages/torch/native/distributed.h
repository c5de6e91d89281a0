// The second door, part two: c10d, as JavaScript calls it. What waits for other processes gives a promise and runs on
// threads of its own, one for the store and one for collectives, each in the order of the calls.
#pragma once

#include <napi.h>

namespace unmask {

struct Environment;

napi_value distributedFacts(napi_env env, napi_callback_info info);  // () -> { gloo, nccl }

napi_value openStore(napi_env env, napi_callback_info info);    // ({ host, port, server, timeout, prefix }) -> promise of id
napi_value closeStore(napi_env env, napi_callback_info info);   // (id) -> promise
napi_value storeSet(napi_env env, napi_callback_info info);     // (id, key, text) -> promise
napi_value storeGet(napi_env env, napi_callback_info info);     // (id, key) -> promise of text or undefined
napi_value storeAdd(napi_env env, napi_callback_info info);     // (id, key, number) -> promise of the new number
napi_value storeDelete(napi_env env, napi_callback_info info);  // (id, key) -> promise of whether it was there

// ({ store, beats, rank, size, names, storeRank, storeAddress, interval, heartbeat, timeout, interface, address, nccl })
napi_value joinWorld(napi_env env, napi_callback_info info);      // -> promise
napi_value leaveWorld(napi_env env, napi_callback_info info);     // () -> promise; after a barrier
napi_value condemnWorld(napi_env env, napi_callback_info info);   // (reason): ends the job for all, at once
napi_value broadcast(napi_env env, napi_callback_info info);      // wire [list]; (from) -> promise
napi_value allReduce(napi_env env, napi_callback_info info);      // wire [list]; (largest) -> promise
napi_value allGather(napi_env env, napi_callback_info info);      // wire [tensor] -> promise of [count, tensors…]
napi_value barrier(napi_env env, napi_callback_info info);        // () -> promise

napi_value createBuckets(napi_env env, napi_callback_info info);   // wire [list]; (first bytes, bytes) -> id
napi_value beginBuckets(napi_env env, napi_callback_info info);    // (id, communicate)
napi_value finishBuckets(napi_env env, napi_callback_info info);   // (id) -> promise
napi_value launchedBuckets(napi_env env, napi_callback_info info); // (id) -> number
napi_value freeBuckets(napi_env env, napi_callback_info info);     // (id)

// Ends every wait for other processes: this one is ending.
void interruptDistributed(Environment& environment);

}  // namespace unmask

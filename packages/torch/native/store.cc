// The job's key-value store (c10d's TCPStore). Only requests that the server answers at once: a wait that timed out
// leaves libtorch 1.13's connection out of step, so waiting is asking again (src/distributed/store.ts).
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "async.h"
#include "distributed-state.h"
#include "distributed.h"

namespace unmask {

namespace {

c10::intrusive_ptr<c10d::Store> storeOf(Environment& environment, const Napi::Value& id) {
  auto& stores = Distributed::of(environment).stores;
  size_t index = id.ToNumber().Uint32Value();
  if (index >= stores.size() || !stores[index]) throw ArgumentError("the store has been closed");
  return stores[index];
}

// libtorch 2.4 and later prefer a server on libuv, which not every build has (Debian's has not).
template <typename Options>
auto chooseServer(Options& options, int) -> decltype(options.useLibUV = false, void()) {
  options.useLibUV = false;
}
template <typename Options>
void chooseServer(Options&, long) {}

// Runs `body` with the store on the store's thread; the promise resolves with what `answer` makes of its result.
template <typename Value>
napi_value ask(napi_env env, napi_callback_info info, std::function<Value(c10d::Store&, const std::string&)> body,
               std::function<napi_value(napi_env, const Value&)> answer) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    Napi::CallbackInfo arguments(env, info);
    auto store = storeOf(environment, arguments[0]);
    std::string key = arguments[1].ToString();
    auto value = std::make_shared<Value>();
    return environment.storeWorker->run(
        env, [=] { *value = body(*store, key); }, [=](napi_env env, Environment&) { return answer(env, *value); });
  });
}

}  // namespace

napi_value openStore(napi_env env, napi_callback_info info) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    Napi::Object given = Napi::CallbackInfo(env, info)[0].As<Napi::Object>();
    c10d::TCPStoreOptions options;
    options.port = static_cast<uint16_t>(given.Get("port").ToNumber().Uint32Value());
    options.isServer = given.Get("server").ToBoolean();
    options.waitWorkers = false;
    chooseServer(options, 0);
    options.timeout = std::chrono::milliseconds(given.Get("timeout").ToNumber().Int64Value());
    std::string host = given.Get("host").ToString();
    std::string prefix = given.Get("prefix").ToString();
    auto opened = std::make_shared<c10::intrusive_ptr<c10d::Store>>();
    return environment.storeWorker->run(
        env,
        [=] {
          auto store = c10::make_intrusive<c10d::TCPStore>(host, options);
          *opened = c10::make_intrusive<c10d::PrefixStore>(prefix, store);
        },
        [=](napi_env env, Environment& environment) -> napi_value {
          auto& stores = Distributed::of(environment).stores;
          stores.push_back(*opened);
          return Napi::Number::New(env, static_cast<double>(stores.size() - 1));
        });
  });
}

napi_value closeStore(napi_env env, napi_callback_info info) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    Napi::CallbackInfo arguments(env, info);
    auto store = std::make_shared<c10::intrusive_ptr<c10d::Store>>(storeOf(environment, arguments[0]));
    Distributed::of(environment).stores[arguments[0].ToNumber().Uint32Value()].reset();
    return environment.storeWorker->run(
        env, [store] { store->reset(); }, [](napi_env env, Environment&) { return Napi::Env(env).Undefined(); });
  });
}

napi_value storeSet(napi_env env, napi_callback_info info) {
  std::string text = Napi::CallbackInfo(env, info)[2].ToString();
  return ask<bool>(
      env, info,
      [text](c10d::Store& store, const std::string& key) {
        store.set(key, std::vector<uint8_t>(text.begin(), text.end()));
        return true;
      },
      [](napi_env env, const bool&) -> napi_value { return Napi::Env(env).Undefined(); });
}

napi_value storeGet(napi_env env, napi_callback_info info) {
  return ask<std::optional<std::string>>(
      env, info,
      [](c10d::Store& store, const std::string& key) -> std::optional<std::string> {
        if (!store.check({key})) return std::nullopt;
        auto bytes = store.get(key);
        return std::string(bytes.begin(), bytes.end());
      },
      [](napi_env env, const std::optional<std::string>& text) -> napi_value {
        return text ? Napi::Value(Napi::String::New(env, *text)) : Napi::Env(env).Undefined();
      });
}

napi_value storeAdd(napi_env env, napi_callback_info info) {
  int64_t change = Napi::CallbackInfo(env, info)[2].ToNumber().Int64Value();
  return ask<int64_t>(
      env, info, [change](c10d::Store& store, const std::string& key) { return store.add(key, change); },
      [](napi_env env, const int64_t& value) -> napi_value {
        return Napi::Number::New(env, static_cast<double>(value));
      });
}

napi_value storeDelete(napi_env env, napi_callback_info info) {
  return ask<bool>(
      env, info, [](c10d::Store& store, const std::string& key) { return store.deleteKey(key); },
      [](napi_env env, const bool& was) -> napi_value { return Napi::Boolean::New(env, was); });
}

}  // namespace unmask

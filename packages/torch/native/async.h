// One thread for long calls (an environment has one for operators, one for collectives, one for the store): work runs in the order it was given, with the caller's grad mode,
// while the event loop stays free. A single thread (rather than libuv's pool) keeps the order deterministic and
// OpenMP to one team.
#pragma once

#include <ATen/core/stack.h>
#include <napi.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <queue>
#include <thread>

namespace unmask {

struct Environment;

class AsyncWorker {
 public:
  // Makes the value that a promise resolves with, on the main thread.
  using Result = std::function<napi_value(napi_env, Environment&)>;

  explicit AsyncWorker(Napi::Env env);
  ~AsyncWorker();
  // Waits for the running job, drops the queued ones and ends the thread.
  void stop();
  // Runs `work` on the thread; the promise resolves with what it left in `stack`, as on the wire.
  napi_value run(napi_env env, std::shared_ptr<torch::jit::Stack> stack, std::function<void()> work);
  napi_value run(napi_env env, std::function<void()> work, Result result);

 private:
  struct Job;
  void loop();
  void start();
  static void finish(napi_env env, napi_value callback, void* context, void* data);

  napi_env env_;
  napi_threadsafe_function completed_ = nullptr;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::queue<std::unique_ptr<Job>> jobs_;
  size_t pending_ = 0;  // main thread only
  bool stopping_ = false;
};

// () -> nothing: for the end of the process, which must not destroy libtorch's statics under a running job.
napi_value stopAsync(napi_env env, napi_callback_info info);

}  // namespace unmask

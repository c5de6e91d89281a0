#include "async.h"

#include <ATen/Parallel.h>
#include <ATen/ThreadLocalState.h>

#include <utility>

#include "distributed.h"
#include "environment.h"
#include "values.h"

namespace unmask {

struct AsyncWorker::Job {
  napi_deferred deferred = nullptr;
  std::function<void()> work;
  Result result;
  at::ThreadLocalState state;  // grad mode and friends of the caller
  int threads = 1;
  bool failed = false;
  Failure failure{"", ""};
};

AsyncWorker::AsyncWorker(Napi::Env env) : env_(env) {}

AsyncWorker::~AsyncWorker() { stop(); }

void AsyncWorker::stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    while (!jobs_.empty()) jobs_.pop();
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (completed_ != nullptr) napi_release_threadsafe_function(completed_, napi_tsfn_abort);
  completed_ = nullptr;
}

void AsyncWorker::start() {
  if (thread_.joinable()) return;
  Napi::Env env(env_);
  napi_create_threadsafe_function(env_, nullptr, nullptr, Napi::String::New(env, "unmask torch"), 0, 1, nullptr,
                                  nullptr, this, &AsyncWorker::finish, &completed_);
  napi_unref_threadsafe_function(env_, completed_);
  // Hooks run in reverse order: the thread must be gone before Node deletes the function that it calls.
  napi_add_env_cleanup_hook(env_, [](void* worker) { static_cast<AsyncWorker*>(worker)->stop(); }, this);
  thread_ = std::thread([this] { loop(); });
}

namespace {

napi_value onTheWire(napi_env env, Environment& environment, const torch::jit::Stack& stack) {
  std::vector<double> out{static_cast<double>(stack.size())};
  for (const auto& value : stack) encodeValue(environment, value, out);
  environment.reportMemory(env);
  auto result = Napi::Float64Array::New(env, out.size());
  std::copy(out.begin(), out.end(), result.Data());
  return result;
}

}  // namespace

napi_value AsyncWorker::run(napi_env env, std::shared_ptr<torch::jit::Stack> stack, std::function<void()> work) {
  return run(env, std::move(work), [stack](napi_env env, Environment& environment) {
    return onTheWire(env, environment, *stack);
  });
}

napi_value AsyncWorker::run(napi_env env, std::function<void()> work, Result result) {
  if (stopping_) throw ArgumentError("the process is ending");
  start();
  auto job = std::make_unique<Job>();
  napi_value promise = nullptr;
  napi_create_promise(env, &job->deferred, &promise);
  job->result = std::move(result);
  job->work = std::move(work);
  job->threads = at::get_num_threads();
  if (pending_++ == 0) napi_ref_threadsafe_function(env, completed_);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    jobs_.push(std::move(job));
  }
  wake_.notify_one();
  return promise;
}

void AsyncWorker::loop() {
  int threads = 0;
  while (true) {
    std::unique_ptr<Job> job;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (stopping_) return;
      job = std::move(jobs_.front());
      jobs_.pop();
    }
    try {
      at::ThreadLocalStateGuard guard(job->state);
      // OpenMP keeps its thread count per thread.
      if (threads != job->threads) at::set_num_threads(threads = job->threads);
      job->work();
    } catch (...) {
      job->failed = true;
      job->failure = currentFailure();
    }
    // The work may hold the last reference to big tensors: let go of them here, not on the main thread.
    job->work = nullptr;
    napi_call_threadsafe_function(completed_, job.release(), napi_tsfn_blocking);
  }
}

napi_value stopAsync(napi_env env, napi_callback_info) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    interruptDistributed(environment);  // what waits for other processes must not hold this one up
    environment.worker->stop();
    environment.collectiveWorker->stop();
    environment.storeWorker->stop();
    return nullptr;
  });
}

void AsyncWorker::finish(napi_env env, napi_value, void* context, void* data) {
  std::unique_ptr<Job> job(static_cast<Job*>(data));
  if (env == nullptr) return;  // the environment is going down
  auto* worker = static_cast<AsyncWorker*>(context);
  if (--worker->pending_ == 0) napi_unref_threadsafe_function(env, worker->completed_);
  Napi::HandleScope scope(env);
  Environment& environment = Environment::of(env);
  if (!job->failed) {
    try {
      napi_resolve_deferred(env, job->deferred, job->result(env, environment));
      return;
    } catch (...) {
      job->failure = currentFailure();
    }
  }
  napi_value error = nullptr;
  napi_create_error(env, Napi::String::New(env, job->failure.code), Napi::String::New(env, job->failure.message),
                    &error);
  napi_reject_deferred(env, job->deferred, error);
}

}  // namespace unmask

#include "heartbeat.h"

#include <torch/csrc/distributed/c10d/Store.hpp>
#include <unistd.h>

#include <cstdio>

namespace unmask {

namespace {

constexpr int64_t kFarewell = int64_t{1} << 52;
constexpr const char* kVerdict = "verdict";
// How many ranks, without the one to blame, know of the verdict.
constexpr const char* kHeard = "heard";

std::string beatKey(int rank) { return "beat/" + std::to_string(rank); }
std::string countKey(int rank) { return "collectives/" + std::to_string(rank); }

std::vector<uint8_t> encode(const Verdict& verdict) {
  std::string text = std::to_string(verdict.rank) + "\n" + verdict.message;
  return {text.begin(), text.end()};
}

Verdict decode(const std::vector<uint8_t>& bytes) {
  std::string text(bytes.begin(), bytes.end());
  size_t end = text.find('\n');
  return {std::stoi(text.substr(0, end)), text.substr(end + 1)};
}

std::string seconds(std::chrono::milliseconds duration) {
  std::string text = std::to_string(static_cast<double>(duration.count()) / 1000);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text + " s";
}

}  // namespace

void Signal::notify() {
  { std::lock_guard<std::mutex> lock(mutex); }
  wake.notify_all();
}

Heartbeat::Heartbeat(c10::intrusive_ptr<c10d::Store> store, Options options, std::shared_ptr<Signal> signal)
    : store_(std::move(store)), options_(std::move(options)), signal_(std::move(signal)) {
  store_->add(beatKey(options_.rank), 1);
  // A wait sets the socket's timeout, which add() and check() keep: a machine that vanished must not hold the thread.
  store_->wait({beatKey(options_.rank)}, options_.timeout);
  thread_ = std::thread([this] { loop(); });
}

Heartbeat::~Heartbeat() { stop(); }

void Heartbeat::cancel() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
}

void Heartbeat::stop() {
  cancel();
  if (thread_.joinable()) thread_.join();
}

// Whether to go on.
bool Heartbeat::sleep(std::chrono::milliseconds duration) {
  std::unique_lock<std::mutex> lock(mutex_);
  wake_.wait_for(lock, duration, [this] { return stopping_; });
  return !stopping_;
}

void Heartbeat::loop() {
  try {
    while (!verdict() && sleep(options_.interval)) beat();
  } catch (const std::exception&) {
    if (options_.storeRank == options_.rank) return;  // our own store is gone: the process is ending
    std::string keeper = options_.storeRank < 0 ? "the store" : name(options_.storeRank) + ", which keeps the store";
    learn({options_.storeRank, keeper + " at " + options_.store + ", cannot be reached any more"});
  }
  if (!verdict() || !sleep(options_.timeout)) return;
  std::unique_lock<std::mutex> lock(mutex_);
  if (!acknowledged_) endHard();
}

void Heartbeat::beat() {
  store_->add(beatKey(options_.rank), 1);
  int64_t collectives;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    collectives = published_;
  }
  if (collectives != sent_) {
    store_->add(countKey(options_.rank), collectives - std::max<int64_t>(sent_, 0));
    sent_ = collectives;
  }
  if (store_->check({kVerdict})) {
    learn(decode(store_->get(kVerdict)));
    return;
  }
  int next = (options_.rank + 1) % options_.size;
  int64_t now = store_->add(beatKey(next), 0);
  unchanged_ = now == neighbour_ ? unchanged_ + 1 : 0;
  neighbour_ = now;
  // A rank that has not begun to beat stands still too: it is starting, and has the time that starting has.
  if (now <= 0 || unchanged_ * options_.interval < options_.timeout) return;
  condemn(next, name(next) + " has shown no sign of life for " + seconds(options_.timeout));
}

Verdict Heartbeat::condemn(int rank, const std::string& message) {
  if (auto known = verdict()) return *known;
  Verdict ours{rank, message};
  try {
    if (store_->add("verdicts", 1) > 1 && store_->check({kVerdict})) ours = decode(store_->get(kVerdict));
    else store_->set(kVerdict, encode(ours));
  } catch (const std::exception&) {
    // The store is gone, and with it the job: the others see that for themselves.
  }
  learn(ours);
  return ours;
}

void Heartbeat::learn(Verdict verdict) {
  bool counts = verdict.rank != options_.rank;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (verdict_) return;
    verdict_ = std::move(verdict);
  }
  try {
    if (counts) store_->add(kHeard, 1);
  } catch (const std::exception&) {
    // As above.
  }
  wake_.notify_all();
  signal_->notify();
}

std::optional<Verdict> Heartbeat::verdict() {
  std::lock_guard<std::mutex> lock(mutex_);
  return verdict_;
}

std::optional<Verdict> Heartbeat::awaitVerdict() {
  std::unique_lock<std::mutex> lock(mutex_);
  // Being found takes the timeout, being told an interval; the rest is for a machine under load.
  auto patience = options_.timeout + 4 * options_.interval;
  wake_.wait_for(lock, patience, [this] { return verdict_.has_value() || stopping_; });
  return verdict_;
}

void Heartbeat::publish(int64_t collectives) {
  std::lock_guard<std::mutex> lock(mutex_);
  published_ = collectives;
}

std::optional<int> Heartbeat::slowest() {
  int64_t least;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    least = published_;
  }
  std::optional<int> slowest;
  for (int rank = 0; rank < options_.size; rank++) {
    if (rank == options_.rank) continue;
    int64_t count = store_->add(countKey(rank), 0);
    if (count >= least) continue;
    least = count;
    slowest = rank;
  }
  return slowest;
}

void Heartbeat::acknowledge() {
  std::lock_guard<std::mutex> lock(mutex_);
  acknowledged_ = true;
}

void Heartbeat::farewell() {
  stop();
  store_->add(beatKey(options_.rank), -kFarewell);
}

void Heartbeat::linger() {
  if (options_.storeRank != options_.rank) return;
  int64_t others = options_.size - 1;
  auto deadline = std::chrono::steady_clock::now() + 3 * options_.interval;
  try {
    while (std::chrono::steady_clock::now() < deadline && store_->add(kHeard, 0) < others) {
      std::this_thread::sleep_for(options_.interval / 10);
    }
  } catch (const std::exception&) {
    // There is no store to keep any more.
  }
}

// The process does something long, or waits for what will never come, and does not know of the verdict.
void Heartbeat::endHard() {
  std::fprintf(stderr, "error: %s\n", verdict_->message.c_str());
  std::fflush(stderr);
  _exit(1);
}

}  // namespace unmask

// Signs of life between the processes of a job, over its key-value store.
//
// A thread of its own, because Node's is busy inside operators: every interval it counts up this rank's beat and looks
// at the next rank's. A beat that stood still over as many looks as fit into the timeout is a rank that died or lost
// its network; whoever sees it writes the verdict into the store, where everybody finds it within an interval. Looks
// are counted, not seconds, so that a machine that slept blames nobody.
#pragma once

#include <c10/util/intrusive_ptr.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace c10d {
class Store;
}

namespace unmask {

// Who ended the job, and the sentence to say about it.
struct Verdict {
  int rank;
  std::string message;
};

// What threads that wait for other processes sleep on.
struct Signal {
  std::mutex mutex;
  std::condition_variable wake;
  void notify();
};

class Heartbeat {
 public:
  struct Options {
    int rank;
    int size;
    std::chrono::milliseconds interval;
    std::chrono::milliseconds timeout;
    std::vector<std::string> names;  // of the ranks, for messages: "rank 1 (process 77 on host)"
    std::string store;               // for messages: where the store is
    int storeRank;                   // the rank that keeps it; -1 if none does
  };

  Heartbeat(c10::intrusive_ptr<c10d::Store> store, Options options, std::shared_ptr<Signal> signal);
  ~Heartbeat();

  std::optional<Verdict> verdict();
  // Also waits for it as long as it may take to be found.
  std::optional<Verdict> awaitVerdict();
  // Ends the job for everybody, unless somebody has already. Returns what everybody is told.
  Verdict condemn(int rank, const std::string& message);
  // The number of collectives this rank has begun, for slowest().
  void publish(int64_t collectives);
  // The rank that has begun fewer collectives than this one, if there is one.
  std::optional<int> slowest();
  const std::string& name(int rank) const { return options_.names[rank]; }
  const Options& options() const { return options_; }
  // The verdict has reached JavaScript: the process will end by itself.
  void acknowledge();
  // The orderly end: the next rank stops looking at this one.
  void farewell();
  // After a verdict the store must live until the others have read it.
  void linger();
  // Ends awaitVerdict() and the beats, without waiting for the thread.
  void cancel();
  void stop();

 private:
  void loop();
  void beat();
  void learn(Verdict verdict);
  void endHard();
  bool sleep(std::chrono::milliseconds duration);

  c10::intrusive_ptr<c10d::Store> store_;
  Options options_;
  std::shared_ptr<Signal> signal_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  bool acknowledged_ = false;
  std::optional<Verdict> verdict_;
  int64_t published_ = 0;
  // Of the thread only.
  int64_t neighbour_ = 0;
  int64_t unchanged_ = 0;
  int64_t beats_ = 0;
  int64_t sent_ = -1;
  std::thread thread_;
};

}  // namespace unmask

// Stands in for Gloo's headers where they are not installed (PyTorch ships without them, and so does Debian):
// c10d's ProcessGroupGloo.hpp names these types, and nothing of ours looks into them. Only declarations that the
// header needs to be read; the code behind them lies in libtorch or in the libgloo that it loads.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace gloo {

class Context;

namespace transport {
class Device;
class UnboundBuffer;
}  // namespace transport

namespace rendezvous {

class Store {
 public:
  static constexpr std::chrono::milliseconds kDefaultTimeout = std::chrono::seconds(30);
  virtual ~Store();
  virtual void set(const std::string& key, const std::vector<char>& data) = 0;
  virtual std::vector<char> get(const std::string& key) = 0;
  virtual void wait(const std::vector<std::string>& keys) = 0;
  virtual void wait(const std::vector<std::string>& keys, const std::chrono::milliseconds& timeout);
};

}  // namespace rendezvous
}  // namespace gloo

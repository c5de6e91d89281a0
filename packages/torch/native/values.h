// The wire format between JavaScript and C++, and its conversion to and from IValues.
//
// A Float64Array is shared by both sides. JavaScript writes tagged values, C++ reads them, and the results come
// back the same way, so that a call crosses the boundary once and with no argument objects. Layout of a value:
// [tag, number], but [List, n, value…], [BigInt, high 32 bits, low 32 bits].
#pragma once

#include <ATen/core/stack.h>

#include <vector>

#include "environment.h"

namespace unmask {

enum Tag {
  kDefault = 0,    // argument left out: the schema's default
  kNone = 1,
  kTensor = 2,     // handle
  kInt = 3,
  kDouble = 4,
  kBool = 5,
  kString = 6,     // interned id
  kList = 7,
  kBigInt = 8,
  kDevice = 9,     // type * 256 + index + 1
  kGenerator = 10,  // index
};

// Reads the wire from `position` on.
class WireReader {
 public:
  WireReader(Environment& environment, size_t position) : environment_(environment), position_(position) {}
  c10::IValue argument(const Parameter& parameter);
  at::Tensor tensor();
  std::vector<at::Tensor> tensorList();  // None entries become undefined tensors
  bool flag();
  double number();

 private:
  c10::IValue value(const Parameter& parameter, Kind kind, bool optional);
  c10::IValue list(const Parameter& parameter);
  double next();
  int64_t integer(const Parameter& parameter, int tag);
  [[noreturn]] void mismatch(const Parameter& parameter, Kind expected, int tag);

  Environment& environment_;
  size_t position_;
};

at::Device decodeDevice(double code);
double encodeDevice(const at::Device& device);

// Appends the tagged form of `value` to `out`; tensors get new handles.
void encodeValue(Environment& environment, const c10::IValue& value, std::vector<double>& out);
// Writes [count, values…] to the wire; the quick way for the one-tensor case.
void writeResults(Environment& environment, const torch::jit::Stack& stack);

}  // namespace unmask

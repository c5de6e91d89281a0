#include "values.h"

#include <cmath>

namespace unmask {

namespace {

const char* kindName(Kind kind) {
  switch (kind) {
    case Kind::Tensor: return "a Tensor";
    case Kind::Int: return "an integer";
    case Kind::Float: return "a number";
    case Kind::Bool: return "a boolean";
    case Kind::Scalar: return "a number or boolean";
    case Kind::String: return "a string";
    case Kind::Device: return "a device";
    case Kind::Generator: return "a Generator";
    case Kind::List: return "a list";
    case Kind::Unsupported: return "nothing (this kind of argument cannot be passed)";
  }
  return "?";
}

const char* tagName(int tag) {
  switch (tag) {
    case kDefault: return "nothing";
    case kNone: return "null";
    case kTensor: return "a Tensor";
    case kInt: return "an integer";
    case kDouble: return "a fractional number";
    case kBool: return "a boolean";
    case kString: return "a string";
    case kList: return "a list";
    case kBigInt: return "a bigint";
    case kDevice: return "a device";
    case kGenerator: return "a Generator";
    default: return "an unknown value";
  }
}

}  // namespace

at::Device decodeDevice(double code) {
  auto bits = static_cast<int64_t>(code);
  return at::Device(static_cast<at::DeviceType>(bits / 256), static_cast<at::DeviceIndex>(bits % 256 - 1));
}

double encodeDevice(const at::Device& device) {
  return static_cast<double>(static_cast<int>(device.type()) * 256 + device.index() + 1);
}

double WireReader::next() {
  if (position_ >= environment_.wireLength) throw ArgumentError("the arguments do not fit into the wire");
  return environment_.wire[position_++];
}

void WireReader::mismatch(const Parameter& parameter, Kind expected, int tag) {
  throw ArgumentError("argument '" + parameter.name + "' (" + parameter.type + ") must be " + kindName(expected) +
                      ", got " + tagName(tag));
}

int64_t WireReader::integer(const Parameter& parameter, int tag) {
  if (tag == kInt) return static_cast<int64_t>(next());
  if (tag != kBigInt) mismatch(parameter, Kind::Int, tag);
  auto high = static_cast<int64_t>(next());
  auto low = static_cast<int64_t>(next());
  return static_cast<int64_t>((static_cast<uint64_t>(high) << 32) | static_cast<uint64_t>(low));
}

c10::IValue WireReader::argument(const Parameter& parameter) {
  int tag = static_cast<int>(next());
  position_ -= 1;
  if (tag == kDefault) {
    position_ += 2;
    if (parameter.hasDefault) return parameter.defaultValue;
    if (parameter.optional) return c10::IValue();
    throw ArgumentError("argument '" + parameter.name + "' (" + parameter.type + ") is missing");
  }
  return value(parameter, parameter.kind, parameter.optional);
}

c10::IValue WireReader::value(const Parameter& parameter, Kind kind, bool optional) {
  int tag = static_cast<int>(next());
  if (tag == kNone && optional) {
    next();
    return c10::IValue();
  }
  switch (kind) {
    case Kind::Tensor:
      if (tag != kTensor) mismatch(parameter, kind, tag);
      return c10::IValue(environment_.tensors.get(next()));
    case Kind::Int:
      if (tag == kBool) break;
      return c10::IValue(integer(parameter, tag));
    case Kind::Float:
      if (tag != kInt && tag != kDouble) mismatch(parameter, kind, tag);
      return c10::IValue(next());
    case Kind::Bool:
      if (tag != kBool) mismatch(parameter, kind, tag);
      return c10::IValue(next() != 0);
    case Kind::Scalar: {
      if (tag == kBigInt) return c10::IValue(integer(parameter, tag));
      if (tag != kInt && tag != kDouble && tag != kBool) mismatch(parameter, kind, tag);
      double number = next();
      if (tag == kBool) return c10::IValue(at::Scalar(number != 0));
      bool negativeZero = number == 0 && std::signbit(number);
      if (tag == kInt && !negativeZero) return c10::IValue(at::Scalar(static_cast<int64_t>(number)));
      return c10::IValue(at::Scalar(number));
    }
    case Kind::String:
      if (tag != kString) mismatch(parameter, kind, tag);
      return c10::IValue(environment_.strings.at(static_cast<size_t>(next())));
    case Kind::Device:
      if (tag != kDevice) mismatch(parameter, kind, tag);
      return c10::IValue(decodeDevice(next()));
    case Kind::Generator:
      if (tag != kGenerator) mismatch(parameter, kind, tag);
      return c10::IValue(environment_.generators.at(static_cast<size_t>(next())));
    case Kind::List:
      position_ -= 1;
      return list(parameter);
    case Kind::Unsupported:
      break;
  }
  mismatch(parameter, kind, tag);
}

c10::IValue WireReader::list(const Parameter& parameter) {
  int tag = static_cast<int>(next());
  c10::impl::GenericList values(parameter.elementType);
  if (tag == kList) {
    auto count = static_cast<size_t>(next());
    values.reserve(count);
    for (size_t i = 0; i < count; i++) {
      values.push_back(value(parameter, parameter.element, parameter.elementOptional));
    }
  } else if (parameter.broadcast > 0 && (tag == kInt || tag == kDouble || tag == kBool)) {
    position_ -= 1;
    c10::IValue one = value(parameter, parameter.element, false);
    for (int64_t i = 0; i < parameter.broadcast; i++) values.push_back(one);
  } else {
    mismatch(parameter, Kind::List, tag);
  }
  return c10::IValue(std::move(values));
}

at::Tensor WireReader::tensor() {
  int tag = static_cast<int>(next());
  double handle = next();
  if (tag == kNone || tag == kDefault) return at::Tensor();
  if (tag != kTensor) throw ArgumentError(std::string("expected a Tensor, got ") + tagName(tag));
  return environment_.tensors.get(handle);
}

std::vector<at::Tensor> WireReader::tensorList() {
  int tag = static_cast<int>(next());
  auto count = static_cast<size_t>(next());
  if (tag == kNone || tag == kDefault) return {};
  if (tag != kList) throw ArgumentError(std::string("expected a list of Tensors, got ") + tagName(tag));
  std::vector<at::Tensor> tensors;
  tensors.reserve(count);
  for (size_t i = 0; i < count; i++) tensors.push_back(tensor());
  return tensors;
}

bool WireReader::flag() {
  int tag = static_cast<int>(next());
  if (tag != kBool) throw ArgumentError(std::string("expected a boolean, got ") + tagName(tag));
  return next() != 0;
}

double WireReader::number() {
  int tag = static_cast<int>(next());
  if (tag != kInt && tag != kDouble) throw ArgumentError(std::string("expected a number, got ") + tagName(tag));
  return next();
}

void encodeValue(Environment& environment, const c10::IValue& value, std::vector<double>& out) {
  auto push = [&out](int tag, double number) {
    out.push_back(tag);
    out.push_back(number);
  };
  if (value.isTensor()) {
    const at::Tensor& tensor = value.toTensor();
    if (tensor.defined()) push(kTensor, environment.tensors.add(tensor));
    else push(kNone, 0);
  } else if (value.isInt()) {
    push(kInt, static_cast<double>(value.toInt()));
  } else if (value.isDouble()) {
    push(kDouble, value.toDouble());
  } else if (value.isBool()) {
    push(kBool, value.toBool() ? 1 : 0);
  } else if (value.isList()) {
    auto list = value.toListRef();
    push(kList, static_cast<double>(list.size()));
    for (const auto& item : list) encodeValue(environment, item, out);
  } else if (value.isNone()) {
    push(kNone, 0);
  } else {
    throw ArgumentError("a result of type " + value.tagKind() + " cannot be returned to JavaScript");
  }
}

void writeResults(Environment& environment, const torch::jit::Stack& stack) {
  if (stack.size() == 1 && stack[0].isTensor() && stack[0].toTensor().defined()) {
    environment.wire[0] = 1;
    environment.wire[1] = kTensor;
    environment.wire[2] = environment.tensors.add(stack[0].toTensor());
    return;
  }
  std::vector<double> out{static_cast<double>(stack.size())};
  try {
    for (const auto& value : stack) encodeValue(environment, value, out);
    if (out.size() > environment.wireLength) throw ArgumentError("the results do not fit into the wire");
  } catch (const ArgumentError&) {
    // Nobody will ever see these handles.
    for (size_t i = 1; i + 1 < out.size(); i += 2) {
      if (out[i] == kTensor) environment.tensors.remove(static_cast<uint32_t>(out[i + 1]));
    }
    throw;
  }
  std::copy(out.begin(), out.end(), environment.wire);
}

}  // namespace unmask

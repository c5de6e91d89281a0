// One operator of libtorch's dispatcher, with its schema prepared for quick conversion of arguments.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>

#include <string>
#include <vector>

namespace unmask {

enum class Kind { Tensor, Int, Float, Bool, Scalar, String, Device, Generator, List, Unsupported };

struct Parameter {
  std::string name;
  std::string type;  // as the schema writes it, for messages
  Kind kind = Kind::Unsupported;
  Kind element = Kind::Unsupported;  // of a list
  bool optional = false;
  bool elementOptional = false;
  c10::TypePtr elementType;   // of a list
  int64_t broadcast = 0;      // int[2]: one number may stand for two
  bool hasDefault = false;
  c10::IValue defaultValue;
};

struct Operator {
  Operator(c10::OperatorHandle handle, std::string name);
  c10::OperatorHandle handle;
  std::string name;
  std::vector<Parameter> parameters;
  // In-place and out variants return their own arguments: JavaScript already holds those.
  bool returnsArguments = false;
  // set_data and set_ give their first argument other memory.
  bool replacesMemory = false;
};

}  // namespace unmask

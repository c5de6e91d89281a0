#include "dispatch.h"

#include "async.h"
#include "values.h"

namespace unmask {

namespace {

Kind kindOf(const c10::Type& type) {
  switch (type.kind()) {
    case c10::TypeKind::TensorType: return Kind::Tensor;
    case c10::TypeKind::IntType: return Kind::Int;
    case c10::TypeKind::SymIntType: return Kind::Int;
    case c10::TypeKind::FloatType: return Kind::Float;
    case c10::TypeKind::BoolType: return Kind::Bool;
    case c10::TypeKind::NumberType: return Kind::Scalar;
    case c10::TypeKind::StringType: return Kind::String;
    case c10::TypeKind::DeviceObjType: return Kind::Device;
    case c10::TypeKind::GeneratorType: return Kind::Generator;
    case c10::TypeKind::ListType: return Kind::List;
    default: return Kind::Unsupported;
  }
}

// The type inside Optional[…], or the type itself.
c10::TypePtr unwrap(const c10::TypePtr& type, bool& optional) {
  optional = type->kind() == c10::TypeKind::OptionalType;
  return optional ? type->castRaw<c10::OptionalType>()->getElementType() : type;
}

Parameter parameterOf(const c10::Argument& argument) {
  Parameter parameter;
  parameter.name = argument.name();
  parameter.type = argument.type()->str();
  c10::TypePtr type = unwrap(argument.type(), parameter.optional);
  parameter.kind = kindOf(*type);
  if (parameter.kind == Kind::List) {
    c10::TypePtr declared = type->castRaw<c10::ListType>()->getElementType();
    parameter.element = kindOf(*unwrap(declared, parameter.elementOptional));
    // A list of symbolic integers may be given as a plain list of integers.
    bool symbolic = declared->kind() == c10::TypeKind::SymIntType;
    parameter.elementType = symbolic ? c10::TypePtr(c10::IntType::get()) : declared;
    parameter.broadcast = argument.N() ? *argument.N() : 0;
  }
  parameter.hasDefault = argument.default_value().has_value();
  if (parameter.hasDefault) parameter.defaultValue = *argument.default_value();
  return parameter;
}

std::string stringArgument(napi_env env, napi_value value) {
  return Napi::String(env, value).Utf8Value();
}

// Reads [id, count, values…] from the wire into a stack in the order of the schema.
Operator& readCall(Environment& environment, torch::jit::Stack& stack) {
  auto id = static_cast<size_t>(environment.wire[0]);
  auto given = static_cast<size_t>(environment.wire[1]);
  if (id >= environment.operators.size()) throw ArgumentError("no operator has this number");
  Operator& op = *environment.operators[id];
  if (given > op.parameters.size()) {
    throw ArgumentError("takes at most " + std::to_string(op.parameters.size()) + " arguments, got " +
                        std::to_string(given));
  }
  stack.reserve(op.parameters.size());
  WireReader reader(environment, 2);
  for (size_t i = 0; i < op.parameters.size(); i++) {
    const Parameter& parameter = op.parameters[i];
    if (i < given) {
      stack.push_back(reader.argument(parameter));
    } else if (parameter.hasDefault) {
      stack.push_back(parameter.defaultValue);
    } else if (parameter.optional) {
      stack.emplace_back();
    } else {
      throw ArgumentError("argument '" + parameter.name + "' (" + parameter.type + ") is missing");
    }
  }
  return op;
}

}  // namespace

Operator::Operator(c10::OperatorHandle handle, std::string name) : handle(handle), name(std::move(name)) {
  const c10::FunctionSchema& schema = handle.schema();
  for (const c10::Argument& argument : schema.arguments()) parameters.push_back(parameterOf(argument));
  returnsArguments = !schema.returns().empty();
  for (const c10::Argument& result : schema.returns()) {
    if (!result.alias_info() || !result.alias_info()->isWrite()) returnsArguments = false;
  }
  replacesMemory = schema.name() == "aten::set_data" || schema.name() == "aten::set_";
}

napi_value lookUpOperator(napi_env env, napi_callback_info info) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    Napi::CallbackInfo arguments(env, info);
    std::string name = stringArgument(env, arguments[0]);
    std::string overload = stringArgument(env, arguments[1]);
    std::string key = name + "." + overload;
    auto known = environment.operatorIds.find(key);
    if (known != environment.operatorIds.end()) return Napi::Number::New(env, known->second);
    auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
    if (!handle) return Napi::Number::New(env, -1);
    environment.operators.push_back(std::make_unique<Operator>(*handle, key));
    auto id = static_cast<uint32_t>(environment.operators.size() - 1);
    environment.operatorIds.emplace(key, id);
    return Napi::Number::New(env, id);
  });
}

napi_value operatorSchema(napi_env env, napi_callback_info info) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    Napi::CallbackInfo arguments(env, info);
    auto id = Napi::Number(env, arguments[0]).Uint32Value();
    return Napi::String::New(env, toString(environment.operators.at(id)->handle.schema()));
  });
}

napi_value allSchemas(napi_env env, napi_callback_info) {
  return guarded(env, [&](Environment&) -> napi_value {
    auto names = c10::Dispatcher::singleton().getAllOpNames();
    auto result = Napi::Array::New(env);
    uint32_t count = 0;
    for (const auto& name : names) {
      auto handle = c10::Dispatcher::singleton().findSchema(name);
      if (handle) result.Set(count++, toString(handle->schema()));
    }
    return result;
  });
}

napi_value internString(napi_env env, napi_callback_info info) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    Napi::CallbackInfo arguments(env, info);
    std::string text = stringArgument(env, arguments[0]);
    auto [entry, isNew] = environment.stringIds.try_emplace(text, static_cast<uint32_t>(environment.strings.size()));
    if (isNew) environment.strings.push_back(text);
    return Napi::Number::New(env, entry->second);
  });
}

napi_value call(napi_env env, napi_callback_info) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    torch::jit::Stack stack;
    Operator& op = readCall(environment, stack);
    double first = environment.wire[3];
    op.handle.callBoxed(stack);
    if (op.replacesMemory) environment.tensors.recount(first);
    if (op.returnsArguments) {
      environment.wire[0] = 0;
    } else {
      writeResults(environment, stack);
      environment.reportMemory(env);
    }
    return nullptr;
  });
}

napi_value callAsync(napi_env env, napi_callback_info) {
  return guarded(env, [&](Environment& environment) -> napi_value {
    auto stack = std::make_shared<torch::jit::Stack>();
    Operator& op = readCall(environment, *stack);
    return environment.worker->run(env, stack, [stack, &op] {
      op.handle.callBoxed(*stack);
      if (op.returnsArguments) stack->clear();
    });
  });
}

}  // namespace unmask

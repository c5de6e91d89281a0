// libtorch for Node. Operators are plain functions: `add(a, b)`, `matmul(a, b)`.

export * from "./core/autograd.ts";
export {
  convert,
  fromBytes,
  item,
  type Nested,
  setRequiresGrad,
  type TensorOptions,
  tensor,
  toNested,
  toNumbers,
  toTypedArray,
} from "./core/create.ts";
export type { Device } from "./core/device.ts";
export {
  type Argument,
  call,
  callAsync,
  Float,
  float,
  Generator,
  Operator,
  operator,
  type Scalar,
} from "./core/dispatch.ts";
export { type Dtype, dtypes, type TypedArray } from "./core/dtype.ts";
export { DistributedError, TorchError } from "./core/errors.ts";
export { at, type Place, type Range } from "./core/indexing.ts";
export {
  bfloat16Flags,
  chooseProductDtype,
  chooseThreads,
  measureProduct,
  type ProductDtype,
} from "./core/precision.ts";
export { type Coordinates, philox, uniformAt, wordsAt } from "./core/random.ts";
export { type Block, Recompute } from "./core/recompute.ts";
export { insideScope, keep, scope, tensorsIn } from "./core/scope.ts";
export {
  type BuildInfo,
  buildInfo,
  cpuMemory,
  createGenerator,
  emptyCache,
  liveTensors,
  setThreads,
} from "./core/system.ts";
export { Tensor } from "./core/tensor.ts";
export { type BucketOptions, type GradientBuckets, gradientBuckets } from "./distributed/buckets.ts";
export { type DistributedOptions, initDistributed } from "./distributed/join.ts";
export { type NamedGroup, ShardedAdamW } from "./distributed/sharded-adamw.ts";
export { type Numbers, type Reduction, soloWorld, type World } from "./distributed/world.ts";
export * from "./generated/ops.ts";
export { SafetensorsError } from "./io/error.ts";
export { type Checkpoint, openSafetensors, type TensorInfo } from "./io/safetensors.ts";
export { type SaveOptions, saveSafetensors, type TensorsByName } from "./io/save.ts";
export { openSharded, type SaveShardedOptions, saveSharded } from "./io/sharded.ts";
export { type AttentionOptions, attention } from "./nn/attention.ts";
export { rmsNorm, rotate } from "./nn/functional.ts";
export { type LinearOptions, mixedLinear } from "./nn/linear.ts";
export { AdamW, type AdamWOptions, type ParameterGroup } from "./optim/adamw.ts";
export { clipGradients } from "./optim/clip.ts";
export { type ScheduleOptions, schedule } from "./optim/schedule.ts";

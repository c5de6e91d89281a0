// Generated from codegen/ops.txt by npm run codegen (schemas of libtorch 1.13, symbolic integers written as int).
// Do not edit.

import { type Device, deviceCode } from "../core/device.ts";
import { call, type Generator, type Operator, operator, type Scalar } from "../core/dispatch.ts";
import { type Dtype, dtypeCode } from "../core/dtype.ts";
import { Tensor } from "../core/tensor.ts";

const emptyOp = operator("aten::empty.memory_format");
/** Uninitialised tensor of the given size. `aten::empty.memory_format(int[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
export const empty = (size: readonly number[], options: { dtype?: Dtype | undefined; device?: Device | undefined } = {}): Tensor => call(emptyOp, size, dtypeCode(options.dtype), undefined, deviceCode(options.device));

const zerosOp = operator("aten::zeros");
/** Filled with 0. `aten::zeros(int[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export const zeros = (size: readonly number[], options: { dtype?: Dtype | undefined; device?: Device | undefined } = {}): Tensor => call(zerosOp, size, dtypeCode(options.dtype), undefined, deviceCode(options.device));

const onesOp = operator("aten::ones");
/** Filled with 1. `aten::ones(int[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export const ones = (size: readonly number[], options: { dtype?: Dtype | undefined; device?: Device | undefined } = {}): Tensor => call(onesOp, size, dtypeCode(options.dtype), undefined, deviceCode(options.device));

const fullOp = operator("aten::full");
/** Filled with `fill_value`. `aten::full(int[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export const full = (size: readonly number[], fillValue: Scalar, options: { dtype?: Dtype | undefined; device?: Device | undefined } = {}): Tensor => call(fullOp, size, fillValue, dtypeCode(options.dtype), undefined, deviceCode(options.device));

const arangeOp = operator("aten::arange.start_step");
/** Start, start + step, … below end. `aten::arange.start_step(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export const arange = (start: Scalar, end: Scalar, options: { step?: Scalar | undefined; dtype?: Dtype | undefined; device?: Device | undefined } = {}): Tensor => call(arangeOp, start, end, options.step, dtypeCode(options.dtype), undefined, deviceCode(options.device));

const linspaceOp = operator("aten::linspace");
/** `steps` evenly spaced values from start to end inclusive. `aten::linspace(Scalar start, Scalar end, int steps, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export const linspace = (start: Scalar, end: Scalar, steps: number, options: { dtype?: Dtype | undefined; device?: Device | undefined } = {}): Tensor => call(linspaceOp, start, end, steps, dtypeCode(options.dtype), undefined, deviceCode(options.device));

const eyeOp = operator("aten::eye");
/** Identity matrix. `aten::eye(int n, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export const eye = (n: number, options: { dtype?: Dtype | undefined; device?: Device | undefined } = {}): Tensor => call(eyeOp, n, dtypeCode(options.dtype), undefined, deviceCode(options.device));

const emptyLikeOp = operator("aten::empty_like");
/** Uninitialised, shaped like self. `aten::empty_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
export const emptyLike = (self: Tensor, options: { dtype?: Dtype | undefined; device?: Device | undefined } = {}): Tensor => call(emptyLikeOp, self, dtypeCode(options.dtype), undefined, deviceCode(options.device));

const zerosLikeOp = operator("aten::zeros_like");
/** Zeros shaped like self. `aten::zeros_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
export const zerosLike = (self: Tensor, options: { dtype?: Dtype | undefined; device?: Device | undefined } = {}): Tensor => call(zerosLikeOp, self, dtypeCode(options.dtype), undefined, deviceCode(options.device));

const onesLikeOp = operator("aten::ones_like");
/** Ones shaped like self. `aten::ones_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
export const onesLike = (self: Tensor, options: { dtype?: Dtype | undefined; device?: Device | undefined } = {}): Tensor => call(onesLikeOp, self, dtypeCode(options.dtype), undefined, deviceCode(options.device));

const fullLikeOp = operator("aten::full_like");
/** Filled with `fill_value`, shaped like self. `aten::full_like(Tensor self, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
export const fullLike = (self: Tensor, fillValue: Scalar, options: { dtype?: Dtype | undefined; device?: Device | undefined } = {}): Tensor => call(fullLikeOp, self, fillValue, dtypeCode(options.dtype), undefined, deviceCode(options.device));

const fromFileOp = operator("aten::from_file");
/** Memory-mapped file as a tensor (private copy-on-write unless shared). `aten::from_file(str filename, bool? shared=None, int? size=0, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export const fromFile = (filename: string, options: { shared?: boolean | undefined; size?: number | undefined; dtype?: Dtype | undefined; device?: Device | undefined } = {}): Tensor => call(fromFileOp, filename, options.shared, options.size, dtypeCode(options.dtype), undefined, deviceCode(options.device));

const randOp = operator("aten::rand.generator");
/** Uniform on [0, 1) from libtorch's generator. `aten::rand.generator(int[] size, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export const rand = (size: readonly number[], options: { generator: Generator | null; dtype?: Dtype | undefined; device?: Device | undefined }): Tensor => call(randOp, size, options.generator, dtypeCode(options.dtype), undefined, deviceCode(options.device));

const randnOp = operator("aten::randn.generator");
/** Standard normal from libtorch's generator. `aten::randn.generator(int[] size, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export const randn = (size: readonly number[], options: { generator: Generator | null; dtype?: Dtype | undefined; device?: Device | undefined }): Tensor => call(randnOp, size, options.generator, dtypeCode(options.dtype), undefined, deviceCode(options.device));

const randintOp = operator("aten::randint.low_generator");
/** Integers in [low, high) from libtorch's generator. `aten::randint.low_generator(int low, int high, int[] size, *, Generator? generator, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export const randint = (low: number, high: number, size: readonly number[], options: { generator: Generator | null; dtype?: Dtype | undefined; device?: Device | undefined }): Tensor => call(randintOp, low, high, size, options.generator, dtypeCode(options.dtype), undefined, deviceCode(options.device));

const randpermOp = operator("aten::randperm.generator");
/** Random permutation of 0 … n−1 from libtorch's generator. `aten::randperm.generator(int n, *, Generator? generator, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export const randperm = (n: number, options: { generator: Generator | null; dtype?: Dtype | undefined; device?: Device | undefined }): Tensor => call(randpermOp, n, options.generator, dtypeCode(options.dtype), undefined, deviceCode(options.device));

const multinomialOp = operator("aten::multinomial");
/** Indices drawn from rows of weights with libtorch's generator. `aten::multinomial(Tensor self, int num_samples, bool replacement=False, *, Generator? generator=None) -> Tensor` */
export const multinomial = (self: Tensor, numSamples: number, options: { replacement?: boolean | undefined; generator?: Generator | undefined } = {}): Tensor => call(multinomialOp, self, numSamples, options.replacement, options.generator);

const bernoulliOp = operator("aten::bernoulli");
/** 1 with probability self, else 0. `aten::bernoulli(Tensor self, *, Generator? generator=None) -> Tensor` */
export const bernoulli = (self: Tensor, options: { generator?: Generator | undefined } = {}): Tensor => call(bernoulliOp, self, options.generator);

const uniform_Op = operator("aten::uniform_");
/** Refills self with uniform values on [from, to). `aten::uniform_(Tensor(a!) self, float from=0., float to=1., *, Generator? generator=None) -> Tensor(a!)` */
export const uniform_ = (self: Tensor, options: { from?: number | undefined; to?: number | undefined; generator?: Generator | undefined } = {}): Tensor => { call(uniform_Op, self, options.from, options.to, options.generator); return self; };

const normal_Op = operator("aten::normal_");
/** Refills self with normal values. `aten::normal_(Tensor(a!) self, float mean=0., float std=1., *, Generator? generator=None) -> Tensor(a!)` */
export const normal_ = (self: Tensor, options: { mean?: number | undefined; std?: number | undefined; generator?: Generator | undefined } = {}): Tensor => { call(normal_Op, self, options.mean, options.std, options.generator); return self; };

const addOp = operator("aten::add.Tensor");
const addScalarOp = operator("aten::add.Scalar");
/** Self + alpha · other. `aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor` */
export const add = (self: Tensor, other: Tensor | Scalar, options: { alpha?: Scalar | undefined } = {}): Tensor => call(other instanceof Tensor ? addOp : addScalarOp, self, other, options.alpha);

const subOp = operator("aten::sub.Tensor");
const subScalarOp = operator("aten::sub.Scalar");
/** Self − alpha · other. `aten::sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor` */
export const sub = (self: Tensor, other: Tensor | Scalar, options: { alpha?: Scalar | undefined } = {}): Tensor => call(other instanceof Tensor ? subOp : subScalarOp, self, other, options.alpha);

const mulOp = operator("aten::mul.Tensor");
const mulScalarOp = operator("aten::mul.Scalar");
/** Self · other. `aten::mul.Tensor(Tensor self, Tensor other) -> Tensor` */
export const mul = (self: Tensor, other: Tensor | Scalar): Tensor => call(other instanceof Tensor ? mulOp : mulScalarOp, self, other);

const divOp = operator("aten::div.Tensor");
const divScalarOp = operator("aten::div.Scalar");
/** Self / other (true division). `aten::div.Tensor(Tensor self, Tensor other) -> Tensor` */
export const div = (self: Tensor, other: Tensor | Scalar): Tensor => call(other instanceof Tensor ? divOp : divScalarOp, self, other);

const divideRoundingOp = operator("aten::div.Tensor_mode");
const divideRoundingScalarOp = operator("aten::div.Scalar_mode");
/** Self / other rounded: "trunc", "floor" or null. `aten::div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor` */
export const divideRounding = (self: Tensor, other: Tensor | Scalar, options: { roundingMode: string | null }): Tensor => call(other instanceof Tensor ? divideRoundingOp : divideRoundingScalarOp, self, other, options.roundingMode);

const remainderOp = operator("aten::remainder.Tensor");
const remainderScalarOp = operator("aten::remainder.Scalar");
/** Self modulo other, with the sign of other. `aten::remainder.Tensor(Tensor self, Tensor other) -> Tensor` */
export const remainder = (self: Tensor, other: Tensor | Scalar): Tensor => call(other instanceof Tensor ? remainderOp : remainderScalarOp, self, other);

const powOp = operator("aten::pow.Tensor_Tensor");
const powScalarOp = operator("aten::pow.Tensor_Scalar");
/** Self to the power of exponent. `aten::pow.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor` */
export const pow = (self: Tensor, exponent: Tensor | Scalar): Tensor => call(exponent instanceof Tensor ? powOp : powScalarOp, self, exponent);

const negOp = operator("aten::neg");
/** −self. `aten::neg(Tensor self) -> Tensor` */
export const neg = (self: Tensor): Tensor => call(negOp, self);

const absOp = operator("aten::abs");
/** Absolute value. `aten::abs(Tensor self) -> Tensor` */
export const abs = (self: Tensor): Tensor => call(absOp, self);

const signOp = operator("aten::sign");
/** −1, 0 or 1. `aten::sign(Tensor self) -> Tensor` */
export const sign = (self: Tensor): Tensor => call(signOp, self);

const expOp = operator("aten::exp");
/** E to the power of self. `aten::exp(Tensor self) -> Tensor` */
export const exp = (self: Tensor): Tensor => call(expOp, self);

const expm1Op = operator("aten::expm1");
/** Exp(self) − 1, exact near 0. `aten::expm1(Tensor self) -> Tensor` */
export const expm1 = (self: Tensor): Tensor => call(expm1Op, self);

const logOp = operator("aten::log");
/** Natural logarithm. `aten::log(Tensor self) -> Tensor` */
export const log = (self: Tensor): Tensor => call(logOp, self);

const log1pOp = operator("aten::log1p");
/** Log(1 + self), exact near 0. `aten::log1p(Tensor self) -> Tensor` */
export const log1p = (self: Tensor): Tensor => call(log1pOp, self);

const log2Op = operator("aten::log2");
/** Logarithm to base 2. `aten::log2(Tensor self) -> Tensor` */
export const log2 = (self: Tensor): Tensor => call(log2Op, self);

const sqrtOp = operator("aten::sqrt");
/** Square root. `aten::sqrt(Tensor self) -> Tensor` */
export const sqrt = (self: Tensor): Tensor => call(sqrtOp, self);

const rsqrtOp = operator("aten::rsqrt");
/** 1 / square root. `aten::rsqrt(Tensor self) -> Tensor` */
export const rsqrt = (self: Tensor): Tensor => call(rsqrtOp, self);

const squareOp = operator("aten::square");
/** Self². `aten::square(Tensor self) -> Tensor` */
export const square = (self: Tensor): Tensor => call(squareOp, self);

const reciprocalOp = operator("aten::reciprocal");
/** 1 / self. `aten::reciprocal(Tensor self) -> Tensor` */
export const reciprocal = (self: Tensor): Tensor => call(reciprocalOp, self);

const sinOp = operator("aten::sin");
/** Sine (radians). `aten::sin(Tensor self) -> Tensor` */
export const sin = (self: Tensor): Tensor => call(sinOp, self);

const cosOp = operator("aten::cos");
/** Cosine (radians). `aten::cos(Tensor self) -> Tensor` */
export const cos = (self: Tensor): Tensor => call(cosOp, self);

const tanhOp = operator("aten::tanh");
/** Hyperbolic tangent. `aten::tanh(Tensor self) -> Tensor` */
export const tanh = (self: Tensor): Tensor => call(tanhOp, self);

const sigmoidOp = operator("aten::sigmoid");
/** 1 / (1 + exp(−self)). `aten::sigmoid(Tensor self) -> Tensor` */
export const sigmoid = (self: Tensor): Tensor => call(sigmoidOp, self);

const erfOp = operator("aten::erf");
/** Error function. `aten::erf(Tensor self) -> Tensor` */
export const erf = (self: Tensor): Tensor => call(erfOp, self);

const floorOp = operator("aten::floor");
/** Round down. `aten::floor(Tensor self) -> Tensor` */
export const floor = (self: Tensor): Tensor => call(floorOp, self);

const ceilOp = operator("aten::ceil");
/** Round up. `aten::ceil(Tensor self) -> Tensor` */
export const ceil = (self: Tensor): Tensor => call(ceilOp, self);

const roundOp = operator("aten::round");
/** Round half to even. `aten::round(Tensor self) -> Tensor` */
export const round = (self: Tensor): Tensor => call(roundOp, self);

const clampOp = operator("aten::clamp");
/** Limit to [min, max]. `aten::clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor` */
export const clamp = (self: Tensor, options: { min?: Scalar | undefined; max?: Scalar | undefined } = {}): Tensor => call(clampOp, self, options.min, options.max);

const maximumOp = operator("aten::maximum");
/** Larger of the two, elementwise. `aten::maximum(Tensor self, Tensor other) -> Tensor` */
export const maximum = (self: Tensor, other: Tensor): Tensor => call(maximumOp, self, other);

const minimumOp = operator("aten::minimum");
/** Smaller of the two, elementwise. `aten::minimum(Tensor self, Tensor other) -> Tensor` */
export const minimum = (self: Tensor, other: Tensor): Tensor => call(minimumOp, self, other);

const lerpOp = operator("aten::lerp.Scalar");
/** Self + weight · (end − self). `aten::lerp.Scalar(Tensor self, Tensor end, Scalar weight) -> Tensor` */
export const lerp = (self: Tensor, end: Tensor, weight: Scalar): Tensor => call(lerpOp, self, end, weight);

const addcmulOp = operator("aten::addcmul");
/** Self + value · tensor1 · tensor2. `aten::addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor` */
export const addcmul = (self: Tensor, tensor1: Tensor, tensor2: Tensor, options: { value?: Scalar | undefined } = {}): Tensor => call(addcmulOp, self, tensor1, tensor2, options.value);

const addcdivOp = operator("aten::addcdiv");
/** Self + value · tensor1 / tensor2. `aten::addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor` */
export const addcdiv = (self: Tensor, tensor1: Tensor, tensor2: Tensor, options: { value?: Scalar | undefined } = {}): Tensor => call(addcdivOp, self, tensor1, tensor2, options.value);

const eqOp = operator("aten::eq.Tensor");
const eqScalarOp = operator("aten::eq.Scalar");
/** Self = other. `aten::eq.Tensor(Tensor self, Tensor other) -> Tensor` */
export const eq = (self: Tensor, other: Tensor | Scalar): Tensor => call(other instanceof Tensor ? eqOp : eqScalarOp, self, other);

const neOp = operator("aten::ne.Tensor");
const neScalarOp = operator("aten::ne.Scalar");
/** Self ≠ other. `aten::ne.Tensor(Tensor self, Tensor other) -> Tensor` */
export const ne = (self: Tensor, other: Tensor | Scalar): Tensor => call(other instanceof Tensor ? neOp : neScalarOp, self, other);

const ltOp = operator("aten::lt.Tensor");
const ltScalarOp = operator("aten::lt.Scalar");
/** Self < other. `aten::lt.Tensor(Tensor self, Tensor other) -> Tensor` */
export const lt = (self: Tensor, other: Tensor | Scalar): Tensor => call(other instanceof Tensor ? ltOp : ltScalarOp, self, other);

const leOp = operator("aten::le.Tensor");
const leScalarOp = operator("aten::le.Scalar");
/** Self ≤ other. `aten::le.Tensor(Tensor self, Tensor other) -> Tensor` */
export const le = (self: Tensor, other: Tensor | Scalar): Tensor => call(other instanceof Tensor ? leOp : leScalarOp, self, other);

const gtOp = operator("aten::gt.Tensor");
const gtScalarOp = operator("aten::gt.Scalar");
/** Self > other. `aten::gt.Tensor(Tensor self, Tensor other) -> Tensor` */
export const gt = (self: Tensor, other: Tensor | Scalar): Tensor => call(other instanceof Tensor ? gtOp : gtScalarOp, self, other);

const geOp = operator("aten::ge.Tensor");
const geScalarOp = operator("aten::ge.Scalar");
/** Self ≥ other. `aten::ge.Tensor(Tensor self, Tensor other) -> Tensor` */
export const ge = (self: Tensor, other: Tensor | Scalar): Tensor => call(other instanceof Tensor ? geOp : geScalarOp, self, other);

const logicalAndOp = operator("aten::logical_and");
/** Both. `aten::logical_and(Tensor self, Tensor other) -> Tensor` */
export const logicalAnd = (self: Tensor, other: Tensor): Tensor => call(logicalAndOp, self, other);

const logicalOrOp = operator("aten::logical_or");
/** Either. `aten::logical_or(Tensor self, Tensor other) -> Tensor` */
export const logicalOr = (self: Tensor, other: Tensor): Tensor => call(logicalOrOp, self, other);

const logicalNotOp = operator("aten::logical_not");
/** Not. `aten::logical_not(Tensor self) -> Tensor` */
export const logicalNot = (self: Tensor): Tensor => call(logicalNotOp, self);

const logicalXorOp = operator("aten::logical_xor");
/** Exactly one. `aten::logical_xor(Tensor self, Tensor other) -> Tensor` */
export const logicalXor = (self: Tensor, other: Tensor): Tensor => call(logicalXorOp, self, other);

const bitwiseAndOp = operator("aten::bitwise_and.Tensor");
const bitwiseAndScalarOp = operator("aten::bitwise_and.Scalar");
/** Bits in both. `aten::bitwise_and.Tensor(Tensor self, Tensor other) -> Tensor` */
export const bitwiseAnd = (self: Tensor, other: Tensor | Scalar): Tensor => call(other instanceof Tensor ? bitwiseAndOp : bitwiseAndScalarOp, self, other);

const bitwiseOrOp = operator("aten::bitwise_or.Tensor");
const bitwiseOrScalarOp = operator("aten::bitwise_or.Scalar");
/** Bits in either. `aten::bitwise_or.Tensor(Tensor self, Tensor other) -> Tensor` */
export const bitwiseOr = (self: Tensor, other: Tensor | Scalar): Tensor => call(other instanceof Tensor ? bitwiseOrOp : bitwiseOrScalarOp, self, other);

const bitwiseXorOp = operator("aten::bitwise_xor.Tensor");
const bitwiseXorScalarOp = operator("aten::bitwise_xor.Scalar");
/** Bits in exactly one. `aten::bitwise_xor.Tensor(Tensor self, Tensor other) -> Tensor` */
export const bitwiseXor = (self: Tensor, other: Tensor | Scalar): Tensor => call(other instanceof Tensor ? bitwiseXorOp : bitwiseXorScalarOp, self, other);

const shiftLeftOp = operator("aten::bitwise_left_shift.Tensor_Scalar");
/** Bits shifted left. `aten::bitwise_left_shift.Tensor_Scalar(Tensor self, Scalar other) -> Tensor` */
export const shiftLeft = (self: Tensor, other: Scalar): Tensor => call(shiftLeftOp, self, other);

const shiftRightOp = operator("aten::bitwise_right_shift.Tensor_Scalar");
/** Bits shifted right (arithmetic for signed types). `aten::bitwise_right_shift.Tensor_Scalar(Tensor self, Scalar other) -> Tensor` */
export const shiftRight = (self: Tensor, other: Scalar): Tensor => call(shiftRightOp, self, other);

const isnanOp = operator("aten::isnan");
/** Where not a number. `aten::isnan(Tensor self) -> Tensor` */
export const isnan = (self: Tensor): Tensor => call(isnanOp, self);

const isfiniteOp = operator("aten::isfinite");
/** Where neither infinite nor NaN. `aten::isfinite(Tensor self) -> Tensor` */
export const isfinite = (self: Tensor): Tensor => call(isfiniteOp, self);

const whereOp = operator("aten::where.self");
/** Self where condition, else other. `aten::where.self(Tensor condition, Tensor self, Tensor other) -> Tensor` */
export const where = (condition: Tensor, self: Tensor, other: Tensor): Tensor => call(whereOp, condition, self, other);

const maskedFillOp = operator("aten::masked_fill.Tensor");
const maskedFillScalarOp = operator("aten::masked_fill.Scalar");
/** Value where mask, else self. `aten::masked_fill.Tensor(Tensor self, Tensor mask, Tensor value) -> Tensor` */
export const maskedFill = (self: Tensor, mask: Tensor, value: Tensor | Scalar): Tensor => call(value instanceof Tensor ? maskedFillOp : maskedFillScalarOp, self, mask, value);

const allcloseOp = operator("aten::allclose");
/** Whether all |self − other| ≤ atol + rtol · |other|. `aten::allclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False) -> bool` */
export const allclose = (self: Tensor, other: Tensor, options: { rtol?: number | undefined; atol?: number | undefined; equalNan?: boolean | undefined } = {}): boolean => call(allcloseOp, self, other, options.rtol, options.atol, options.equalNan);

const equalOp = operator("aten::equal");
/** Whether shape and every value agree. `aten::equal(Tensor self, Tensor other) -> bool` */
export const equal = (self: Tensor, other: Tensor): boolean => call(equalOp, self, other);

const sumOp = operator("aten::sum");
/** Sum of all values. `aten::sum(Tensor self, *, ScalarType? dtype=None) -> Tensor` */
export const sum = (self: Tensor, options: { dtype?: Dtype | undefined } = {}): Tensor => call(sumOp, self, dtypeCode(options.dtype));

const sumDimOp = operator("aten::sum.dim_IntList");
/** Sum over dimensions. `aten::sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
export const sumDim = (self: Tensor, dim: readonly number[] | number, options: { keepdim?: boolean | undefined; dtype?: Dtype | undefined } = {}): Tensor => call(sumDimOp, self, dim, options.keepdim, dtypeCode(options.dtype));

const meanOp = operator("aten::mean");
/** Mean of all values. `aten::mean(Tensor self, *, ScalarType? dtype=None) -> Tensor` */
export const mean = (self: Tensor, options: { dtype?: Dtype | undefined } = {}): Tensor => call(meanOp, self, dtypeCode(options.dtype));

const meanDimOp = operator("aten::mean.dim");
/** Mean over dimensions. `aten::mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
export const meanDim = (self: Tensor, dim: readonly number[] | number, options: { keepdim?: boolean | undefined; dtype?: Dtype | undefined } = {}): Tensor => call(meanDimOp, self, dim, options.keepdim, dtypeCode(options.dtype));

const varianceOp = operator("aten::var.correction");
/** Variance over dimensions, divisor n − correction. `aten::var.correction(Tensor self, int[1]? dim, *, int? correction, bool keepdim=False) -> Tensor` */
export const variance = (self: Tensor, dim: readonly number[] | number, options: { correction: number | null; keepdim?: boolean | undefined }): Tensor => call(varianceOp, self, dim, options.correction, options.keepdim);

const amaxOp = operator("aten::amax");
/** Maximum over dimensions (gradient shared between ties). `aten::amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor` */
export const amax = (self: Tensor, options: { dim?: readonly number[] | number | undefined; keepdim?: boolean | undefined } = {}): Tensor => call(amaxOp, self, options.dim, options.keepdim);

const aminOp = operator("aten::amin");
/** Minimum over dimensions (gradient shared between ties). `aten::amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor` */
export const amin = (self: Tensor, options: { dim?: readonly number[] | number | undefined; keepdim?: boolean | undefined } = {}): Tensor => call(aminOp, self, options.dim, options.keepdim);

const maxOp = operator("aten::max");
/** Largest value. `aten::max(Tensor self) -> Tensor` */
export const max = (self: Tensor): Tensor => call(maxOp, self);

const minOp = operator("aten::min");
/** Smallest value. `aten::min(Tensor self) -> Tensor` */
export const min = (self: Tensor): Tensor => call(minOp, self);

const maxDimOp = operator("aten::max.dim");
/** Maximum and its first index along a dimension. `aten::max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)` */
export const maxDim = (self: Tensor, dim: number, options: { keepdim?: boolean | undefined } = {}): [Tensor, Tensor] => call(maxDimOp, self, dim, options.keepdim);

const minDimOp = operator("aten::min.dim");
/** Minimum and its first index along a dimension. `aten::min.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)` */
export const minDim = (self: Tensor, dim: number, options: { keepdim?: boolean | undefined } = {}): [Tensor, Tensor] => call(minDimOp, self, dim, options.keepdim);

const argmaxOp = operator("aten::argmax");
/** Index of the maximum. `aten::argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor` */
export const argmax = (self: Tensor, options: { dim?: number | undefined; keepdim?: boolean | undefined } = {}): Tensor => call(argmaxOp, self, options.dim, options.keepdim);

const argminOp = operator("aten::argmin");
/** Index of the minimum. `aten::argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor` */
export const argmin = (self: Tensor, options: { dim?: number | undefined; keepdim?: boolean | undefined } = {}): Tensor => call(argminOp, self, options.dim, options.keepdim);

const anyOp = operator("aten::any");
/** Whether any is true. `aten::any(Tensor self) -> Tensor` */
export const any = (self: Tensor): Tensor => call(anyOp, self);

const anyDimOp = operator("aten::any.dim");
/** Whether any is true along a dimension. `aten::any.dim(Tensor self, int dim, bool keepdim=False) -> Tensor` */
export const anyDim = (self: Tensor, dim: number, options: { keepdim?: boolean | undefined } = {}): Tensor => call(anyDimOp, self, dim, options.keepdim);

const allOp = operator("aten::all");
/** Whether all are true. `aten::all(Tensor self) -> Tensor` */
export const all = (self: Tensor): Tensor => call(allOp, self);

const allDimOp = operator("aten::all.dim");
/** Whether all are true along a dimension. `aten::all.dim(Tensor self, int dim, bool keepdim=False) -> Tensor` */
export const allDim = (self: Tensor, dim: number, options: { keepdim?: boolean | undefined } = {}): Tensor => call(allDimOp, self, dim, options.keepdim);

const cumsumOp = operator("aten::cumsum");
/** Running sum along a dimension. `aten::cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor` */
export const cumsum = (self: Tensor, dim: number, options: { dtype?: Dtype | undefined } = {}): Tensor => call(cumsumOp, self, dim, dtypeCode(options.dtype));

const logsumexpOp = operator("aten::logsumexp");
/** Log Σ exp over dimensions. `aten::logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor` */
export const logsumexp = (self: Tensor, dim: readonly number[] | number, options: { keepdim?: boolean | undefined } = {}): Tensor => call(logsumexpOp, self, dim, options.keepdim);

const vectorNormOp = operator("aten::linalg_vector_norm");
/** P-norm over dimensions (all by default). `aten::linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
export const vectorNorm = (self: Tensor, options: { ord?: Scalar | undefined; dim?: readonly number[] | number | undefined; keepdim?: boolean | undefined; dtype?: Dtype | undefined } = {}): Tensor => call(vectorNormOp, self, options.ord, options.dim, options.keepdim, dtypeCode(options.dtype));

const topkOp = operator("aten::topk");
/** K largest values and their indices along a dimension. `aten::topk(Tensor self, int k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)` */
export const topk = (self: Tensor, k: number, options: { dim?: number | undefined; largest?: boolean | undefined; sorted?: boolean | undefined } = {}): [Tensor, Tensor] => call(topkOp, self, k, options.dim, options.largest, options.sorted);

const sortOp = operator("aten::sort");
/** Sorted values and their indices. `aten::sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)` */
export const sort = (self: Tensor, options: { dim?: number | undefined; descending?: boolean | undefined } = {}): [Tensor, Tensor] => call(sortOp, self, options.dim, options.descending);

const argsortOp = operator("aten::argsort");
/** Indices that sort along a dimension. `aten::argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor` */
export const argsort = (self: Tensor, options: { dim?: number | undefined; descending?: boolean | undefined } = {}): Tensor => call(argsortOp, self, options.dim, options.descending);

const searchsortedOp = operator("aten::searchsorted.Tensor");
/** Insertion points in sorted rows. `aten::searchsorted.Tensor(Tensor sorted_sequence, Tensor self, *, bool out_int32=False, bool right=False, str? side=None, Tensor? sorter=None) -> Tensor` */
export const searchsorted = (sortedSequence: Tensor, self: Tensor, options: { outInt32?: boolean | undefined; right?: boolean | undefined; side?: string | undefined; sorter?: Tensor | undefined } = {}): Tensor => call(searchsortedOp, sortedSequence, self, options.outInt32, options.right, options.side, options.sorter);

const countNonzeroOp = operator("aten::count_nonzero.dim_IntList");
/** Number of values that are not 0, over dimensions. `aten::count_nonzero.dim_IntList(Tensor self, int[] dim) -> Tensor` */
export const countNonzero = (self: Tensor, dim: readonly number[]): Tensor => call(countNonzeroOp, self, dim);

const bincountOp = operator("aten::bincount");
/** Occurrences of each non-negative integer. `aten::bincount(Tensor self, Tensor? weights=None, int minlength=0) -> Tensor` */
export const bincount = (self: Tensor, options: { weights?: Tensor | undefined; minlength?: number | undefined } = {}): Tensor => call(bincountOp, self, options.weights, options.minlength);

const itemOp = operator("aten::item");
/** The only value, as a number. `aten::item(Tensor self) -> Scalar` */
export const item = (self: Tensor): number => call(itemOp, self);

const softmaxOp = operator("aten::softmax.int");
/** Exp(self) normalised to sum 1 along a dimension. `aten::softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor` */
export const softmax = (self: Tensor, dim: number, options: { dtype?: Dtype | undefined } = {}): Tensor => call(softmaxOp, self, dim, dtypeCode(options.dtype));

const logSoftmaxOp = operator("aten::log_softmax.int");
/** Log of softmax, stable. `aten::log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor` */
export const logSoftmax = (self: Tensor, dim: number, options: { dtype?: Dtype | undefined } = {}): Tensor => call(logSoftmaxOp, self, dim, dtypeCode(options.dtype));

const matmulOp = operator("aten::matmul");
/** Matrix product with broadcasting over leading dimensions. `aten::matmul(Tensor self, Tensor other) -> Tensor` */
export const matmul = (self: Tensor, other: Tensor): Tensor => call(matmulOp, self, other);

const mmOp = operator("aten::mm");
/** Product of two matrices. `aten::mm(Tensor self, Tensor mat2) -> Tensor` */
export const mm = (self: Tensor, mat2: Tensor): Tensor => call(mmOp, self, mat2);

const bmmOp = operator("aten::bmm");
/** Batched product of matrices. `aten::bmm(Tensor self, Tensor mat2) -> Tensor` */
export const bmm = (self: Tensor, mat2: Tensor): Tensor => call(bmmOp, self, mat2);

const addmmOp = operator("aten::addmm");
/** Beta · self + alpha · mat1 @ mat2. `aten::addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor` */
export const addmm = (self: Tensor, mat1: Tensor, mat2: Tensor, options: { beta?: Scalar | undefined; alpha?: Scalar | undefined } = {}): Tensor => call(addmmOp, self, mat1, mat2, options.beta, options.alpha);

const baddbmmOp = operator("aten::baddbmm");
/** Beta · self + alpha · batch1 @ batch2. `aten::baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor` */
export const baddbmm = (self: Tensor, batch1: Tensor, batch2: Tensor, options: { beta?: Scalar | undefined; alpha?: Scalar | undefined } = {}): Tensor => call(baddbmmOp, self, batch1, batch2, options.beta, options.alpha);

const linearOp = operator("aten::linear");
/** Input @ weightᵀ + bias. `aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor` */
export const linear = (input: Tensor, weight: Tensor, options: { bias?: Tensor | undefined } = {}): Tensor => call(linearOp, input, weight, options.bias);

const einsumOp = operator("aten::einsum");
/** Einstein summation. `aten::einsum(str equation, Tensor[] tensors, *, int[]? path=None) -> Tensor` */
export const einsum = (equation: string, tensors: readonly Tensor[], options: { path?: readonly number[] | undefined } = {}): Tensor => call(einsumOp, equation, tensors, options.path);

const outerOp = operator("aten::outer");
/** Outer product of two vectors. `aten::outer(Tensor self, Tensor vec2) -> Tensor` */
export const outer = (self: Tensor, vec2: Tensor): Tensor => call(outerOp, self, vec2);

const viewOp = operator("aten::view");
/** Another shape of the same memory. `aten::view(Tensor(a) self, int[] size) -> Tensor(a)` */
export const view = (self: Tensor, size: readonly number[]): Tensor => call(viewOp, self, size);

const viewDtypeOp = operator("aten::view.dtype");
/** The same memory read as another dtype. `aten::view.dtype(Tensor(a) self, ScalarType dtype) -> Tensor(a)` */
export const viewDtype = (self: Tensor, dtype: Dtype): Tensor => call(viewDtypeOp, self, dtypeCode(dtype));

const reshapeOp = operator("aten::reshape");
/** Another shape, a copy only if needed. `aten::reshape(Tensor(a) self, int[] shape) -> Tensor(a)` */
export const reshape = (self: Tensor, shape: readonly number[]): Tensor => call(reshapeOp, self, shape);

const transposeOp = operator("aten::transpose.int");
/** Two dimensions swapped (view). `aten::transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)` */
export const transpose = (self: Tensor, dim0: number, dim1: number): Tensor => call(transposeOp, self, dim0, dim1);

const permuteOp = operator("aten::permute");
/** Dimensions reordered (view). `aten::permute(Tensor(a) self, int[] dims) -> Tensor(a)` */
export const permute = (self: Tensor, dims: readonly number[]): Tensor => call(permuteOp, self, dims);

const tOp = operator("aten::t");
/** Matrix transposed (view). `aten::t(Tensor(a) self) -> Tensor(a)` */
export const t = (self: Tensor): Tensor => call(tOp, self);

const squeezeOp = operator("aten::squeeze.dim");
/** A dimension of size 1 removed (view). `aten::squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)` */
export const squeeze = (self: Tensor, dim: number): Tensor => call(squeezeOp, self, dim);

const unsqueezeOp = operator("aten::unsqueeze");
/** A dimension of size 1 inserted (view). `aten::unsqueeze(Tensor(a) self, int dim) -> Tensor(a)` */
export const unsqueeze = (self: Tensor, dim: number): Tensor => call(unsqueezeOp, self, dim);

const expandOp = operator("aten::expand");
/** Dimensions of size 1 repeated without copying (view). `aten::expand(Tensor(a) self, int[] size, *, bool implicit=False) -> Tensor(a)` */
export const expand = (self: Tensor, size: readonly number[], options: { implicit?: boolean | undefined } = {}): Tensor => call(expandOp, self, size, options.implicit);

const flattenOp = operator("aten::flatten.using_ints");
/** Dimensions start … end merged. `aten::flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)` */
export const flatten = (self: Tensor, options: { startDim?: number | undefined; endDim?: number | undefined } = {}): Tensor => call(flattenOp, self, options.startDim, options.endDim);

const narrowOp = operator("aten::narrow");
/** Length elements from start along a dimension (view). `aten::narrow(Tensor(a) self, int dim, int start, int length) -> Tensor(a)` */
export const narrow = (self: Tensor, dim: number, start: number, length: number): Tensor => call(narrowOp, self, dim, start, length);

const sliceOp = operator("aten::slice.Tensor");
/** Start:end:step along a dimension (view). `aten::slice.Tensor(Tensor(a) self, int dim=0, int? start=None, int? end=None, int step=1) -> Tensor(a)` */
export const slice = (self: Tensor, options: { dim?: number | undefined; start?: number | undefined; end?: number | undefined; step?: number | undefined } = {}): Tensor => call(sliceOp, self, options.dim, options.start, options.end, options.step);

const selectOp = operator("aten::select.int");
/** One index along a dimension, which disappears (view). `aten::select.int(Tensor(a) self, int dim, int index) -> Tensor(a)` */
export const select = (self: Tensor, dim: number, index: number): Tensor => call(selectOp, self, dim, index);

const catOp = operator("aten::cat");
/** Tensors joined along a dimension. `aten::cat(Tensor[] tensors, int dim=0) -> Tensor` */
export const cat = (tensors: readonly Tensor[], options: { dim?: number | undefined } = {}): Tensor => call(catOp, tensors, options.dim);

const stackOp = operator("aten::stack");
/** Tensors joined along a new dimension. `aten::stack(Tensor[] tensors, int dim=0) -> Tensor` */
export const stack = (tensors: readonly Tensor[], options: { dim?: number | undefined } = {}): Tensor => call(stackOp, tensors, options.dim);

const splitOp = operator("aten::split.Tensor");
/** Pieces of split_size along a dimension (views). `aten::split.Tensor(Tensor(a -> *) self, int split_size, int dim=0) -> Tensor(a)[]` */
export const split = (self: Tensor, splitSize: number, options: { dim?: number | undefined } = {}): Tensor[] => call(splitOp, self, splitSize, options.dim);

const splitWithSizesOp = operator("aten::split_with_sizes");
/** Pieces of the given sizes (views). `aten::split_with_sizes(Tensor(a -> *) self, int[] split_sizes, int dim=0) -> Tensor(a)[]` */
export const splitWithSizes = (self: Tensor, splitSizes: readonly number[], options: { dim?: number | undefined } = {}): Tensor[] => call(splitWithSizesOp, self, splitSizes, options.dim);

const chunkOp = operator("aten::chunk");
/** About equal pieces (views). `aten::chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]` */
export const chunk = (self: Tensor, chunks: number, options: { dim?: number | undefined } = {}): Tensor[] => call(chunkOp, self, chunks, options.dim);

const unbindOp = operator("aten::unbind.int");
/** Slices along a dimension (views). `aten::unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]` */
export const unbind = (self: Tensor, options: { dim?: number | undefined } = {}): Tensor[] => call(unbindOp, self, options.dim);

const repeatOp = operator("aten::repeat");
/** The tensor tiled. `aten::repeat(Tensor self, int[] repeats) -> Tensor` */
export const repeat = (self: Tensor, repeats: readonly number[]): Tensor => call(repeatOp, self, repeats);

const repeatInterleaveOp = operator("aten::repeat_interleave.self_int");
/** Each slice repeated in place. `aten::repeat_interleave.self_int(Tensor self, int repeats, int? dim=None, *, int? output_size=None) -> Tensor` */
export const repeatInterleave = (self: Tensor, repeats: number, options: { dim?: number | undefined; outputSize?: number | undefined } = {}): Tensor => call(repeatInterleaveOp, self, repeats, options.dim, options.outputSize);

const rollOp = operator("aten::roll");
/** Shifted with wrap-around. `aten::roll(Tensor self, int[1] shifts, int[1] dims=[]) -> Tensor` */
export const roll = (self: Tensor, shifts: readonly number[] | number, options: { dims?: readonly number[] | number | undefined } = {}): Tensor => call(rollOp, self, shifts, options.dims);

const flipOp = operator("aten::flip");
/** Order reversed along dimensions. `aten::flip(Tensor self, int[] dims) -> Tensor` */
export const flip = (self: Tensor, dims: readonly number[]): Tensor => call(flipOp, self, dims);

const trilOp = operator("aten::tril");
/** Lower triangle. `aten::tril(Tensor self, int diagonal=0) -> Tensor` */
export const tril = (self: Tensor, options: { diagonal?: number | undefined } = {}): Tensor => call(trilOp, self, options.diagonal);

const triuOp = operator("aten::triu");
/** Upper triangle. `aten::triu(Tensor self, int diagonal=0) -> Tensor` */
export const triu = (self: Tensor, options: { diagonal?: number | undefined } = {}): Tensor => call(triuOp, self, options.diagonal);

const constantPadOp = operator("aten::constant_pad_nd");
/** Padded with a value; pad lists (before, after) from the last dimension backwards. `aten::constant_pad_nd(Tensor self, int[] pad, Scalar value=0) -> Tensor` */
export const constantPad = (self: Tensor, pad: readonly number[], options: { value?: Scalar | undefined } = {}): Tensor => call(constantPadOp, self, pad, options.value);

const contiguousOp = operator("aten::contiguous");
/** The same values in row-major memory. `aten::contiguous(Tensor(a) self, *, MemoryFormat memory_format=0) -> Tensor(a)` */
export const contiguous = (self: Tensor): Tensor => call(contiguousOp, self);

const cloneOp = operator("aten::clone");
/** A copy. `aten::clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor` */
export const clone = (self: Tensor): Tensor => call(cloneOp, self);

const detachOp = operator("aten::detach");
/** The same memory outside the autograd graph. `aten::detach(Tensor(a) self) -> Tensor(a)` */
export const detach = (self: Tensor): Tensor => call(detachOp, self);

const toDtypeOp = operator("aten::to.dtype");
/** Converted to a dtype. `aten::to.dtype(Tensor(a) self, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)` */
export const toDtype = (self: Tensor, dtype: Dtype, options: { copy?: boolean | undefined } = {}): Tensor => call(toDtypeOp, self, dtypeCode(dtype), undefined, options.copy);

const toDeviceOp = operator("aten::to.device");
/** Moved to a device and converted. `aten::to.device(Tensor(a) self, Device device, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)` */
export const toDevice = (self: Tensor, device: Device, dtype: Dtype, options: { copy?: boolean | undefined } = {}): Tensor => call(toDeviceOp, self, deviceCode(device), dtypeCode(dtype), undefined, options.copy);

const copy_Op = operator("aten::copy_");
/** Overwrites self with src, converting. `aten::copy_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)` */
export const copy_ = (self: Tensor, src: Tensor): Tensor => { call(copy_Op, self, src); return self; };

const setData_Op = operator("aten::set_data");
/** Makes self refer to other memory, keeping its identity. `aten::set_data(Tensor(a!) self, Tensor new_data) -> ()` */
export const setData_ = (self: Tensor, newData: Tensor): Tensor => { call(setData_Op, self, newData); return self; };

const indexSelectOp = operator("aten::index_select");
/** Rows picked by a vector of indices. `aten::index_select(Tensor self, int dim, Tensor index) -> Tensor` */
export const indexSelect = (self: Tensor, dim: number, index: Tensor): Tensor => call(indexSelectOp, self, dim, index);

const gatherOp = operator("aten::gather");
/** Values picked along a dimension by an index tensor. `aten::gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor` */
export const gather = (self: Tensor, dim: number, index: Tensor, options: { sparseGrad?: boolean | undefined } = {}): Tensor => call(gatherOp, self, dim, index, options.sparseGrad);

const scatterOp = operator("aten::scatter.src");
/** Copy of self with src written at index along a dimension. `aten::scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor` */
export const scatter = (self: Tensor, dim: number, index: Tensor, src: Tensor): Tensor => call(scatterOp, self, dim, index, src);

const scatterAddOp = operator("aten::scatter_add");
/** Copy of self with src added at index. `aten::scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor` */
export const scatterAdd = (self: Tensor, dim: number, index: Tensor, src: Tensor): Tensor => call(scatterAddOp, self, dim, index, src);

const scatter_Op = operator("aten::scatter_.src");
/** Writes src at index along a dimension. `aten::scatter_.src(Tensor(a!) self, int dim, Tensor index, Tensor src) -> Tensor(a!)` */
export const scatter_ = (self: Tensor, dim: number, index: Tensor, src: Tensor): Tensor => { call(scatter_Op, self, dim, index, src); return self; };

const indexOp = operator("aten::index.Tensor");
/** Advanced indexing by a list of index tensors. `aten::index.Tensor(Tensor self, Tensor?[] indices) -> Tensor` */
export const index = (self: Tensor, indices: readonly (Tensor | null)[]): Tensor => call(indexOp, self, indices);

const indexPut_Op = operator("aten::index_put_");
/** Writes values at indices. `aten::index_put_(Tensor(a!) self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor(a!)` */
export const indexPut_ = (self: Tensor, indices: readonly (Tensor | null)[], values: Tensor, options: { accumulate?: boolean | undefined } = {}): Tensor => { call(indexPut_Op, self, indices, values, options.accumulate); return self; };

const indexAddOp = operator("aten::index_add");
/** Copy of self with source rows added at index. `aten::index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor` */
export const indexAdd = (self: Tensor, dim: number, index: Tensor, source: Tensor, options: { alpha?: Scalar | undefined } = {}): Tensor => call(indexAddOp, self, dim, index, source, options.alpha);

const indexCopy_Op = operator("aten::index_copy_");
/** Writes source rows at index. `aten::index_copy_(Tensor(a!) self, int dim, Tensor index, Tensor source) -> Tensor(a!)` */
export const indexCopy_ = (self: Tensor, dim: number, index: Tensor, source: Tensor): Tensor => { call(indexCopy_Op, self, dim, index, source); return self; };

const indexFill_Op = operator("aten::index_fill_.int_Scalar");
/** Fills the rows at index. `aten::index_fill_.int_Scalar(Tensor(a!) self, int dim, Tensor index, Scalar value) -> Tensor(a!)` */
export const indexFill_ = (self: Tensor, dim: number, index: Tensor, value: Scalar): Tensor => { call(indexFill_Op, self, dim, index, value); return self; };

const maskedSelectOp = operator("aten::masked_select");
/** Values where mask, as a vector. `aten::masked_select(Tensor self, Tensor mask) -> Tensor` */
export const maskedSelect = (self: Tensor, mask: Tensor): Tensor => call(maskedSelectOp, self, mask);

const nonzeroOp = operator("aten::nonzero");
/** Indices of values that are not 0, one row each. `aten::nonzero(Tensor self) -> Tensor` */
export const nonzero = (self: Tensor): Tensor => call(nonzeroOp, self);

const oneHotOp = operator("aten::one_hot");
/** One-hot vectors (int64). `aten::one_hot(Tensor self, int num_classes=-1) -> Tensor` */
export const oneHot = (self: Tensor, options: { numClasses?: number | undefined } = {}): Tensor => call(oneHotOp, self, options.numClasses);

const embeddingOp = operator("aten::embedding");
/** Rows of weight picked by indices. `aten::embedding(Tensor weight, Tensor indices, int padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor` */
export const embedding = (weight: Tensor, indices: Tensor, options: { paddingIdx?: number | undefined; scaleGradByFreq?: boolean | undefined; sparse?: boolean | undefined } = {}): Tensor => call(embeddingOp, weight, indices, options.paddingIdx, options.scaleGradByFreq, options.sparse);

const layerNormOp = operator("aten::layer_norm");
/** Normalised to mean 0 and variance 1 over the last dimensions. `aten::layer_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enable=True) -> Tensor` */
export const layerNorm = (input: Tensor, normalizedShape: readonly number[], options: { weight?: Tensor | undefined; bias?: Tensor | undefined; eps?: number | undefined } = {}): Tensor => call(layerNormOp, input, normalizedShape, options.weight, options.bias, options.eps);

const geluOp = operator("aten::gelu");
/** Gaussian error linear unit; approximate "none" or "tanh". `aten::gelu(Tensor self, *, str approximate="none") -> Tensor` */
export const gelu = (self: Tensor, options: { approximate?: string | undefined } = {}): Tensor => call(geluOp, self, options.approximate);

const siluOp = operator("aten::silu");
/** Self · sigmoid(self). `aten::silu(Tensor self) -> Tensor` */
export const silu = (self: Tensor): Tensor => call(siluOp, self);

const reluOp = operator("aten::relu");
/** Max(self, 0). `aten::relu(Tensor self) -> Tensor` */
export const relu = (self: Tensor): Tensor => call(reluOp, self);

const dropoutOp = operator("aten::dropout");
/** Zeroes with probability p and rescales (libtorch's default generator). `aten::dropout(Tensor input, float p, bool train) -> Tensor` */
export const dropout = (input: Tensor, p: number, train: boolean): Tensor => call(dropoutOp, input, p, train);

const crossEntropyLossOp = operator("aten::cross_entropy_loss");
/** −log softmax at the target class; reduction 0 none, 1 mean, 2 sum. `aten::cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, int ignore_index=-100, float label_smoothing=0.) -> Tensor` */
export const crossEntropyLoss = (self: Tensor, target: Tensor, options: { weight?: Tensor | undefined; reduction?: number | undefined; ignoreIndex?: number | undefined; labelSmoothing?: number | undefined } = {}): Tensor => call(crossEntropyLossOp, self, target, options.weight, options.reduction, options.ignoreIndex, options.labelSmoothing);

const nllLossOp = operator("aten::nll_loss");
/** −input at the target class; reduction 0 none, 1 mean, 2 sum. `aten::nll_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, int ignore_index=-100) -> Tensor` */
export const nllLoss = (self: Tensor, target: Tensor, options: { weight?: Tensor | undefined; reduction?: number | undefined; ignoreIndex?: number | undefined } = {}): Tensor => call(nllLossOp, self, target, options.weight, options.reduction, options.ignoreIndex);

const binaryCrossEntropyWithLogitsOp = operator("aten::binary_cross_entropy_with_logits");
/** Stable BCE of logits; reduction 0 none, 1 mean, 2 sum. `aten::binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, int reduction=1) -> Tensor` */
export const binaryCrossEntropyWithLogits = (self: Tensor, target: Tensor, options: { weight?: Tensor | undefined; posWeight?: Tensor | undefined; reduction?: number | undefined } = {}): Tensor => call(binaryCrossEntropyWithLogitsOp, self, target, options.weight, options.posWeight, options.reduction);

const mseLossOp = operator("aten::mse_loss");
/** Squared error; reduction 0 none, 1 mean, 2 sum. `aten::mse_loss(Tensor self, Tensor target, int reduction=1) -> Tensor` */
export const mseLoss = (self: Tensor, target: Tensor, options: { reduction?: number | undefined } = {}): Tensor => call(mseLossOp, self, target, options.reduction);

const klDivOp = operator("aten::kl_div");
/** Kullback–Leibler divergence of log-probabilities; reduction 0 none, 1 mean, 2 sum. `aten::kl_div(Tensor self, Tensor target, int reduction=1, *, bool log_target=False) -> Tensor` */
export const klDiv = (self: Tensor, target: Tensor, options: { reduction?: number | undefined; logTarget?: boolean | undefined } = {}): Tensor => call(klDivOp, self, target, options.reduction, options.logTarget);

const scaledDotProductAttentionOp = operator("aten::scaled_dot_product_attention");
/** Fused attention (use functional attention(), which works everywhere). Only in libtorch 2.0 and newer. `aten::scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0., bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor` */
export const scaledDotProductAttention = (query: Tensor, key: Tensor, value: Tensor, options: { attnMask?: Tensor | undefined; dropoutP?: number | undefined; isCausal?: boolean | undefined; scale?: number | undefined; enableGqa?: boolean | undefined } = {}): Tensor => call(scaledDotProductAttentionOp, query, key, value, options.attnMask, options.dropoutP, options.isCausal, options.scale, options.enableGqa);

const add_Op = operator("aten::add_.Tensor");
const add_ScalarOp = operator("aten::add_.Scalar");
/** Self += alpha · other. `aten::add_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)` */
export const add_ = (self: Tensor, other: Tensor | Scalar, options: { alpha?: Scalar | undefined } = {}): Tensor => { call(other instanceof Tensor ? add_Op : add_ScalarOp, self, other, options.alpha); return self; };

const sub_Op = operator("aten::sub_.Tensor");
const sub_ScalarOp = operator("aten::sub_.Scalar");
/** Self −= alpha · other. `aten::sub_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)` */
export const sub_ = (self: Tensor, other: Tensor | Scalar, options: { alpha?: Scalar | undefined } = {}): Tensor => { call(other instanceof Tensor ? sub_Op : sub_ScalarOp, self, other, options.alpha); return self; };

const mul_Op = operator("aten::mul_.Tensor");
const mul_ScalarOp = operator("aten::mul_.Scalar");
/** Self ·= other. `aten::mul_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
export const mul_ = (self: Tensor, other: Tensor | Scalar): Tensor => { call(other instanceof Tensor ? mul_Op : mul_ScalarOp, self, other); return self; };

const div_Op = operator("aten::div_.Tensor");
const div_ScalarOp = operator("aten::div_.Scalar");
/** Self /= other. `aten::div_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
export const div_ = (self: Tensor, other: Tensor | Scalar): Tensor => { call(other instanceof Tensor ? div_Op : div_ScalarOp, self, other); return self; };

const clamp_Op = operator("aten::clamp_");
/** Limits self to [min, max]. `aten::clamp_(Tensor(a!) self, Scalar? min=None, Scalar? max=None) -> Tensor(a!)` */
export const clamp_ = (self: Tensor, options: { min?: Scalar | undefined; max?: Scalar | undefined } = {}): Tensor => { call(clamp_Op, self, options.min, options.max); return self; };

const lerp_Op = operator("aten::lerp_.Scalar");
/** Self += weight · (end − self). `aten::lerp_.Scalar(Tensor(a!) self, Tensor end, Scalar weight) -> Tensor(a!)` */
export const lerp_ = (self: Tensor, end: Tensor, weight: Scalar): Tensor => { call(lerp_Op, self, end, weight); return self; };

const addcmul_Op = operator("aten::addcmul_");
/** Self += value · tensor1 · tensor2. `aten::addcmul_(Tensor(a!) self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor(a!)` */
export const addcmul_ = (self: Tensor, tensor1: Tensor, tensor2: Tensor, options: { value?: Scalar | undefined } = {}): Tensor => { call(addcmul_Op, self, tensor1, tensor2, options.value); return self; };

const addcdiv_Op = operator("aten::addcdiv_");
/** Self += value · tensor1 / tensor2. `aten::addcdiv_(Tensor(a!) self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor(a!)` */
export const addcdiv_ = (self: Tensor, tensor1: Tensor, tensor2: Tensor, options: { value?: Scalar | undefined } = {}): Tensor => { call(addcdiv_Op, self, tensor1, tensor2, options.value); return self; };

const sqrt_Op = operator("aten::sqrt_");
/** Square root in place. `aten::sqrt_(Tensor(a!) self) -> Tensor(a!)` */
export const sqrt_ = (self: Tensor): Tensor => { call(sqrt_Op, self); return self; };

const zero_Op = operator("aten::zero_");
/** Fills with 0. `aten::zero_(Tensor(a!) self) -> Tensor(a!)` */
export const zero_ = (self: Tensor): Tensor => { call(zero_Op, self); return self; };

const fill_Op = operator("aten::fill_.Scalar");
/** Fills with a value. `aten::fill_.Scalar(Tensor(a!) self, Scalar value) -> Tensor(a!)` */
export const fill_ = (self: Tensor, value: Scalar): Tensor => { call(fill_Op, self, value); return self; };

const maskedFill_Op = operator("aten::masked_fill_.Scalar");
/** Writes value where mask. `aten::masked_fill_.Scalar(Tensor(a!) self, Tensor mask, Scalar value) -> Tensor(a!)` */
export const maskedFill_ = (self: Tensor, mask: Tensor, value: Scalar): Tensor => { call(maskedFill_Op, self, mask, value); return self; };

const mmOutOp = operator("aten::mm.out");
/** Matrix product written into out. `aten::mm.out(Tensor self, Tensor mat2, *, Tensor(a!) out) -> Tensor(a!)` */
export const mmOut = (self: Tensor, mat2: Tensor, options: { out: Tensor }): Tensor => { call(mmOutOp, self, mat2, options.out); return options.out; };

const addOutOp = operator("aten::add.out");
/** Sum written into out. `aten::add.out(Tensor self, Tensor other, *, Scalar alpha=1, Tensor(a!) out) -> Tensor(a!)` */
export const addOut = (self: Tensor, other: Tensor, options: { alpha?: Scalar | undefined; out: Tensor }): Tensor => { call(addOutOp, self, other, options.alpha, options.out); return options.out; };

const foreachAddOp = operator("aten::_foreach_add.Scalar");
/** Each + scalar. `aten::_foreach_add.Scalar(Tensor[] self, Scalar scalar) -> Tensor[]` */
export const foreachAdd = (self: readonly Tensor[], scalar: Scalar): Tensor[] => call(foreachAddOp, self, scalar);

const foreachAdd_Op = operator("aten::_foreach_add_.List");
/** Each += alpha · other. `aten::_foreach_add_.List(Tensor(a!)[] self, Tensor[] other, *, Scalar alpha=1) -> ()` */
export const foreachAdd_ = (self: readonly Tensor[], other: readonly Tensor[], options: { alpha?: Scalar | undefined } = {}): void => { call(foreachAdd_Op, self, other, options.alpha); };

const foreachAddScalar_Op = operator("aten::_foreach_add_.Scalar");
/** Each += scalar. `aten::_foreach_add_.Scalar(Tensor(a!)[] self, Scalar scalar) -> ()` */
export const foreachAddScalar_ = (self: readonly Tensor[], scalar: Scalar): void => { call(foreachAddScalar_Op, self, scalar); };

const foreachSubOp = operator("aten::_foreach_sub.List");
/** Each − alpha · other. `aten::_foreach_sub.List(Tensor[] self, Tensor[] other, *, Scalar alpha=1) -> Tensor[]` */
export const foreachSub = (self: readonly Tensor[], other: readonly Tensor[], options: { alpha?: Scalar | undefined } = {}): Tensor[] => call(foreachSubOp, self, other, options.alpha);

const foreachMulOp = operator("aten::_foreach_mul.Scalar");
/** Each · scalar. `aten::_foreach_mul.Scalar(Tensor[] self, Scalar scalar) -> Tensor[]` */
export const foreachMul = (self: readonly Tensor[], scalar: Scalar): Tensor[] => call(foreachMulOp, self, scalar);

const foreachMul_Op = operator("aten::_foreach_mul_.Scalar");
/** Each ·= scalar. `aten::_foreach_mul_.Scalar(Tensor(a!)[] self, Scalar scalar) -> ()` */
export const foreachMul_ = (self: readonly Tensor[], scalar: Scalar): void => { call(foreachMul_Op, self, scalar); };

const foreachMulList_Op = operator("aten::_foreach_mul_.List");
/** Each ·= other. `aten::_foreach_mul_.List(Tensor(a!)[] self, Tensor[] other) -> ()` */
export const foreachMulList_ = (self: readonly Tensor[], other: readonly Tensor[]): void => { call(foreachMulList_Op, self, other); };

const foreachDiv_Op = operator("aten::_foreach_div_.List");
/** Each /= other. `aten::_foreach_div_.List(Tensor(a!)[] self, Tensor[] other) -> ()` */
export const foreachDiv_ = (self: readonly Tensor[], other: readonly Tensor[]): void => { call(foreachDiv_Op, self, other); };

const foreachDivScalar_Op = operator("aten::_foreach_div_.Scalar");
/** Each /= scalar. `aten::_foreach_div_.Scalar(Tensor(a!)[] self, Scalar scalar) -> ()` */
export const foreachDivScalar_ = (self: readonly Tensor[], scalar: Scalar): void => { call(foreachDivScalar_Op, self, scalar); };

const foreachSqrtOp = operator("aten::_foreach_sqrt");
/** Square root of each. `aten::_foreach_sqrt(Tensor[] self) -> Tensor[]` */
export const foreachSqrt = (self: readonly Tensor[]): Tensor[] => call(foreachSqrtOp, self);

const foreachAddcmul_Op = operator("aten::_foreach_addcmul_.Scalar");
/** Each += value · tensor1 · tensor2. `aten::_foreach_addcmul_.Scalar(Tensor(a!)[] self, Tensor[] tensor1, Tensor[] tensor2, Scalar value=1) -> ()` */
export const foreachAddcmul_ = (self: readonly Tensor[], tensor1: readonly Tensor[], tensor2: readonly Tensor[], options: { value?: Scalar | undefined } = {}): void => { call(foreachAddcmul_Op, self, tensor1, tensor2, options.value); };

const foreachAddcdiv_Op = operator("aten::_foreach_addcdiv_.Scalar");
/** Each += value · tensor1 / tensor2. `aten::_foreach_addcdiv_.Scalar(Tensor(a!)[] self, Tensor[] tensor1, Tensor[] tensor2, Scalar value=1) -> ()` */
export const foreachAddcdiv_ = (self: readonly Tensor[], tensor1: readonly Tensor[], tensor2: readonly Tensor[], options: { value?: Scalar | undefined } = {}): void => { call(foreachAddcdiv_Op, self, tensor1, tensor2, options.value); };

const foreachNormOp = operator("aten::_foreach_norm.Scalar");
/** Norm of each. `aten::_foreach_norm.Scalar(Tensor[] self, Scalar ord=2) -> Tensor[]` */
export const foreachNorm = (self: readonly Tensor[], options: { ord?: Scalar | undefined } = {}): Tensor[] => call(foreachNormOp, self, options.ord);

const foreachZero_Op = operator("aten::_foreach_zero_");
/** Fills each with 0. `aten::_foreach_zero_(Tensor(a!)[] self) -> ()` */
export const foreachZero_ = (self: readonly Tensor[]): void => { call(foreachZero_Op, self); };

const foreachCopy_Op = operator("aten::_foreach_copy_");
/** Overwrites each with src. Only in libtorch 2.1 and newer. `aten::_foreach_copy_(Tensor(a!)[] self, Tensor[] src, bool non_blocking=False) -> ()` */
export const foreachCopy_ = (self: readonly Tensor[], src: readonly Tensor[]): void => { call(foreachCopy_Op, self, src); };

const fusedAdamW_Op = operator("aten::_fused_adamw_");
/** One AdamW step for all tensors. Only in libtorch 2.0 and newer. `aten::_fused_adamw_(Tensor(a!)[] self, Tensor(b!)[] grads, Tensor(c!)[] exp_avgs, Tensor(d!)[] exp_avg_sqs, Tensor(e!)[] max_exp_avg_sqs, Tensor[] state_steps, *, float lr, float beta1, float beta2, float weight_decay, float eps, bool amsgrad, bool maximize, Tensor? grad_scale=None, Tensor? found_inf=None) -> ()` */
export const fusedAdamW_ = (self: readonly Tensor[], grads: readonly Tensor[], expAvgs: readonly Tensor[], expAvgSqs: readonly Tensor[], maxExpAvgSqs: readonly Tensor[], stateSteps: readonly Tensor[], options: { lr: number; beta1: number; beta2: number; weightDecay: number; eps: number; amsgrad: boolean; maximize: boolean; gradScale?: Tensor | undefined; foundInf?: Tensor | undefined }): void => { call(fusedAdamW_Op, self, grads, expAvgs, expAvgSqs, maxExpAvgSqs, stateSteps, options.lr, options.beta1, options.beta2, options.weightDecay, options.eps, options.amsgrad, options.maximize, options.gradScale, options.foundInf); };

/** Every operator above, for tests and for asking what the libtorch in use has. */
export const operators: readonly Operator[] = [
  emptyOp,
  zerosOp,
  onesOp,
  fullOp,
  arangeOp,
  linspaceOp,
  eyeOp,
  emptyLikeOp,
  zerosLikeOp,
  onesLikeOp,
  fullLikeOp,
  fromFileOp,
  randOp,
  randnOp,
  randintOp,
  randpermOp,
  multinomialOp,
  bernoulliOp,
  uniform_Op,
  normal_Op,
  addOp,
  addScalarOp,
  subOp,
  subScalarOp,
  mulOp,
  mulScalarOp,
  divOp,
  divScalarOp,
  divideRoundingOp,
  divideRoundingScalarOp,
  remainderOp,
  remainderScalarOp,
  powOp,
  powScalarOp,
  negOp,
  absOp,
  signOp,
  expOp,
  expm1Op,
  logOp,
  log1pOp,
  log2Op,
  sqrtOp,
  rsqrtOp,
  squareOp,
  reciprocalOp,
  sinOp,
  cosOp,
  tanhOp,
  sigmoidOp,
  erfOp,
  floorOp,
  ceilOp,
  roundOp,
  clampOp,
  maximumOp,
  minimumOp,
  lerpOp,
  addcmulOp,
  addcdivOp,
  eqOp,
  eqScalarOp,
  neOp,
  neScalarOp,
  ltOp,
  ltScalarOp,
  leOp,
  leScalarOp,
  gtOp,
  gtScalarOp,
  geOp,
  geScalarOp,
  logicalAndOp,
  logicalOrOp,
  logicalNotOp,
  logicalXorOp,
  bitwiseAndOp,
  bitwiseAndScalarOp,
  bitwiseOrOp,
  bitwiseOrScalarOp,
  bitwiseXorOp,
  bitwiseXorScalarOp,
  shiftLeftOp,
  shiftRightOp,
  isnanOp,
  isfiniteOp,
  whereOp,
  maskedFillOp,
  maskedFillScalarOp,
  allcloseOp,
  equalOp,
  sumOp,
  sumDimOp,
  meanOp,
  meanDimOp,
  varianceOp,
  amaxOp,
  aminOp,
  maxOp,
  minOp,
  maxDimOp,
  minDimOp,
  argmaxOp,
  argminOp,
  anyOp,
  anyDimOp,
  allOp,
  allDimOp,
  cumsumOp,
  logsumexpOp,
  vectorNormOp,
  topkOp,
  sortOp,
  argsortOp,
  searchsortedOp,
  countNonzeroOp,
  bincountOp,
  itemOp,
  softmaxOp,
  logSoftmaxOp,
  matmulOp,
  mmOp,
  bmmOp,
  addmmOp,
  baddbmmOp,
  linearOp,
  einsumOp,
  outerOp,
  viewOp,
  viewDtypeOp,
  reshapeOp,
  transposeOp,
  permuteOp,
  tOp,
  squeezeOp,
  unsqueezeOp,
  expandOp,
  flattenOp,
  narrowOp,
  sliceOp,
  selectOp,
  catOp,
  stackOp,
  splitOp,
  splitWithSizesOp,
  chunkOp,
  unbindOp,
  repeatOp,
  repeatInterleaveOp,
  rollOp,
  flipOp,
  trilOp,
  triuOp,
  constantPadOp,
  contiguousOp,
  cloneOp,
  detachOp,
  toDtypeOp,
  toDeviceOp,
  copy_Op,
  setData_Op,
  indexSelectOp,
  gatherOp,
  scatterOp,
  scatterAddOp,
  scatter_Op,
  indexOp,
  indexPut_Op,
  indexAddOp,
  indexCopy_Op,
  indexFill_Op,
  maskedSelectOp,
  nonzeroOp,
  oneHotOp,
  embeddingOp,
  layerNormOp,
  geluOp,
  siluOp,
  reluOp,
  dropoutOp,
  crossEntropyLossOp,
  nllLossOp,
  binaryCrossEntropyWithLogitsOp,
  mseLossOp,
  klDivOp,
  scaledDotProductAttentionOp,
  add_Op,
  add_ScalarOp,
  sub_Op,
  sub_ScalarOp,
  mul_Op,
  mul_ScalarOp,
  div_Op,
  div_ScalarOp,
  clamp_Op,
  lerp_Op,
  addcmul_Op,
  addcdiv_Op,
  sqrt_Op,
  zero_Op,
  fill_Op,
  maskedFill_Op,
  mmOutOp,
  addOutOp,
  foreachAddOp,
  foreachAdd_Op,
  foreachAddScalar_Op,
  foreachSubOp,
  foreachMulOp,
  foreachMul_Op,
  foreachMulList_Op,
  foreachDiv_Op,
  foreachDivScalar_Op,
  foreachSqrtOp,
  foreachAddcmul_Op,
  foreachAddcdiv_Op,
  foreachNormOp,
  foreachZero_Op,
  foreachCopy_Op,
  fusedAdamW_Op,
];

import { copy_, noGrad, scope, type Tensor, tensor, toNumbers } from "@unmask/torch";

/** Central difference of `f` by one number of a parameter. */
export function differenceOf(one: Tensor, index: number, f: () => number, step = 1e-5): number {
  const before = Float64Array.from(toNumbers(one));
  const at = (value: number) => {
    const moved = before.slice();
    moved[index] = value;
    scope(() => noGrad(() => copy_(one, tensor(moved, [...one.shape], { dtype: "float64" }))));
    return f();
  };
  const [above, below] = [at(before[index]! + step), at(before[index]! - step)];
  at(before[index]!);
  return (above - below) / (2 * step);
}

// Tables of rotary positions, grown as longer sequences come. Angles are float32 products of float32 numbers, as the
// published networks compute them: base^(−2i/E) rounded, times the position, rounded.

import {
  cos,
  indexSelect,
  keep,
  narrow,
  reshape,
  scope,
  sin,
  type Tensor,
  tensor,
  toDtype,
} from "@unmask/torch";

export class RotaryTables {
  private readonly headSize: number;
  private readonly base: number;
  private tables: { cos_PH: Tensor; sin_PH: Tensor; places: number; kind: string } | undefined;

  /** `headSize` numbers of a head are rotated in pairs (i, i + headSize / 2). */
  constructor(headSize: number, base: number) {
    this.headSize = headSize;
    this.base = base;
  }

  /** cos and sin [L, E / 2] of positions start … start + L, in the dtype and on the device of `like`. */
  range(start: number, length: number, like: Tensor): { cos: Tensor; sin: Tensor } {
    const { cos_PH, sin_PH } = this.upTo(start + length, like);
    return { cos: narrow(cos_PH, 0, start, length), sin: narrow(sin_PH, 0, start, length) };
  }

  /** cos and sin of the positions int64 [L] or [B, L], all below `end`: [L, E / 2] or [B, 1, L, E / 2]. */
  at(positions: Tensor, end: number, like: Tensor): { cos: Tensor; sin: Tensor } {
    const { cos_PH, sin_PH } = this.upTo(end, like);
    const flat = reshape(positions, [-1]);
    const half = this.headSize / 2;
    const shape = positions.shape.length === 1 ? [-1, half] : [positions.shape[0]!, 1, -1, half];
    const pick = (table: Tensor) => reshape(indexSelect(table, 0, flat), shape);
    return { cos: pick(cos_PH), sin: pick(sin_PH) };
  }

  dispose(): void {
    this.tables?.cos_PH.dispose();
    this.tables?.sin_PH.dispose();
    this.tables = undefined;
  }

  private upTo(end: number, like: Tensor): { cos_PH: Tensor; sin_PH: Tensor } {
    const kind = `${like.device} ${like.dtype}`;
    const held = this.tables;
    if (held !== undefined && held.places >= end && held.kind === kind) return held;
    const places = Math.max(end, held?.kind === kind ? 2 * held.places : 64);
    const { cos_PH, sin_PH } = scope(() => {
      const angles = this.angles(places, like);
      return {
        cos_PH: keep(toDtype(cos(angles), like.dtype)),
        sin_PH: keep(toDtype(sin(angles), like.dtype)),
      };
    });
    this.dispose();
    this.tables = { cos_PH, sin_PH, places, kind };
    return this.tables;
  }

  private angles(places: number, like: Tensor): Tensor {
    const half = this.headSize / 2;
    const wide = like.dtype === "float64";
    const round = wide ? (x: number) => x : Math.fround;
    const frequency = Array.from({ length: half }, (_, i) =>
      round(1 / round(this.base ** round((2 * i) / this.headSize))),
    );
    const values = new Float64Array(places * half);
    for (let p = 0; p < places; p++)
      for (let i = 0; i < half; i++) values[p * half + i] = round(p * frequency[i]!);
    const dtype = wide ? "float64" : "float32";
    return tensor(values, [places, half], { dtype, device: like.device });
  }
}

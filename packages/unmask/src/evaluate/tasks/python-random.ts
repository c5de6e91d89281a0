// Python's `random.Random(seed).sample`, number for number: lm-evaluation-harness draws shots with it, so the same shots
// stand in the same prompts. MT19937 (Matsumoto & Nishimura 1998), seeded as CPython seeds an integer; `sample` and
// `_randbelow` as CPython 3.8 to 3.13 compute them.
//
// Smoke test: new PythonRandom(1234).sample(7473, 5) = [6374, 3610, 957, 61, 742].

const size = 624;
const middle = 397;

export class PythonRandom {
  private readonly state = new Uint32Array(size);
  private at = size;

  /** A non-negative safe integer. */
  constructor(seed: number) {
    const low = seed >>> 0;
    const high = Math.floor(seed / 2 ** 32);
    this.seedByArray(high === 0 ? [low] : [low, high]);
  }

  private seedByNumber(seed: number): void {
    const { state } = this;
    state[0] = seed;
    for (let i = 1; i < size; i++) {
      const last = state[i - 1]!;
      state[i] = (Math.imul(1812433253, last ^ (last >>> 30)) + i) >>> 0;
    }
  }

  private seedByArray(key: readonly number[]): void {
    this.seedByNumber(19650218);
    const { state } = this;
    const mixed = (i: number, factor: number) => {
      const last = state[i - 1]!;
      return state[i]! ^ Math.imul(last ^ (last >>> 30), factor);
    };
    let i = 1;
    const advance = () => {
      i++;
      if (i < size) return;
      state[0] = state[size - 1]!;
      i = 1;
    };
    for (let k = 0; k < Math.max(size, key.length); k++) {
      const j = k % key.length;
      state[i] = mixed(i, 1664525) + key[j]! + j;
      advance();
    }
    for (let k = 0; k < size - 1; k++) {
      state[i] = mixed(i, 1566083941) - i;
      advance();
    }
    state[0] = 0x80000000;
  }

  private refill(): void {
    const { state } = this;
    for (let i = 0; i < size; i++) {
      const y = (state[i]! & 0x80000000) | (state[(i + 1) % size]! & 0x7fffffff);
      state[i] = state[(i + middle) % size]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.at = 0;
  }

  private word(): number {
    if (this.at === size) this.refill();
    let y = this.state[this.at++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** Uniform in 0 .. n-1, for n up to 2^32 - 1. */
  below(n: number): number {
    const bits = 32 - Math.clz32(n);
    for (;;) {
      const drawn = this.word() >>> (32 - bits);
      if (drawn < n) return drawn;
    }
  }

  /** `count` different indices of a population; fewer than that many are the caller's mistake. */
  sample(population: number, count: number): number[] {
    let setSize = 21;
    if (count > 5) setSize += 4 ** Math.ceil(Math.log(count * 3) / Math.log(4));
    return population <= setSize ? this.fromPool(population, count) : this.fromSet(population, count);
  }

  private fromPool(population: number, count: number): number[] {
    const pool = Array.from({ length: population }, (_, index) => index);
    return Array.from({ length: count }, (_, i) => {
      const j = this.below(population - i);
      const drawn = pool[j]!;
      pool[j] = pool[population - i - 1]!;
      return drawn;
    });
  }

  private fromSet(population: number, count: number): number[] {
    const drawn = new Set<number>();
    while (drawn.size < count) drawn.add(this.below(population));
    return [...drawn];
  }
}

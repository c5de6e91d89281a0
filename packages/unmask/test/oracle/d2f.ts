// D2F's published loop once more, on plain arrays that grow: states by name, counters, no canvas.

export interface D2fAnswer {
  token: number;
  probability: number;
}

export interface D2fOracleOptions {
  prompt: readonly number[];
  newTokens: number;
  blockLength: number;
  skip: number;
  blockAdd: number;
  decoded: number;
  mask: number;
  end?: number | undefined;
  /** Forwards count from 1. */
  answer: (position: number, forward: number) => D2fAnswer;
}

export interface D2fForward {
  from: number;
  to: number;
  keep: number;
  writes: number[];
}

interface Block {
  start: number;
  end: number;
  state: "active" | "to cache" | "in cache";
  aggressive: boolean;
}

interface State {
  o: D2fOracleOptions;
  x: number[];
  blocks: Block[];
  endSeen: boolean;
}

export function publishedD2f(o: D2fOracleOptions): { x: number[]; forwards: D2fForward[] } {
  const x = [...o.prompt];
  const prompt: Block = { start: 0, end: x.length, state: "to cache", aggressive: true };
  const s: State = { o, x, blocks: [prompt], endSeen: false };
  const forwards: D2fForward[] = [];
  for (let C = 0; ; ) {
    grow(s);
    const active = s.blocks.filter(({ state }) => state === "active");
    if (!x.includes(o.mask) && active.length === 0) return { x, forwards };
    const waiting = s.blocks.filter(({ state }) => state === "to cache");
    const w = waiting.length === 0 ? 0 : waiting.at(-1)!.end - waiting[0]!.start;
    const from = waiting[0]?.start ?? active.find(({ start }) => start >= C)!.start;
    for (const block of waiting) block.state = "in cache";
    const writes = active.flatMap((block) => writesOf(s, block, forwards.length + 1));
    for (const { p, token } of writes) {
      x[p] = token;
      if (token === o.end) s.endSeen = true;
    }
    forwards.push({ from, to: x.length, keep: w, writes: writes.map(({ p }) => p) });
    for (const block of active) {
      if (masks(s, block).length > 0) break;
      block.state = "to cache";
    }
    C += w;
  }
}

const masks = ({ o, x }: State, { start, end }: Block): number[] =>
  [...x.keys()].slice(start, end).filter((p) => x[p] === o.mask);

const progress = (s: State, block: Block): number =>
  block === s.blocks[0] ? 1 : 1 - masks(s, block).length / (block.end - block.start);

function grow(s: State): void {
  const { o, x, blocks } = s;
  const mayAdd = blocks.length - 1 < Math.floor(o.newTokens / o.blockLength) && !s.endSeen;
  if (mayAdd && progress(s, blocks.at(-1)!) >= o.blockAdd) {
    const start = x.length;
    x.push(...new Array<number>(o.blockLength).fill(o.mask));
    blocks.push({ start, end: x.length, state: "active", aggressive: false });
  }
  for (let b = 0; b + 1 < blocks.length; b++) {
    if (progress(s, blocks[b]!) >= o.decoded) blocks[b + 1]!.aggressive = true;
  }
}

function writesOf(s: State, block: Block, forward: number) {
  const { answer, skip } = s.o;
  const answers = masks(s, block).map((p) => ({ p, ...answer(p, forward) }));
  const sure = answers.filter(({ probability }) => probability > skip);
  const [best] = [...answers].sort((a, b) => b.probability - a.probability || a.p - b.p);
  return sure.length > 0 || !block.aggressive || best === undefined ? sure : [best];
}

// d3LLM's published multi-block decoding once more, on plain arrays with counters as its description has them: slow,
// single, and without a canvas. Forwards count from 1. Only what a scripted network can show is computed.

export interface Answer {
  token: number;
  entropy: number;
}

export interface OracleOptions {
  family: "llada" | "dream";
  prompt: readonly number[];
  newTokens: number;
  blockLength: number;
  threshold: number;
  blockAdd: number;
  decoded: number;
  mask: number;
  end?: number | undefined;
  cache?: { delay: number; refresh: number } | undefined;
  answer: (position: number, forward: number) => Answer;
}

/** One forward: first fed position, how many, what the cache held, what it holds afterwards, the writes. */
export interface OracleForward {
  from: number;
  length: number;
  past: number;
  after: number;
  writes: number[];
}

export interface OracleRun {
  x: number[];
  nfe: number;
  forwards: OracleForward[];
}

interface Record {
  start: number;
  end: number;
  remaining: number;
  total: number;
  aggressive: boolean;
  completedAt: number | undefined;
  cached: boolean;
}

interface State {
  o: OracleOptions;
  x: number[];
  P: number;
  K: number;
  blocks: Record[];
  nfe: number;
  cacheLength: number | undefined;
  C: number;
}

const progress = (block: Record): number => 1 - block.remaining / block.total;

export function publishedMultiBlock(o: OracleOptions): OracleRun {
  const P = o.prompt.length;
  const x = [...o.prompt, ...new Array<number>(o.newTokens).fill(o.mask)];
  const whole = o.family === "dream" && o.cache !== undefined ? Math.ceil : Math.floor;
  const s: State = {
    ...{ o, x, P, K: whole(o.newTokens / o.blockLength), nfe: 0, cacheLength: undefined, C: 0 },
    blocks: [{ start: 0, end: P, remaining: 0, total: P, aggressive: true, completedAt: 0, cached: false }],
  };
  s.blocks.push(newBlock(s, 1 >= o.decoded));
  const forwards: OracleForward[] = [];
  for (;;) {
    const masked = x.map((token) => token === o.mask);
    const made = s.blocks.length - 1;
    if (!masked.includes(true) && made === s.K) break;
    s.nfe++;
    const j = o.end === undefined ? -1 : truncate(s, o.end);
    if (j >= 0 && !x.includes(o.mask)) break;
    activate(s, j < 0);
    const right = Math.max(...s.blocks.filter((b) => b.aggressive || b.remaining > 0).map((b) => b.end));
    const feed =
      o.cache === undefined ? { from: 0, length: x.length, past: 0, after: 0 } : cacheStep(s, right);
    if (feed === undefined) break;
    forwards.push({ ...feed, writes: commitStep(s, { masked, right, from: feed.from }) });
    if (s.nfe > 10_000) break;
  }
  return { x, nfe: s.nfe, forwards };
}

function newBlock({ o, x, P, blocks }: State, aggressive: boolean): Record {
  const start = P + (blocks.length - 1) * o.blockLength;
  const end = Math.min(start + o.blockLength, x.length);
  const remaining = x.slice(start, end).filter((token) => token === o.mask).length;
  return { start, end, remaining, total: end - start, aggressive, completedAt: undefined, cached: false };
}

/** Position of the first end of text, −1 if there is none; all behind it is closed. */
function truncate(s: State, endToken: number): number {
  const { x, P, blocks, o } = s;
  const j = x.indexOf(endToken, P);
  if (j < 0) return j;
  x.fill(endToken, j + 1);
  for (const block of blocks.slice(1)) {
    if (block.start > j && block.remaining !== 0) Object.assign(block, { remaining: 0, aggressive: true });
    if (block.start <= j && j < block.end) recount(block, x.slice(block.start, j + 1), o.mask);
  }
  while (blocks.length - 1 < s.K) blocks.push(newBlock(s, true));
  if (o.family === "dream" && o.cache !== undefined) {
    for (const block of blocks.slice(1)) {
      if (block.start > j) Object.assign(block, { cached: true, completedAt: s.nfe });
    }
  }
  return j;
}

function recount(block: Record, tokens: readonly number[], mask: number): void {
  const left = tokens.filter((token) => token === mask).length;
  if (left === block.remaining) return;
  block.remaining = left;
  if (left === 0) block.aggressive = true;
}

function activate(s: State, mayAdd: boolean): void {
  const { blocks, o } = s;
  for (let b = 1; b < blocks.length; b++) {
    if (progress(blocks[b - 1]!) >= o.decoded) blocks[b]!.aggressive = true;
  }
  const newest = blocks.at(-1)!;
  if (!mayAdd || blocks.length - 1 >= s.K) return;
  if (progress(newest) >= o.blockAdd || newest.remaining === 0) {
    blocks.push(newBlock(s, progress(newest) >= o.decoded));
  }
}

function cacheStep(s: State, right: number): Omit<OracleForward, "writes"> | undefined {
  const { blocks, nfe, C, x } = s;
  const { delay, refresh } = s.o.cache!;
  let last: Record | undefined;
  for (const block of blocks) {
    if (block.end <= C) continue;
    if (block.remaining > 0) break;
    block.completedAt ??= nfe;
    const age = nfe - block.completedAt;
    if (age >= delay && !block.cached) {
      last = block;
      block.cached = true;
    } else if (age < delay && s.o.family === "llada") break;
  }
  const w = last === undefined ? 0 : last.end - C;
  const waiting = blocks.filter((b) => b.remaining === 0 && b.completedAt !== undefined && !b.cached);
  const open = blocks.filter((b) => b.remaining > 0);
  const start = Math.min(C, ...[...waiting, ...open].map((b) => b.start));
  if (start >= right) return undefined;
  const past = s.cacheLength;
  if (w > 0) {
    s.cacheLength = (past ?? 0) + w;
    s.C += w;
    return { from: C, length: x.length - C, past: past ?? 0, after: s.cacheLength };
  }
  if (past === undefined) return { from: 0, length: x.length, past: 0, after: 0 };
  if (waiting.length === 0 && nfe % refresh !== 0)
    return { from: C, length: x.length - C, past, after: past };
  s.cacheLength = waiting.length === 0 ? C : waiting.at(-1)!.start;
  return { from: 0, length: x.length, past: 0, after: s.cacheLength };
}

/** Positions written, ascending. */
function commitStep(s: State, seen: { masked: boolean[]; right: number; from: number }): number[] {
  const { o, x, blocks, nfe } = s;
  const answers = x.map((_, p) => o.answer(p, nfe));
  const candidates = [...x.keys()].filter((p) => seen.masked[p] && p < seen.right && p >= seen.from);
  const surest = (from: readonly number[]) =>
    from.reduce((best, p) => (answers[p]!.entropy < answers[best]!.entropy ? p : best), from[0]!);
  const isSure = (p: number) =>
    o.family === "dream" ? answers[p]!.entropy < o.threshold : answers[p]!.entropy <= o.threshold;
  const chosen = new Set(candidates.filter(isSure));
  if (o.family === "llada" && candidates.length > 0) chosen.add(surest(candidates));
  const first = blocks.find((b, i) => i > 0 && b.aggressive && b.remaining > 0);
  const inside = (block: Record, list: Iterable<number>) =>
    [...list].filter((p) => p >= block.start && p < block.end);
  if (first !== undefined && inside(first, chosen).length === 0)
    chosen.add(surest(inside(first, candidates)));
  for (const p of chosen) x[p] = answers[p]!.token;
  for (const block of blocks) block.remaining = Math.max(0, block.remaining - inside(block, chosen).length);
  return [...chosen].sort((a, b) => a - b);
}

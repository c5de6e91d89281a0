// What an engine has done since it began.

import type { EngineStats } from "./engine.ts";

export type Totals = { -readonly [Name in keyof EngineStats["totals"]]: number };

export const newTotals = (): Totals => ({
  ...{ forwards: 0, positions: 0, rows: 0, promptTokens: 0, cachedTokens: 0, tokens: 0, wastedTokens: 0 },
  ...{ finished: 0, aborted: 0, refused: 0, expired: 0, failed: 0 },
});

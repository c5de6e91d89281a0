// A sequence that is shown, with where it comes from.

import type { Trajectory } from "#unmask/trajectory/record.ts";
import type { OpenedTrajectory } from "../page/workspace.svelte.ts";
import type { Order, Run } from "../run/run.ts";

export interface Shown {
  readonly opened: OpenedTrajectory;
  /** Its row in the file. */
  readonly index: number;
  readonly row: Trajectory;
  readonly run: Run;
  readonly order: Order;
  /** Whether texts of its tokens are known; their ids are shown if not. */
  readonly hasTexts: boolean;
}

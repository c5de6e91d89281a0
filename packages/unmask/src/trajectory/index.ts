// Trajectories without libtorch: for a browser, or for whoever only reads them.

export { decodeTrajectories, encodeTrajectories, type TrajectoryFile } from "./file.ts";
export { parseJournal } from "./journal.ts";
export { formatVersion, type Proposals, type Trajectory, type TrajectoryHeader } from "./record.ts";
export { type Frame, replay } from "./replay.ts";
export { kendallTau, type TrajectoryStats, trajectoryStats } from "./stats.ts";
export { piecesOf, type TokenTexts, textOf } from "./token-texts.ts";

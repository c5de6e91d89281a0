// Trajectories without libtorch: for a browser, or for whoever only reads them.

export { decodeTrajectories, encodeTrajectories, type TrajectoryFile } from "./file.ts";
export { formatVersion, type Trajectory, type TrajectoryHeader } from "./record.ts";
export { type Frame, replay } from "./replay.ts";
export { kendallTau, type TrajectoryStats, trajectoryStats } from "./stats.ts";

// Names of the files of an evaluation.

/** Names of tasks may be paths of files. */
export const fileName = (task: string): string => task.replace(/[^\w.+-]+/g, "_");
export const trajectoryFile = (task: string): string => `trajectories/${fileName(task)}.parquet`;
export const samplesFile = (task: string): string => `samples_${fileName(task)}.jsonl`;

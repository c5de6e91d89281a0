// @ts-check

/** A failure with one clear sentence for the user; 2 means that the user must do something first, 1 that a step broke. */
export class SetupFailure extends Error {
  /**
   * @param {string} message
   * @param {1 | 2} [exitCode]
   */
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

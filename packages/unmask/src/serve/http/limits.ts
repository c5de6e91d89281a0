// What a client may cost before the network is asked, with defaults that are safe on an open port.

export interface Limits {
  /** Of a request's body. */
  readonly bodyBytes: number;
  /** Objects and lists inside each other. */
  readonly bodyDepth: number;
  /** Fields and list items in all. */
  readonly bodyValues: number;
  /** Until the whole body is here. */
  readonly bodySeconds: number;
  /** Prompts times `n`. */
  readonly sequences: number;
  /** Stop texts. */
  readonly stops: number;
  /** From submission to the last token; a request may ask for less. */
  readonly requestSeconds: number;
  /** Written for a client that has not read it yet; more and it is dropped. */
  readonly bufferedBytes: number;
  /** Without a byte going out to a client that has some to read; longer and it is dropped. */
  readonly stallSeconds: number;
  /** Without news on a stream; then a comment keeps it open. */
  readonly keepAliveSeconds: number;
}

export const usualLimits: Limits = {
  bodyBytes: 1024 * 1024,
  bodyDepth: 64,
  bodyValues: 50_000,
  bodySeconds: 20,
  sequences: 64,
  stops: 16,
  requestSeconds: 600,
  bufferedBytes: 4 * 1024 * 1024,
  stallSeconds: 30,
  keepAliveSeconds: 15,
};

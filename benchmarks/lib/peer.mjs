// @ts-check
// The other side: one Python process that lives as long as the benchmark. Requests and answers are JSON lines.

import { spawn } from "node:child_process";
import { delimiter } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** peer_loop.py lies here. */
const library = fileURLToPath(new URL(".", import.meta.url));
const remedy = "apt-get install python3-torch (or name another interpreter with --python)";

/** @typedef {{ python: string, torch: string, threads: number, blas: string | null }} PeerFacts */

export class PeerMissing extends Error {}

export class Peer {
  /** @type {PeerFacts} */
  facts = { python: "", torch: "", threads: 0, blas: null };
  #child;
  #errors = "";
  /** @type {{ resolve: (answer: Record<string, unknown>) => void, reject: (error: Error) => void }[]} */
  #waiting = [];
  /** @type {Error | undefined} */
  #ended;

  /**
   * @param {string} python
   * @param {string} script
   * @param {readonly string[]} modules folders of further modules
   */
  constructor(python, script, modules = []) {
    const env = environment([library, ...modules]);
    // -B: no __pycache__ in the repository.
    this.#child = spawn(python, ["-B", script], { stdio: ["pipe", "pipe", "pipe"], env });
    process.once("exit", () => this.#child.kill());
    this.#child.stdin.on("error", () => {});
    this.#child.stderr.on("data", (chunk) => {
      this.#errors = (this.#errors + chunk).slice(-2000);
    });
    createInterface({ input: this.#child.stdout }).on("line", (line) => this.#answer(line));
    this.#child.on("error", (error) => this.#end(new PeerMissing(`${python}: ${error.message}; ${remedy}`)));
    this.#child.on("close", (code, signal) => {
      const last = this.#errors.trim().split("\n").at(-1);
      this.#end(
        new Error(`the Python side ended (${signal ?? `exit code ${code}`})${last ? `: ${last}` : ""}`),
      );
    });
  }

  /**
   * Starts Python with PyTorch and as many threads as we use. Rejects with PeerMissing if there is none.
   * @param {string} script
   * @param {{ python: string, threads: number, modules?: readonly string[] }} options
   */
  static async start(script, { python, threads, modules }) {
    const peer = new Peer(python, script, modules);
    const facts = await peer.ask({ do: "start", threads });
    if (facts.missing !== undefined) {
      peer.stop();
      throw new PeerMissing(`${python} has no torch; ${remedy}`);
    }
    peer.facts = /** @type {PeerFacts} */ (/** @type {unknown} */ (facts));
    return peer;
  }

  /**
   * Prepares a case; the answer holds `value`, the numbers to compare, and facts of the case.
   * @param {string} name
   * @param {Record<string, unknown>} request
   * @returns {Promise<{ value: number[] } & Record<string, unknown>>}
   */
  async open(name, request) {
    const answer = await this.ask({ do: "open", case: name, ...request });
    return /** @type {{ value: number[] }} */ (answer);
  }

  /**
   * Loads a checkpoint for the cases that follow; of several dtypes the one in which the probe is fastest.
   * @param {{ folder: string, dtypes: string[], probe: number[][] }} request
   */
  async load(request) {
    const answer = await this.ask({ do: "load", ...request });
    return /** @type {{ dtype: string, seconds: Record<string, number> }} */ (
      /** @type {unknown} */ (answer)
    );
  }

  /**
   * Seconds for `count` repetitions of the open case, by Python's own clock.
   * @param {number} count
   */
  async run(count) {
    return Number((await this.ask({ do: "run", count })).seconds);
  }

  stop() {
    this.#child.stdin.end();
  }

  /**
   * @param {Record<string, unknown>} request
   * @returns {Promise<Record<string, unknown>>}
   */
  ask(request) {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    });
  }

  /** @param {string} line */
  #answer(line) {
    const waiting = this.#waiting.shift();
    const answer = JSON.parse(line);
    if (answer.error === undefined) waiting?.resolve(answer);
    else waiting?.reject(new Error(`the Python side failed: ${answer.error}`));
  }

  /** @param {Error} error */
  #end(error) {
    this.#ended ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#ended);
  }
}

/**
 * This process's environment, with folders in which Python looks for modules.
 * @param {readonly string[]} modules
 */
export function environment(modules) {
  const PYTHONPATH = [...modules, process.env.PYTHONPATH].filter(Boolean).join(delimiter);
  return { ...process.env, PYTHONPATH };
}

/**
 * The peer, or undefined and a sentence to `say` if there is no Python with PyTorch.
 * @param {string} script
 * @param {{ python: string, threads: number, modules?: readonly string[], say: (text: string) => void }} options
 */
export async function startPeer(script, { say, ...options }) {
  try {
    return await Peer.start(script, options);
  } catch (error) {
    if (!(error instanceof PeerMissing)) throw error;
    say(`No peer, so no ratios: ${error.message}.`);
    return undefined;
  }
}

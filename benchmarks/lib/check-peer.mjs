// @ts-check
// A peer that computes something else is no peer: before anything is timed it reproduces what was recorded of the
// published code.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { environment } from "./peer.mjs";

/**
 * Throws if the script, called with the folder of recordings, ends with another code than 0.
 * @param {string} script
 * @param {object} options
 * @param {string} options.python
 * @param {string} options.folder
 * @param {readonly string[]} options.families without their sub-folders nothing is checked
 * @param {readonly string[]} [options.modules] folders in which Python finds modules
 * @param {string} options.what was recorded, in words
 * @param {(text: string) => void} options.say
 */
export function checkPeer(script, { python, folder, families, modules = [], what, say }) {
  if (!families.every((family) => existsSync(`${folder}/${family}`))) {
    const names = families.join(", ");
    say(`The Python side is not checked: the recorded ${what} of ${names} is not in ${folder} (--fixtures).`);
    return;
  }
  const { status, stdout, stderr } = spawnSync(python, ["-B", script, folder], {
    encoding: "utf8",
    env: environment(modules),
  });
  const last = stdout.trim().split("\n").at(-1);
  if (status === 0) return say(`The Python side reproduces the recorded ${what}: ${last}.`);
  throw new Error(`the Python side does not reproduce the recorded ${what}:\n${stdout}${stderr}`);
}

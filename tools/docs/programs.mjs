// @ts-check
// Checks and compiles TypeScript programs of pages and examples, in one run of the compiler.

import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * @param {string} root the repository
 * @param {string} name of a folder that may be made anew
 * @param {ReadonlyMap<string, string>} programs texts by name, without ending
 * @returns {{ complaints: string, compiled: (name: string) => string }} what the compiler says, and the file of a program
 */
export function compile(root, name, programs) {
  // Inside node_modules, so that a program finds the packages as a user's would.
  const folder = join(root, "node_modules", ".cache", name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [file, text] of programs) writeFileSync(join(folder, `${file}.ts`), `${text}\nexport {};\n`);
  const compilerOptions = {
    ...{ target: "es2022", module: "nodenext", lib: ["es2023", "esnext.disposable", "dom"], types: ["node"] },
    ...{ strict: true, skipLibCheck: true, noEmitOnError: false, outDir: "js", rootDir: "." },
  };
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }));
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  const { stdout } = spawnSync(process.execPath, [compiler, "-p", folder], { cwd: folder, encoding: "utf8" });
  return { complaints: stdout.trim(), compiled: (file) => join(folder, "js", `${file}.js`) };
}

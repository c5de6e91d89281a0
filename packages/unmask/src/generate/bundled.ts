// The models that come with the package: small enough to lie beside the code, made by recipes of the repository.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Beside the sources as beside the compiled code. */
const folder = fileURLToPath(new URL("../../models", import.meta.url));

/** Names that stand for a model wherever one is asked for. */
export const bundledNames = (): string[] => readdirSync(folder).sort();

/** The folder of a model that comes with the package, or undefined. */
export function bundledFolder(name: string): string | undefined {
  const found = join(folder, name);
  return /^[a-z][a-z0-9-]*$/.test(name) && existsSync(join(found, "config.json")) ? found : undefined;
}

// A verb that several processes may run together: joined by torchrun's variables, left in good order, and where one fails
// the others hear why.

import type { World } from "@unmask/torch";

/** Runs `body` in the world that the environment describes; rank 0 speaks for all. */
export async function together(body: (world: World) => Promise<number>): Promise<number> {
  const { initDistributed } = await import("@unmask/torch");
  const world = await initDistributed();
  let exitCode: number;
  try {
    exitCode = await body(world);
  } catch (error) {
    await world.fail(error instanceof Error ? error.message : String(error));
    throw error;
  }
  await world.close();
  return exitCode;
}

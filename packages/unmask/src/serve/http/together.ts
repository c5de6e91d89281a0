// Several requests to the engine as one run of events: a completion of many prompts is answered as a whole.

import type { Engine, EngineEvent, EngineRequest } from "../engine.ts";

export interface SourcedEvent {
  /** Which of the requests. */
  readonly source: number;
  readonly event: EngineEvent;
}

/** Events as they come. When one request fails, or the iteration is left, the controller ends the others. */
export async function* together(
  engine: Engine,
  requests: readonly EngineRequest[],
  controller: AbortController,
): AsyncGenerator<SourcedEvent, void> {
  const iterators = requests.map((one) => engine.submit(one, controller.signal)[Symbol.asyncIterator]());
  const pending = new Map<number, Promise<{ source: number; result: IteratorResult<EngineEvent> }>>();
  const ask = (source: number): void => {
    const answer = iterators[source]!.next().then((result) => ({ source, result }));
    // Whoever fails second is nobody's concern any more.
    answer.catch(() => undefined);
    pending.set(source, answer);
  };
  iterators.forEach((_, source) => {
    ask(source);
  });
  try {
    while (pending.size > 0) {
      const { source, result } = await Promise.race(pending.values());
      pending.delete(source);
      if (result.done === true) continue;
      ask(source);
      yield { source, event: result.value };
    }
  } finally {
    if (pending.size > 0) {
      controller.abort();
      for (const source of pending.keys()) iterators[source]!.return?.()?.catch(() => undefined);
    }
  }
}
